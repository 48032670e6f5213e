//! The opening handshake in time that passes when nobody has anything to do.

use shared::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::sleep;

use super::http1;

/// Its answer is not lost because the peer goes on sending for a while.
#[tokio::test(start_paused = true)]
async fn the_end_after_a_late_request() {
    let (mut ours, mut theirs) = duplex(4096);
    let options = Options::default();
    let opening = tokio::spawn(async move {
        let opened = http1::open(&mut ours, &options).await;
        opened.map(|opened| opened.is_some()).map_err(|error| error.to_string())
    });
    sleep(options.handshake_timeout * 9 / 10).await;
    theirs.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    theirs.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
    sleep(options.handshake_timeout / 2).await;
    theirs.write_all(b"more").await.expect("it still reads");
    theirs.shutdown().await.unwrap();
    assert_eq!(opening.await.unwrap(), Ok(false));
}

/// But who never ends is not waited for without end.
#[tokio::test(start_paused = true)]
async fn the_end_that_does_not_come() {
    let (mut ours, mut theirs) = duplex(4096);
    let options = Options::default();
    let opening = tokio::spawn(async move { http1::open(&mut ours, &options).await.is_err() });
    theirs.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    sleep(options.handshake_timeout * 2).await;
    assert!(opening.is_finished(), "it is waited for");
    assert!(opening.await.unwrap());
}

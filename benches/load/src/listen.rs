//! The command line that all echo servers share, as far as they need it: `--listen ADDRESS`.

use std::io;

use tokio::net::TcpListener;

pub(crate) async fn listen() -> io::Result<TcpListener> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let address = std::env::args().skip_while(|arg| arg != "--listen").nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    Ok(listener)
}

//! Redis between the servers, and how to live without it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::{AsyncCommands, Client};
use tokio::select;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{sleep, timeout};

use crate::{Heard, Result};

const CHANNEL: &str = "sansocket:chat";
/// How long Redis may take to do something.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(200);

type Said = mpsc::Receiver<(Arc<str>, String)>;

/// Joins the servers for ever, as often as it takes.
pub(crate) async fn run(redis: Client, mut said: Said, hear: broadcast::Sender<Heard>) {
    let mut was_joined = true;
    loop {
        let mut is_joined = false;
        if let Err(error) = join(&redis, &mut said, &hear, &mut is_joined).await {
            if was_joined || is_joined {
                eprintln!("Redis is lost: {error}");
                hear.send(Heard::News("* the other servers are out of reach")).ok();
            }
            was_joined = false;
        }
        // Those who are here hear each other.
        let alone = async {
            while let Some((room, text)) = said.recv().await {
                hear.send(Heard::Said { room, text: text.into() }).ok();
            }
        };
        timeout(RETRY, alone).await.ok();
        sleep(RETRY).await;
    }
}

/// Carries texts to Redis and from it, until it is lost. A text is carried at most once: one that is
/// on its way when Redis is lost may not be heard elsewhere.
async fn join(
    redis: &Client,
    said: &mut Said,
    hear: &broadcast::Sender<Heard>,
    is_joined: &mut bool,
) -> Result<()> {
    let mut subscription = timeout(PATIENCE, redis.get_async_pubsub()).await??;
    timeout(PATIENCE, subscription.subscribe(CHANNEL)).await??;
    let mut publisher = timeout(PATIENCE, redis.get_multiplexed_async_connection()).await??;
    let mut messages = subscription.on_message();
    *is_joined = true;
    eprintln!("joined by Redis");
    hear.send(Heard::News("* joined with the other servers")).ok();
    loop {
        select! {
            message = messages.next() => {
                let line: String = message.ok_or("it ended the connection")?.get_payload()?;
                // A room is a path, so it has no spaces.
                let Some((room, text)) = line.split_once(' ') else { continue };
                hear.send(Heard::Said { room: room.into(), text: text.into() }).ok();
            }
            Some((room, text)) = said.recv() => {
                let line = format!("{room} {text}");
                let published = timeout(PATIENCE, publisher.publish::<_, _, ()>(CHANNEL, line)).await;
                if !matches!(published, Ok(Ok(()))) {
                    hear.send(Heard::Said { room, text: text.into() }).ok();
                    published??;
                }
            }
        }
    }
}

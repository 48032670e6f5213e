//! Redis between the servers, and how to live without it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncCommands, Client};
use shared::Error;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};

use crate::rooms::Rooms;

const CHANNEL: &str = "sansocket:chat";
/// How long Redis may take to do something.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(200);

type Said = (Arc<str>, String);
/// What is heard of all servers, and a way to tell them.
type Joined = (PubSub, MultiplexedConnection);

/// Joins the servers for ever, as often as it takes.
pub(crate) async fn run(redis: Client, mut said: mpsc::Receiver<Said>, rooms: Rooms) {
    loop {
        let joined = alone(&redis, &mut said, &rooms).await;
        eprintln!("joined by Redis");
        rooms.tell_all("* joined with the other servers");
        let error = together(joined, &mut said, &rooms).await;
        eprintln!("Redis is lost: {error}");
        rooms.tell_all("* the other servers are out of reach");
    }
}

/// Waits for Redis. Those who are here hear each other meanwhile.
async fn alone(redis: &Client, said: &mut mpsc::Receiver<Said>, rooms: &Rooms) -> Joined {
    let mut joining = pin!(async {
        let mut is_told = false;
        loop {
            match join(redis).await {
                Ok(joined) => return joined,
                Err(error) if !is_told => eprintln!("no Redis: {error}"),
                Err(_) => {}
            }
            is_told = true;
            sleep(RETRY).await;
        }
    });
    loop {
        select! {
            joined = &mut joining => return joined,
            Some((room, text)) = said.recv() => rooms.tell(&room, &text),
        }
    }
}

async fn join(redis: &Client) -> Result<Joined, Error> {
    timeout(PATIENCE, async {
        let mut subscription = redis.get_async_pubsub().await?;
        subscription.subscribe(CHANNEL).await?;
        Ok((subscription, redis.get_multiplexed_async_connection().await?))
    })
    .await?
}

/// Carries texts to Redis and from it, until it is lost. A text is carried at most once: one that is
/// on its way when Redis is lost may not be heard elsewhere.
async fn together(
    (mut subscription, mut publisher): Joined,
    said: &mut mpsc::Receiver<Said>,
    rooms: &Rooms,
) -> Error {
    let mut messages = subscription.on_message();
    let mut asking = interval(PATIENCE);
    loop {
        select! {
            // What others say goes before what is said here: it piles up, and this need not.
            biased;
            // One that hangs ends no connection, and where nobody speaks nothing else fails.
            _ = asking.tick() => {
                let ping = redis::cmd("PING");
                match timeout(PATIENCE, ping.query_async::<()>(&mut publisher)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(late) => return late.into(),
                }
            }
            message = messages.next() => {
                let Some(message) = message else { return "it ended the connection".into() };
                let line: String = message.get_payload().unwrap_or_default();
                // A room is a path, so it has no spaces.
                let Some((room, text)) = line.split_once(' ') else { continue };
                rooms.tell(room, text);
            }
            Some((room, text)) = said.recv() => {
                let line = format!("{room} {text}");
                let publish = publisher.publish::<_, _, ()>(CHANNEL, line);
                let error: Error = match timeout(PATIENCE, publish).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.into(),
                    Err(late) => late.into(),
                };
                rooms.tell(&room, &text);
                return error;
            }
        }
    }
}

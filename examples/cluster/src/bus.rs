//! Redis between the servers, and how to live without it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};
use shared::Error;
use tokio::select;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::rooms::Rooms;

const CHANNEL: &str = "sansocket:chat";
const RETRY: Duration = Duration::from_millis(200);
/// For who is far behind, where Redis sets no pace.
const PAUSE: Duration = Duration::from_millis(1);

type Said = (Arc<str>, String);
/// What is heard of all servers, and a way to tell them.
type Joined = (PubSub, MultiplexedConnection);

/// Redis, and how long it may take to do something.
pub(crate) struct Bus {
    pub(crate) redis: Client,
    pub(crate) patience: Duration,
}

/// Joins the servers for ever, as often as it takes.
pub(crate) async fn run(bus: Bus, mut said: mpsc::Receiver<Said>, rooms: Rooms) {
    loop {
        let joined = alone(&bus, &mut said, &rooms).await;
        shared::log("joined by Redis");
        rooms.tell_all("* joined with the other servers");
        let error = together(joined, bus.patience, &mut said, &rooms).await;
        shared::log(format_args!("Redis is lost: {error}"));
        rooms.tell_all("* the other servers are out of reach");
    }
}

/// Waits for Redis. Those who are here hear each other meanwhile.
async fn alone(bus: &Bus, said: &mut mpsc::Receiver<Said>, rooms: &Rooms) -> Joined {
    let mut joining = pin!(async {
        let mut is_told = false;
        loop {
            match join(bus).await {
                Ok(joined) => return joined,
                Err(error) if !is_told => shared::log(format_args!("no Redis: {error}")),
                Err(_) => {}
            }
            is_told = true;
            sleep(RETRY).await;
        }
    });
    loop {
        select! {
            joined = &mut joining => return joined,
            Some((room, text)) = said.recv() => {
                // One pause a text: who does not read at all is soon let go, and the others wait no more.
                if rooms.tell(&room, &text) {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn join(Bus { redis, patience }: &Bus) -> Result<Joined, Error> {
    timeout(*patience, async {
        let mut subscription = redis.get_async_pubsub().await?;
        subscription.subscribe(CHANNEL).await?;
        // The library's own deadlines would come first: half a second for an answer.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let publisher = redis.get_multiplexed_async_connection_with_config(&config).await?;
        Ok((subscription, publisher))
    })
    .await?
}

/// Carries texts to Redis and from it, until it is lost.
async fn together(
    (subscription, publisher): Joined,
    patience: Duration,
    said: &mut mpsc::Receiver<Said>,
    rooms: &Rooms,
) -> Error {
    let mut under_way = None;
    let error = select! {
        biased; // what is known to be carried is not told again
        error = publish(publisher.clone(), patience, said, &mut under_way) => error,
        error = hear(subscription, rooms) => error,
        error = ask(publisher, patience) => error,
    };
    // It may have been heard elsewhere, or not: it is carried at most once. Here it is.
    if let Some((room, text)) = under_way {
        rooms.tell(&room, &text);
    }
    error
}

/// One text after the other: so all of them come in the order in which they were said.
async fn publish(
    mut redis: MultiplexedConnection,
    patience: Duration,
    said: &mut mpsc::Receiver<Said>,
    under_way: &mut Option<Said>,
) -> Error {
    loop {
        *under_way = said.recv().await;
        let Some((room, text)) = under_way else { return "nobody speaks any more".into() };
        let publish = redis.publish::<_, _, ()>(CHANNEL, format!("{room} {text}"));
        if let Err(error) = in_time(publish, patience).await {
            return error;
        }
        *under_way = None;
    }
}

async fn hear(mut subscription: PubSub, rooms: &Rooms) -> Error {
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        let line: String = message.get_payload().unwrap_or_default();
        // A room is a path, so it has no spaces.
        if let Some((room, text)) = line.split_once(' ') {
            rooms.tell(room, text);
            yield_now().await; // they hear it before more is said
        }
    }
    "it ended the connection".into()
}

/// Redis that hangs ends no connection, and where nobody speaks nothing else fails.
async fn ask(mut redis: MultiplexedConnection, patience: Duration) -> Error {
    loop {
        sleep(patience).await;
        if let Err(error) = in_time(redis::cmd("PING").query_async(&mut redis), patience).await {
            return error;
        }
    }
}

async fn in_time(
    request: impl Future<Output = RedisResult<()>>,
    patience: Duration,
) -> Result<(), Error> {
    Ok(timeout(patience, request).await??)
}

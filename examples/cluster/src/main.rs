//! A chat on several servers, joined by Redis: what is said in a room on one is heard on all.
//!
//! ```text
//! cluster-driver --name NAME --redis redis://127.0.0.1:6379/ [--redis-timeout SECONDS]
//!     [--listen 127.0.0.1:9001]...
//! ```
//!
//! Who connects to `/ROOM` gets `room ROOM, you are NAME.N`; the others hear when someone joins and
//! leaves, and `NAME.N: TEXT` for each text. If Redis is lost, nobody else is: each server goes on for
//! its own, says so, and joins the others again as soon as it can.

mod bus;
mod guest;
#[path = "../../tokio/src/http1.rs"]
mod http1;
mod output;
#[path = "../../tokio/src/patient.rs"]
mod patient;
mod rooms;

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use rooms::Rooms;
use shared::{Error, options};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The most bytes that a guest may say at once, inflated. Each room may hold hundreds of them.
const MAX_MESSAGE: u64 = 1024;

/// What the guests of a server share.
#[derive(Clone)]
struct House {
    name: Arc<str>,
    /// From the guests to all servers: a room, and a text.
    say: mpsc::Sender<(Arc<str>, String)>,
    /// From all servers to the guests of this one.
    rooms: Rooms,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let (mut name, mut redis) = ("a".to_owned(), "redis://127.0.0.1:6379/".to_owned());
    let mut patience = Duration::from_secs(2);
    let (mut options, listen) = options::parse(|option, value| {
        match (option, options::seconds(value)) {
            ("--name", _) => name = value.to_owned(),
            ("--redis", _) => redis = value.to_owned(),
            ("--redis-timeout", Some(time)) => patience = time,
            _ => return false,
        }
        true
    });
    options.config = options.config.max_message(MAX_MESSAGE).drop_after_close(true);
    let listener = TcpListener::bind(listen).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let (say, said) = mpsc::channel(16);
    let house = House { name: name.into(), say, rooms: Rooms::default() };
    let bus = Bus { redis: redis::Client::open(redis)?, patience };
    tokio::spawn(bus::run(bus, said, house.rooms.clone()));
    for number in 1_u64.. {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files, most likely: let some connections end.
                shared::log(format_args!("accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let house = house.clone();
        tokio::spawn(async move {
            if let Err(error) = guest::serve(stream, house, number, &options).await {
                shared::log(format_args!("{peer}: {error}"));
            }
        });
    }
    Ok(())
}

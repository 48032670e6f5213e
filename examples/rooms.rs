//! Chat in rooms: who connects to `/{id}` talks to all who are there.
//!
//! ```text
//! cargo run --release --example rooms -- [--listen 127.0.0.1:9002] [--origin ORIGIN]
//!     [--heartbeat SECONDS]
//! ```
//!
//! A newcomer hears `room {id}, you are {N}`, the others `{N} joined`; a text `m` of
//! N goes to all as `{N}: {m}`, a binary message as it is; in the end the others
//! hear `{N} left`. Nobody is waited for: who does not take what is said is closed
//! with 1008. Clients that vanish are noticed by Pings.

mod member;
mod server;
mod timed;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex};

use member::{Member, lock};
use sansocket::deflate::Compression;
use sansocket::keepalive::Timeouts;
use sansocket::{Config, Message, WebSocket};
use server::{Opened, Options, Site, listen};
use timed::linger;

/// A longer message is refused with 1009.
const MAX_MESSAGE: u64 = 16 * 1024;
/// A longer name of a room is refused with 1008.
const MAX_NAME: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let Options { listen: address, origin, timeouts } = Options::of("rooms", "127.0.0.1:9002");
    let site = Site {
        page: include_bytes!("rooms.html"),
        origin,
        compression: Some(Compression::new()),
        protocols: &[],
        knows: |path| path != "/" && !path[1..].contains('/'),
        refuse: None,
    };
    let rooms = Rooms::default();
    Ok(listen(&address, site, move |opened| serve(opened, &rooms, timeouts))?)
}

/// The lock is held to find a room, never while somebody is told something: one room does not wait
/// for another.
#[derive(Default)]
struct Rooms(Mutex<HashMap<String, Arc<Mutex<Room>>>>);

/// Its lock is the order in which all hear the same.
#[derive(Default)]
struct Room {
    /// How many have ever come.
    count: u64,
    members: BTreeMap<u64, Arc<Member>>,
    /// The last has left: who comes now finds a new room.
    is_gone: bool,
}

impl Rooms {
    /// Greets the newcomer, tells the others, and gives the room and the newcomer's number.
    fn join(&self, id: &str, member: &Arc<Member>) -> (Arc<Mutex<Room>>, u64) {
        loop {
            let found = Arc::clone(lock(&self.0).entry(id.to_owned()).or_default());
            let mut room = lock(&found);
            if room.is_gone {
                continue;
            }
            room.count += 1;
            let number = room.count;
            member.send(&format!("room {id}, you are {number}").into());
            room.tell(format!("{number} joined").into());
            room.members.insert(number, Arc::clone(member));
            drop(room);
            return (found, number);
        }
    }

    fn leave(&self, id: &str, room: &Mutex<Room>, number: u64) {
        let mut room = lock(room);
        // One who was too slow is gone already.
        if room.members.remove(&number).is_some() {
            room.tell(format!("{number} left").into());
        }
        if room.members.is_empty() && !room.is_gone {
            room.is_gone = true;
            lock(&self.0).remove(id);
        }
    }
}

impl Room {
    fn say(&mut self, number: u64, message: Message<'static>) {
        self.tell(match message {
            Message::Text(text) => format!("{number}: {text}").into(),
            binary @ Message::Binary(_) => binary,
        });
    }

    /// Says `message` to all. Who was closed for being slow is gone by now, and
    /// the others are told in turn.
    fn tell(&mut self, message: Message<'static>) {
        let mut messages = VecDeque::from([message]);
        while let Some(message) = messages.pop_front() {
            self.members.retain(|number, member| {
                let stays = member.send(&message);
                if !stays {
                    messages.push_back(format!("{number} left").into());
                }
                stays
            });
        }
    }
}

/// One connection: in a room until the end.
fn serve(opened: Opened, rooms: &Rooms, timeouts: Timeouts) -> Result<(), Box<dyn Error>> {
    let Opened { stream, path, agreement, first } = opened;
    let config = Config::new().max_message(MAX_MESSAGE).drop_after_close(true);
    let ws = WebSocket::server_with_compression(config, agreement).keepalive(timeouts);
    let (member, writer) = Member::start(ws, &stream)?;

    let id = &path[1..];
    let result = if id.len() > MAX_NAME {
        member.refuse("the room's name is too long");
        member.read(&stream, first, |_| {})
    } else {
        let (room, number) = rooms.join(id, &member);
        let result = member.read(&stream, first, |message| lock(&room).say(number, message));
        rooms.leave(id, &room, number);
        result
    };
    member.finish(writer);
    linger(&stream);
    result
}

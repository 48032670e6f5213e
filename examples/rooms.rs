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

#[derive(Default)]
struct Rooms(Mutex<HashMap<String, Room>>);

#[derive(Default)]
struct Room {
    /// How many have ever come.
    count: u64,
    members: BTreeMap<u64, Arc<Member>>,
}

impl Rooms {
    /// Greets the newcomer, tells the others, and gives the newcomer's number.
    fn join(&self, id: &str, member: &Arc<Member>) -> u64 {
        let mut rooms = lock(&self.0);
        let room = rooms.entry(id.to_owned()).or_default();
        room.count += 1;
        let number = room.count;
        member.send(&format!("room {id}, you are {number}").into());
        room.tell(format!("{number} joined").into());
        room.members.insert(number, Arc::clone(member));
        number
    }

    fn say(&self, id: &str, number: u64, message: Message<'static>) {
        let message = match message {
            Message::Text(text) => format!("{number}: {text}").into(),
            binary @ Message::Binary(_) => binary,
        };
        if let Some(room) = lock(&self.0).get_mut(id) {
            room.tell(message);
        }
    }

    fn leave(&self, id: &str, number: u64, member: &Arc<Member>) {
        let mut rooms = lock(&self.0);
        let Some(room) = rooms.get_mut(id) else { return };
        // A slow one may be gone for long, and its number another's in a new room.
        if room.members.get(&number).is_some_and(|there| Arc::ptr_eq(there, member)) {
            room.members.remove(&number);
            room.tell(format!("{number} left").into());
        }
        if room.members.is_empty() {
            rooms.remove(id);
        }
    }
}

impl Room {
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
        let number = rooms.join(id, &member);
        let result = member.read(&stream, first, |message| rooms.say(id, number, message));
        rooms.leave(id, number, &member);
        result
    };
    member.finish(writer);
    linger(&stream);
    result
}

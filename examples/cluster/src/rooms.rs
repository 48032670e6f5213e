//! The rooms of a server: what is said in one is nothing to those in another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::broadcast::{Receiver, Sender};

/// How many texts a guest may fall behind. Each room has a queue of so many, so that those who flood
/// one cannot end the slow of another. Texts are counted and not bytes, so they must be short: of
/// 1 KiB and a name at most, they are 256 KiB and some, for which who compresses sends a thirtieth.
pub(crate) const BEHIND: usize = 256;
/// From so many on, others should wait for it.
const FAR: usize = BEHIND / 4;

type ByName = HashMap<Arc<str>, Sender<Arc<str>>>;

/// A room is there as long as someone is in it.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<ByName>>);

impl Rooms {
    /// From here on, all that is said in the room is heard.
    pub(crate) fn enter(&self, room: &Arc<str>) -> Receiver<Arc<str>> {
        self.all().entry(room.clone()).or_insert_with(|| Sender::new(BEHIND)).subscribe()
    }

    pub(crate) fn leave(&self, room: &str, heard: Receiver<Arc<str>>) {
        let mut all = self.all();
        drop(heard);
        if all.get(room).is_some_and(|hear| hear.receiver_count() == 0) {
            all.remove(room);
        }
    }

    /// Tells those who are in a room; returns whether one of them is far behind.
    pub(crate) fn tell(&self, room: &str, text: &str) -> bool {
        self.all().get(room).is_some_and(|hear| hear.send(text.into()).is_ok() && hear.len() > FAR)
    }

    /// News of the server itself, for all.
    pub(crate) fn tell_all(&self, news: &str) {
        let news: Arc<str> = news.into();
        for hear in self.all().values() {
            hear.send(news.clone()).ok();
        }
    }

    /// Held for a moment, and never across an await.
    fn all(&self) -> MutexGuard<'_, ByName> {
        self.0.lock().expect("nobody panics with it")
    }
}

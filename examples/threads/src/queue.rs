//! The way to the writer, for the reader and for whoever else has something to say. A channel counts
//! messages, but what a peer makes us hold is bytes, so this one does; its lock is held only to look.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard};

use shared::{Error, Outgoing};

/// Bytes that wait to be written; or one message, if it is longer.
const MOST: usize = 64 * 1024;

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queued: Vec<Outgoing>,
    /// Bytes that are queued, or taken and not yet written.
    waiting: usize,
    has_ended: bool,
}

impl Queue {
    /// Waits until there is room; it fails when the connection has ended.
    pub(crate) fn push(&self, outgoing: Outgoing) -> Result<(), Error> {
        let len = outgoing.len();
        let mut state = self.wait_while(|state| state.waiting > 0 && state.waiting + len > MOST);
        if state.has_ended {
            return Err("the connection has ended".into());
        }
        state.waiting += len;
        state.queued.push(outgoing);
        drop(state); // or who is woken waits for it
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until something is queued, and takes all of it; nothing when no more will be.
    pub(crate) fn take(&self) -> Vec<Outgoing> {
        mem::take(&mut self.wait_while(|state| state.queued.is_empty()).queued)
    }

    /// So many bytes of what was taken are written.
    pub(crate) fn written(&self, len: usize) {
        self.state().waiting -= len;
        self.changed.notify_all();
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// Waits as long as this holds, but not beyond the end.
    fn wait_while(&self, holds: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.changed.wait_while(self.state(), |state| !state.has_ended && holds(state));
        state.expect("nothing panics at the lock")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics at the lock")
    }
}

/// Ends a queue when it is dropped, in a panic too: nobody is to wait for a thread that is gone.
pub(crate) struct End<'q>(pub(crate) &'q Queue);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.state().has_ended = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use sansocket::Message;

    use super::*;

    fn message(len: usize) -> Outgoing {
        Outgoing::Message(Message::from(vec![0; len]))
    }

    #[test]
    fn many_may_queue_and_it_stays_bounded() {
        let queue = Queue::default();
        let end = End(&queue);
        let len = MOST / 5;
        thread::scope(|scope| {
            let speakers = [(); 3].map(|()| {
                scope.spawn(|| (0..1000).for_each(|_| queue.push(message(len)).expect("not ended")))
            });
            let writer = scope.spawn(|| {
                let mut count = 0;
                loop {
                    let taken = queue.take();
                    if taken.is_empty() {
                        return count;
                    }
                    count += taken.len();
                    let len = taken.iter().map(Outgoing::len).sum();
                    assert!((1..=MOST).contains(&len) && queue.waiting() >= len);
                    queue.written(len);
                }
            });
            for speaker in speakers {
                speaker.join().expect("all is queued");
            }
            drop(end);
            assert_eq!(writer.join().expect("all is taken"), 3000);
        });
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn one_message_may_be_longer_if_it_is_alone() {
        let queue = Queue::default();
        queue.push(message(2 * MOST)).unwrap();
        thread::scope(|scope| {
            let next = scope.spawn(|| queue.push(message(0)));
            assert_eq!(queue.take().len(), 1, "the next has no room yet");
            queue.written(message(2 * MOST).len());
            next.join().unwrap().unwrap();
        });
        assert_eq!(queue.take(), [message(0)]);
    }

    #[test]
    fn who_waits_for_room_is_woken_at_the_end() {
        for _ in 0..100 {
            let queue = Queue::default();
            queue.push(message(MOST)).unwrap();
            thread::scope(|scope| {
                let waiting = [(); 2].map(|()| scope.spawn(|| queue.push(message(1))));
                drop(End(&queue));
                for push in waiting {
                    push.join().unwrap().unwrap_err();
                }
            });
            assert_eq!(queue.take(), [message(MOST)], "what is queued is still to be written");
            assert_eq!(queue.take(), []);
        }
    }
}

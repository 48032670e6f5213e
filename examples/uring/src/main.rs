//! An echo server on `io_uring`: one thread, which hands operations to the kernel and takes results.
//!
//! A connection has one operation under way, a read or a write, with the deadline linked to it. What
//! is to be written is written before more is read: that is the back-pressure. The buffers of an
//! operation belong to the kernel until its result is there, and so does the connection.
//!
//! Exits with 77 where the kernel has no `io_uring`, or does not let us use it.

mod peer;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process;
use std::time::Instant;

use io_uring::squeue::Entry;
use io_uring::types::{Fd, Timespec};
use io_uring::{IoUring, opcode};
use peer::Peer;
use sansocket::Scratch;
use shared::{Error, options};
use slab::Slab;

/// More connections are not accepted, be they asked for by `--most`.
const MOST: usize = 20_000;
/// So many may be under way: where it is one, who connects waits for a round of all the others.
const ACCEPTS: usize = 16;
/// The ring has room for so many results: those of a connection's operation, of its deadline and of
/// the deadline before; of the accepts; and of a pause.
const RESULTS: u32 = 65_536;
const _: () = assert!(3 * MOST + ACCEPTS < RESULTS as usize);

// What a result is of, if it is not the operation of a peer.
const ACCEPT: u64 = u64::MAX;
/// The operation that the deadline is linked to has a result of its own.
const DEADLINE: u64 = u64::MAX - 1;
const PAUSE: u64 = u64::MAX - 2;

fn main() -> Result<(), Error> {
    let mut most = MOST;
    let (options, listen) = options::parse(|name, value| {
        let number = value.parse().ok().filter(|_| name == "--most");
        most = number.unwrap_or(most).clamp(1, MOST);
        number.is_some()
    });
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut ring = IoUring::builder().setup_cqsize(RESULTS).build(1024).unwrap_or_else(|error| {
        shared::log(format_args!("no io_uring here: {error}"));
        process::exit(77);
    });
    let listener = TcpListener::bind(listen)?;
    println!("listening on ws://{}", listener.local_addr()?);

    // Never dropped: if this function ends, the kernel may yet write to their buffers. Nor moved: the
    // slab does not grow.
    let peers = Box::leak(Box::new(Slab::<Peer>::with_capacity(most)));
    let (clock, mut scratch) = (Instant::now(), Scratch::new());
    let mut results = Vec::new();
    let (mut accepting, mut is_paused) = (0, false);
    loop {
        while !is_paused && accepting < ACCEPTS && peers.len() + accepting < most {
            accept(&mut ring, &listener)?;
            accepting += 1;
        }
        settle(ring.submit_and_wait(1))?;
        results.extend(ring.completion().map(|done| (done.user_data(), done.result())));
        let now = clock.elapsed();
        for (key, result) in results.drain(..) {
            match key {
                DEADLINE => {}
                PAUSE => is_paused = false,
                ACCEPT => {
                    accepting -= 1;
                    if result >= 0 {
                        // SAFETY: the kernel has just made it, for nobody but us.
                        let stream = unsafe { TcpStream::from_raw_fd(result) };
                        let entry = peers.vacant_entry();
                        let key = entry.key() as u64;
                        let peer = entry.insert(Peer::new(stream, now, &options));
                        push(&mut ring, &peer.next_operation(now, key))?;
                    } else if !is_paused {
                        // Out of files, most likely: let some connections end.
                        shared::log(format_args!(
                            "accept: {}",
                            io::Error::from_raw_os_error(-result)
                        ));
                        pause(&mut ring)?;
                        is_paused = true;
                    }
                }
                _ => {
                    let peer = &mut peers[key as usize];
                    if peer.on_result(result, now, &options, &mut scratch).is_ok() {
                        push(&mut ring, &peer.next_operation(now, key))?;
                        continue;
                    }
                    peers.remove(key as usize); // nothing of it is with the kernel now
                }
            }
        }
    }
}

fn accept(ring: &mut IoUring, listener: &TcpListener) -> io::Result<()> {
    let fd = Fd(listener.as_raw_fd());
    let accept = opcode::Accept::new(fd, std::ptr::null_mut(), std::ptr::null_mut());
    push(ring, &[accept.build().user_data(ACCEPT)])
}

/// Accepts again in a tenth of a second.
fn pause(ring: &mut IoUring) -> io::Result<()> {
    static TENTH: Timespec = Timespec::new().nsec(100_000_000);
    push(ring, &[opcode::Timeout::new(&raw const TENTH).build().user_data(PAUSE)])
}

/// Lays operations that are linked where the kernel takes them, when the loop waits next. Those
/// before them are taken at once where there is no room for these.
fn push(ring: &mut IoUring, entries: &[Entry]) -> io::Result<()> {
    // SAFETY: what the entries point to are the input, the output and the deadline of a `Peer`, or a
    // static. They are on the heap, and neither they nor the peer are touched or moved until the
    // result is there.
    while unsafe { ring.submission().push_multiple(entries) }.is_err() {
        settle(ring.submit())?;
    }
    Ok(())
}

/// What the kernel could not take now, for results that wait or for want of memory, it takes the
/// next time.
fn settle(submitted: io::Result<usize>) -> io::Result<()> {
    match submitted {
        Err(error)
            if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

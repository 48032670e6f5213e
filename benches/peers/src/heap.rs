//! What is held on the heap, by an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Counts only while it is told to, so that those who allocate while they are
/// timed pay no more than a load for it.
pub struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            HELD.fetch_add(layout.size(), Relaxed);
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            HELD.fetch_add(layout.size(), Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTING.load(Relaxed) {
            HELD.fetch_add(size.wrapping_sub(layout.size()), Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if COUNTING.load(Relaxed) {
            HELD.fetch_sub(layout.size(), Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes of a connection that has nothing to do.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// The value itself.
    pub object: usize,
    /// What it holds on the heap.
    pub heap: usize,
}

/// Makes a connection and measures it.
pub fn idle<T>(make: impl FnOnce() -> T) -> Idle {
    HELD.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
    let connection = std::hint::black_box(make());
    let heap = HELD.load(Relaxed);
    COUNTING.store(false, Relaxed);
    drop(connection);
    Idle { object: size_of::<T>(), heap }
}

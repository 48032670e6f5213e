//! Goes into the tree with the mutants: which of them is alive.
//!
//! It is the one that `MUTANT` names when the tests begin. The first panic ends the
//! program, as one test that fails is enough.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::{env, fs, panic, process};

static ALIVE: AtomicU32 = AtomicU32::new(0);
/// In place of a mutant: write down, at the end, which ones could have been met.
const RECORD: u32 = u32::MAX;
static MET: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];

/// The mutant that is alive, if it is one of `first` to `last`; or 0.
#[inline(always)]
pub(crate) const fn mutant(first: u32, last: u32) -> u32 {
    core::intrinsics::const_eval_select((first, last), to_the_compiler, to_the_program)
}

/// None: such a mutant is compiled alone.
const fn to_the_compiler(_: u32, _: u32) -> u32 {
    0
}

#[inline(always)]
fn to_the_program(first: u32, last: u32) -> u32 {
    let alive = ALIVE.load(Relaxed);
    if first <= alive && alive <= last {
        return alive;
    }
    if alive == RECORD {
        meet(first, last);
    }
    0
}

#[cold]
#[inline(never)]
fn meet(first: u32, last: u32) {
    for number in first..=last {
        MET[number as usize].store(true, Relaxed);
    }
}

unsafe extern "C" {
    fn atexit(at_end: extern "C" fn()) -> i32;
    fn _exit(status: i32) -> !;
}

extern "C" fn write_down() {
    let met = MET.iter().enumerate().filter(|(_, met)| met.load(Relaxed));
    let text: String = met.map(|(number, _)| format!("{number}\n")).collect();
    if fs::write(env::var_os("MET").expect("a path"), text).is_err() {
        process::abort();
    }
}

extern "C" fn begin() {
    match env::var("MUTANT").as_deref() {
        Err(_) => {}
        Ok("record") => {
            ALIVE.store(RECORD, Relaxed);
            unsafe { atexit(write_down) };
        }
        Ok(number) => {
            ALIVE.store(number.parse().expect("a number"), Relaxed);
            panic::set_hook(Box::new(|panic| {
                eprintln!("{panic}");
                unsafe { _exit(101) }
            }));
        }
    }
}

/// Runs before `main`, which is not ours.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

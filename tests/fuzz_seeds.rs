//! The properties that the fuzzers hold true, over the seeds that are checked
//! in: no fuzzer is needed. (`fuzz/tests/seeds.rs` has those of DEFLATE against
//! another implementation, too.)
#![cfg(feature = "std")]

#[path = "../fuzz/src/targets/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the fuzzers' crate")]
mod targets;

use std::fs;
use std::path::Path;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");

#[test]
fn every_seed() {
    for (name, target) in targets::ALL {
        let mut count = 0;
        for seed in fs::read_dir(Path::new(SEEDS).join(name)).expect("a folder of seeds") {
            target(&fs::read(seed.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "no seeds for {name}");
    }
}

/// For each error there is a seed of its name, so that the fuzzers need not find
/// the way to it.
#[test]
fn every_error() {
    for error in targets::common::ERRORS {
        let seed = format!("{SEEDS}/receive_splits/{error:?}");
        let seed = fs::read(&seed).expect(&seed);
        assert_eq!(targets::receive_splits(&seed), Some(error));
    }
}

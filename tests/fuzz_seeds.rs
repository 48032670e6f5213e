//! The properties that the fuzzers hold true, over the seeds that are checked
//! in: no fuzzer is needed. (`fuzz/tests/seeds.rs` has those of DEFLATE against
//! another implementation, too.)
#![cfg(feature = "std")]

#[path = "../fuzz/src/targets/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the fuzzers' crate")]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

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

/// For each error there are seeds of its name, up to a `_`, so that the fuzzers need
/// not find the way to it.
#[test]
fn every_error() {
    let seeds: Vec<_> = fs::read_dir(Path::new(SEEDS).join("receive_splits"))
        .expect("a folder of seeds")
        .map(|seed| seed.unwrap().path())
        .collect();
    for error in targets::common::ERRORS {
        let name = format!("{error:?}");
        let is_of_it = |seed: &&PathBuf| {
            seed.file_name().unwrap().to_str().unwrap().split('_').next() == Some(&name)
        };
        let mut count = 0;
        for seed in seeds.iter().filter(is_of_it) {
            let found = targets::receive_splits(&fs::read(seed).unwrap());
            assert_eq!(found, Some(error), "{}", seed.display());
            count += 1;
        }
        assert!(count > 0, "no seed for {name}");
    }
}

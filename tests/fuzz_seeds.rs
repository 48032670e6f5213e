//! The properties that the fuzzers hold true, over the seeds that are checked
//! in: no fuzzer is needed. (`fuzz/tests/seeds.rs` has those of DEFLATE against
//! another implementation, too.)
#![cfg(feature = "std")]

#[path = "../fuzz/src/targets/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "a module of the fuzzers' crate")]
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, target) in targets::ALL {
        let mut count = 0;
        for seed in fs::read_dir(seeds.join(name)).expect("a folder of seeds") {
            target(&fs::read(seed.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "no seeds for {name}");
    }
}

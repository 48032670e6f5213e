//! The properties over the seeds, without a fuzzer, and with `miniz_oxide`.

use std::fs;
use std::path::Path;

use sansocket_fuzz::{oracle, targets};

#[test]
fn every_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for (name, target) in targets::ALL {
        let target = match name {
            "inflate" => |data: &[u8]| targets::every_way(data, oracle::inflate),
            "deflate" => |data: &[u8]| targets::every_way(data, oracle::deflate),
            _ => target,
        };
        for seed in fs::read_dir(seeds.join(name)).expect("a folder of seeds") {
            target(&fs::read(seed.unwrap().path()).unwrap());
        }
    }
}

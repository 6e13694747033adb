//! Any bytes, taken for topology JSON: `Ring::from_json` returns, and a ring survives being written and read.

#![no_main]

use fash::Ring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    let Ok(ring) = Ring::from_json(json) else { return };
    let mut written = Vec::new();
    ring.write_json(&mut written).unwrap();
    assert_eq!(Ring::from_json(&written).unwrap(), ring);
});

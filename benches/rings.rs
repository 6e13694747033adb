//! The rings and keys that the benchmarks work on.

use std::env;

use fash::{Algorithm, CreateError, Pnode, Ring, Vnode};

/// The number of vnodes that an edit changes.
pub const EDITED: u32 = 250_000;

/// The sizes to measure: what Triton deploys, and ten times that if `FASH_BENCH_10M` is set.
pub fn sizes() -> Vec<u32> {
    let mut sizes = vec![1_000_000];
    if env::var_os("FASH_BENCH_10M").is_some() {
        sizes.push(10_000_000);
    }
    sizes
}

/// The pnode of a shard.
///
/// # Panics
///
/// Never: the name is not empty.
#[expect(clippy::unwrap_used, reason = "a name that is not empty is a pnode")]
pub fn shard(number: u32) -> Pnode {
    format!("tcp://{number}.moray.bench.example.com:2020").parse().unwrap()
}

/// A ring of two shards.
///
/// # Errors
///
/// None with the sizes above.
pub fn two_shards(vnode_count: u32) -> Result<Ring, CreateError> {
    Ring::create(Algorithm::Sha256, vnode_count, [shard(1), shard(2)])
}

/// The first [`EDITED`] vnodes of shard 1.
pub fn edited_vnodes() -> Vec<Vnode> {
    (0..EDITED).map(|number| Vnode::new(number * 2)).collect()
}

/// Different keys of 60 bytes, about as long as the directories of Manta that electric-moray hashes.
pub fn keys() -> Vec<String> {
    (0..1024).map(|n| format!("/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/dir-{n:013}")).collect()
}

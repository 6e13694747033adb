//! Lookups in a ring in memory, beside the digest that is the least a lookup can cost.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may stop")]

use std::hint::black_box;

use benches::{keys, sizes, two_shards};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest as _, Sha256};

fn lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    group.throughput(Throughput::Elements(1));
    let keys = keys();

    let mut next = keys.iter().cycle();
    group.bench_function("sha256 alone", |bencher| {
        bencher.iter(|| Sha256::digest(black_box(next.next().unwrap())));
    });
    for size in sizes() {
        let ring = two_shards(size).unwrap();
        group.bench_function(size.to_string(), |bencher| {
            bencher.iter(|| {
                black_box(ring.lookup(black_box(next.next().unwrap().as_bytes())).unwrap());
            });
        });
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);

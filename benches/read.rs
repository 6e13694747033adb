//! Reading a ring in a LevelDB directory: one key, all of it, all of it to JSON, and the audit of every entry.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may stop")]

use std::hint::black_box;
use std::io;

use benches::{sizes, two_shards};
use criterion::{Criterion, criterion_group, criterion_main};
use fash::{RingReader, create_ring};

fn read(criterion: &mut Criterion) {
    for size in sizes() {
        let mut group = criterion.benchmark_group(format!("read {size}"));
        group.sample_size(10);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let ring = two_shards(size).unwrap();
        create_ring(&path, &ring).unwrap();

        group.bench_function("open and one node", |bencher| {
            bencher.iter(|| {
                let reader = RingReader::open(&path).unwrap();
                black_box(reader.lookup(b"/yunong/stor").unwrap());
            });
        });
        group.bench_function("load", |bencher| {
            bencher.iter(|| black_box(RingReader::open(&path).unwrap().load().unwrap()));
        });
        group.bench_function("audit", |bencher| {
            bencher.iter(|| black_box(RingReader::open(&path).unwrap().audit().unwrap()));
        });
        group.bench_function("write JSON", |bencher| {
            bencher.iter(|| ring.write_json(io::sink()).unwrap());
        });
    }
}

criterion_group!(benches, read);
criterion_main!(benches);

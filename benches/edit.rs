//! Writing rings: creating one, and changing a quarter of a million vnodes of one.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may stop")]

use std::path::PathBuf;

use benches::{edited_vnodes, shard, sizes, two_shards};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use fash::{Move, RingEditor, VnodeData, copy_ring, create_ring};
use tempfile::TempDir;

fn edit(criterion: &mut Criterion) {
    for size in sizes() {
        let mut group = criterion.benchmark_group(format!("edit {size}"));
        group.sample_size(10);
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("ring");
        create_ring(&original, &two_shards(size).unwrap()).unwrap();
        // Every round edits a copy of its own; the copy is deleted when the round is over.
        let copy = || -> (TempDir, PathBuf) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("ring");
            copy_ring(&original, &path).unwrap();
            (dir, path)
        };

        group.bench_function("create", |bencher| {
            bencher.iter_batched(
                || tempfile::tempdir().unwrap(),
                |dir| {
                    create_ring(dir.path().join("ring"), &two_shards(size).unwrap()).unwrap();
                    dir
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("remap 250000", |bencher| {
            bencher.iter_batched(
                copy,
                |(dir, path)| {
                    let mut editor = RingEditor::open(path).unwrap();
                    editor.remap(&[Move { vnodes: edited_vnodes(), to: shard(3) }]).unwrap();
                    dir
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("add data to 250000", |bencher| {
            bencher.iter_batched(
                copy,
                |(dir, path)| {
                    let mut editor = RingEditor::open(path).unwrap();
                    editor.set_data(&edited_vnodes(), &VnodeData::read_only()).unwrap();
                    dir
                },
                BatchSize::PerIteration,
            );
        });
    }
}

criterion_group!(benches, edit);
criterion_main!(benches);

//! Helpers that several tests need.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fash::{Pnode, RingReader, UnpackOptions, Vnode, unpack};
use tempfile::TempDir;

/// The images that node-fash's rings were packed into.
pub(crate) fn images() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rings")
}

/// Unpacks one of node-fash's rings, also a damaged one. The directory lives as long as the first value.
pub(crate) fn fixture(name: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    let any_ring = UnpackOptions { verify: &|_| Ok(()), ..UnpackOptions::default() };
    unpack(&images().join(format!("{name}.tar.gz")), &ring, &any_ring).unwrap();
    (directory, ring)
}

pub(crate) fn pnode(name: &str) -> Pnode {
    name.parse().unwrap()
}

pub(crate) fn vnodes(numbers: impl IntoIterator<Item = u32>) -> Vec<Vnode> {
    numbers.into_iter().map(Vnode::new).collect()
}

/// Every key and value of a ring, a line each: key, tab, value.
pub(crate) fn dump(ring: &Path) -> String {
    let mut dump = Vec::new();
    let reader = RingReader::open_live(ring).unwrap();
    reader
        .for_each(|key, value| {
            dump.extend_from_slice(key);
            dump.push(b'\t');
            dump.extend_from_slice(value);
            dump.push(b'\n');
        })
        .unwrap();
    String::from_utf8(dump).unwrap()
}

/// Names, contents and times of a directory's files.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let bytes = fs::read(&path).unwrap();
            (path, (modified, bytes))
        })
        .collect()
}

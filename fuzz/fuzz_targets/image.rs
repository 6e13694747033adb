//! Any file, taken for a ring image: `unpack` returns, and leaves a ring with a `CURRENT` or nothing.
//!
//! The first byte says whether the rest is the file itself, a tar file yet to be compressed, or one whose headers
//! need their checksums fixed besides, without which hardly a change gets beyond the first of them.

#![no_main]

use std::fs;
use std::io::Write;

use fash::{UnpackOptions, unpack};
use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&form, bytes)) = input.split_first() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (image, ring) = (directory.path().join("image"), directory.path().join("ring"));
    let bytes = match form % 3 {
        0 => bytes.to_vec(),
        1 => gzip(bytes),
        _ => gzip(&with_checksums(bytes.to_vec())),
    };
    fs::write(&image, bytes).unwrap();

    let options = UnpackOptions {
        max_bytes: 1 << 20,
        max_entries: 100,
        verify: &|_| Ok(()),
        ..UnpackOptions::default()
    };
    let unpacked = unpack(&image, &ring, &options).is_ok();
    assert_eq!(unpacked, ring.join("CURRENT").is_file());
    assert_eq!(unpacked, ring.exists());
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, if unpacked { 2 } else { 1 }, "something else is left behind");
});

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Puts the checksum right in whatever looks like a header.
fn with_checksums(mut tar: Vec<u8>) -> Vec<u8> {
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    tar
}

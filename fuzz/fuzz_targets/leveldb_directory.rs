//! Any files, taken for a ring's directory: reading returns, and a ring that loads is a whole one.
//!
//! The input is files one after another: a byte with the length of the name, the name, four bytes (little endian)
//! with the length of the contents, the contents. `run.sh` makes such inputs of the fixtures.

#![no_main]

use std::fs;
use std::path::Path;

use fash::{RingReader, Vnode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let directory = tempfile::tempdir().unwrap();
    write_files(input, directory.path());
    let Ok(reader) = RingReader::open_live(directory.path()) else { return };
    let _ = reader.audit();
    let _ = reader.notices();
    let Ok(ring) = reader.load() else { return };
    for vnode in 0..ring.vnode_count() {
        let pnode = ring.node(Vnode::new(vnode)).unwrap().pnode;
        assert!(
            ring.pnodes().contains(pnode),
            "{vnode} is owned by {pnode}, which the ring has not"
        );
    }
});

/// Writes what can be read of the input. A name stays within the directory.
fn write_files(mut input: &[u8], directory: &Path) {
    while let Some((name, rest)) = take_file(&mut input) {
        if !name.is_empty()
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        {
            let name = String::from_utf8_lossy(name);
            if name != "." && name != ".." {
                fs::write(directory.join(&*name), rest).unwrap();
            }
        }
    }
}

fn take_file<'a>(input: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let name_length = usize::from(*input.split_off_first()?);
    let name = input.split_off(..name_length)?;
    let (length, rest) = input.split_first_chunk()?;
    *input = rest;
    // The last file's length may be wrong: it is what is left.
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.min(input.len());
    Some((name, input.split_off(..length)?))
}

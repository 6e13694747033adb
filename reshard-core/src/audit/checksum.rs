//! The checksum of a ring's tables, as `cksum` prints it in a router's zone.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crc::{CRC_32_CKSUM, Crc, Table};

/// Read at once.
const BUFFER: usize = 1 << 16;

static CKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_CKSUM);

/// The output of `cat *.ldb *.sst | cksum` in a ring's directory, a colon between the two numbers; `None` if there are no tables.
pub(super) fn tables_checksum(directory: &Path) -> io::Result<Option<String>> {
    let mut digest = CKSUM.digest();
    let mut length = 0_u64;
    for table in tables(directory)? {
        let mut file = File::open(table)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            digest.update(bytes);
            length += bytes.len() as u64;
        }
    }
    if length == 0 {
        return Ok(None);
    }
    // POSIX appends the length, its lowest byte first, without leading zeros.
    let mut rest = length;
    while rest > 0 {
        digest.update(&rest.to_le_bytes()[..1]);
        rest >>= 8;
    }
    Ok(Some(format!("{}:{length}", digest.finalize())))
}

/// The tables in the order in which a shell lists them.
fn tables(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut tables = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if let Some(kind @ ("ldb" | "sst")) = path.extension().and_then(|kind| kind.to_str()) {
            tables.push((kind.to_owned(), path.clone()));
        }
    }
    tables.sort_unstable();
    Ok(tables.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn it_is_what_cksum_prints() {
        let ring = tempfile::tempdir().unwrap();
        assert_eq!(tables_checksum(ring.path()).unwrap(), None);
        for (name, text) in [("000007.sst", "one"), ("000005.ldb", "two"), ("000009.ldb", "")] {
            fs::write(ring.path().join(name), text.repeat(30_000)).unwrap();
        }
        fs::write(ring.path().join("000010.log"), "not counted").unwrap();
        let script = "cat -- *.ldb *.sst | cksum";
        let printed = Command::new("bash").args(["-c", script]).current_dir(ring.path()).output();
        let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
        let expected = printed.trim().replace(' ', ":");
        assert_eq!(tables_checksum(ring.path()).unwrap(), Some(expected));
    }
}

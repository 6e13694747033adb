//! Things that the tests of this crate share: dumping rings, the ring of a real deployment.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use fash::RingReader;
use rustix::fs::{FlockOperation, fcntl_lock};

/// Every key and value of a ring, a line each: key, tab, value. Says so where there is no ring directory.
pub(crate) fn dump(ring: &Path) -> String {
    if !ring.is_dir() {
        return "(no directory)\n".to_owned();
    }
    let mut lines = String::new();
    let reader = match RingReader::open_live(ring) {
        Ok(reader) => reader,
        Err(error) => return format!("(unreadable: {error})\n"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    reader
        .for_each(|key, value| writeln!(lines, "{}\t{}", text(key), text(value)).unwrap())
        .unwrap();
    lines
}

/// Holds LevelDB's lock of a ring directory until the file is dropped. Other processes see it; this one does not.
pub(crate) fn hold_lock(ring: &Path) -> File {
    let lock = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(ring.join("LOCK"))
        .unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

/// The archive of the ring of 2014, which is not part of the repository.
pub(crate) fn production_ring() -> Option<PathBuf> {
    env::var_os("FASH_PRODUCTION_RING").map(PathBuf::from)
}

/// Unpacks the ring of 2014 as the directory `ring`.
pub(crate) fn unpack_production_ring(ring: &Path) {
    std::fs::create_dir(ring).unwrap();
    let archive = production_ring().unwrap();
    let status = Command::new("tar")
        .args(["--extract", "--xz", "--strip-components=1", "--file"])
        .args([archive.as_os_str(), "--directory".as_ref(), ring.as_os_str()])
        .status()
        .unwrap();
    assert!(status.success(), "tar cannot unpack {}", archive.display());
}

/// Tells whether `ours` goes on where node-fash stopped after 100 items, and has as many as it says there are.
pub(crate) fn is_whole_list(cut: &str, ours: &str) -> bool {
    let Some((shown, rest)) = cut.rsplit_once("  ... ") else { return false };
    let left_out: usize = rest.split(' ').next().unwrap().parse().unwrap();
    ours.starts_with(shown)
        && ours.ends_with(" ]\n")
        && ours.lines().count() == shown.lines().count() + left_out
}

/// The lines as one text, each with its end.
pub(crate) fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

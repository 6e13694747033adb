//! The remains of a lab when it has stopped, or was killed: processes, shared memory, files. All of it is removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::host::{Belonging, kill_all, quit_postgres, thaw_all};

/// The longest that the removal of processes and files is tried: processes that are about to end may still write.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between tries.
const PAUSE: Duration = Duration::from_millis(20);
/// Threads that remove files at the same time.
const THREADS: usize = 4;

/// The directory of a lab that is removed with it.
#[derive(Debug)]
pub(super) struct TempLab(PathBuf);

impl TempLab {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }
}

impl Drop for TempLab {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(directory = %self.0.display(), %error, "cannot remove the lab's directory");
        }
    }
}

/// Kills what is left of a lab that does not run, and removes its directory. Blocks.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let removed = kill(directory).and_then(|()| remove_directory(directory));
        match removed {
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(error) => tracing::debug!(%error, "the lab is not gone yet"),
            Ok(()) => return Ok(()),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Kills the processes of a lab that does not run any more. Blocks.
pub(super) fn kill(directory: &Path) -> io::Result<()> {
    let belonging = Belonging::of_lab(directory);
    thaw_all(&belonging)?;
    if let Err(error) = quit_postgres(&belonging) {
        tracing::debug!(%error, "PostgreSQL does not end by itself");
    }
    kill_all(&belonging)
}

/// Removes the directory of a lab whose processes are gone.
fn remove_directory(directory: &Path) -> io::Result<()> {
    for data in databases(directory) {
        if let Some(segment) = shared_memory(&data.join("postmaster.pid")) {
            release(&segment);
        }
    }
    remove_contents(directory, &["zones"])?;
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what is deep in a directory, several parts of it at the same time: most of a lab's files are its zones'.
fn remove_contents(directory: &Path, inner: &[&str]) -> io::Result<()> {
    let parts: Vec<PathBuf> = inner
        .iter()
        .flat_map(|name| fs::read_dir(directory.join(name)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect();
    let next = std::sync::Mutex::new(parts.into_iter());
    let work = || -> io::Result<()> {
        loop {
            let part = next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some(part) = part else { return Ok(()) };
            match fs::remove_dir_all(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread that removes panicked")))
        });
        ended.collect()
    })
}

/// The data directories of PostgreSQL in a lab.
fn databases(directory: &Path) -> Vec<PathBuf> {
    let zones = fs::read_dir(directory.join("zones")).into_iter().flatten().flatten();
    let of_zone = |zone: fs::DirEntry| {
        let manatee = zone.path().join("root/manatee");
        [manatee.join("pg/data"), manatee.join("pg_dump")]
    };
    zones.flat_map(of_zone).filter(|data| data.join("postmaster.pid").exists()).collect()
}

/// The segment of shared memory that a killed server has left: its line in `postmaster.pid` has key and id.
fn shared_memory(pid_file: &Path) -> Option<String> {
    let text = fs::read_to_string(pid_file).ok()?;
    let mut words = text.lines().nth(6)?.split_whitespace();
    let (key, id) = (words.next()?, words.next()?);
    let table = fs::read_to_string("/proc/sysvipc/shm").ok()?;
    abandoned(&table, key, id).then(|| id.to_owned())
}

/// Tells whether the kernel's table has a segment with this key and id that nobody uses. PostgreSQL writes the key as a signed
/// number or as an unsigned one, depending on its version.
fn abandoned(table: &str, key: &str, id: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().ok().map(|number| number & 0xffff_ffff);
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [its_key, its_id, _, _, _, _, attached, ..] = fields.as_slice() else { return false };
        number(its_key).is_some()
            && number(its_key) == number(key)
            && *its_id == id
            && *attached == "0"
    })
}

fn release(segment: &str) {
    match Command::new("ipcrm").args(["-m", segment]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => tracing::debug!(segment, ?output, "shared memory stays"),
        Err(error) => tracing::debug!(segment, %error, "shared memory stays"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid\n\
                         \u{20}    853539     720896   600                    56  1000  1000      0   103   110\n\
                         \u{20}    853540     720897   600                    56  1001  1001      2   103   110\n";

    #[test]
    fn only_memory_that_nobody_uses_is_released() {
        assert!(abandoned(TABLE, "853539", "720896"));
        assert!(!abandoned(TABLE, "853539", "720897"), "another key");
        assert!(!abandoned(TABLE, "853540", "720897"), "in use");
        assert!(!abandoned(TABLE, "", "720896"));
    }

    #[test]
    fn a_directory_is_removed_with_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let lab = parent.path().join("lab");
        for zone in 0..9 {
            let data = lab.join(format!("zones/{zone}/root/manatee/pg/data"));
            fs::create_dir_all(&data).unwrap();
            fs::write(data.join("postmaster.pid"), "1\n2\n").unwrap();
        }
        fs::write(lab.join("lab.json"), "{}").unwrap();
        assert_eq!(databases(&lab).len(), 9);
        remove(&lab).unwrap();
        assert!(!lab.exists());
        remove(&lab).unwrap();
    }
}

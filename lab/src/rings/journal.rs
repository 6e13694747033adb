//! The journals of routers: written, and read.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use fash::{Ring, TopologyError};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use super::spans::{Span, in_force};
use crate::checker::RingInForce;
use crate::host::write_atomically;

/// The end of the names of journals.
const EXTENSION: &str = "journal";

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// In microseconds since 1970.
    at: u64,
    /// The digest of the ring that is served from now on. `None`: nothing is served.
    ring: Option<String>,
}

/// Something that routers have written cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file or directory.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of a journal is none.
    #[error("line {line} of {} is not one of a router's journal", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The fault in it.
        source: serde_json::Error,
    },
    /// A ring that was served.
    #[error("{} is not the ring that a router served", path.display())]
    Ring {
        /// Its file.
        path: PathBuf,
        /// The cause.
        source: TopologyError,
    },
    /// No router has served yet.
    #[error("no router has served a ring yet, says {}", .0.display())]
    Empty(PathBuf),
}

/// A router that serves a ring, from when this is made until [`Serving::end`].
#[derive(Debug)]
pub(crate) struct Serving {
    /// Locked as long as it is open. The lock ends with the process, however that ends.
    journal: File,
}

impl Serving {
    /// To be called before the router of a zone's `port` listens, and after it has the ring directory's lock.
    ///
    /// # Errors
    /// The journal cannot be written, or another process has it.
    pub(crate) fn begin(directory: &Path, zone: Uuid, port: u16, ring: &Ring) -> io::Result<Self> {
        let digest = keep(directory, ring)?;
        let path = directory.join(format!("{zone}.{port}.{EXTENSION}"));
        let journal = OpenOptions::new().create(true).append(true).open(path)?;
        flock(&journal, FlockOperation::NonBlockingLockExclusive)?;
        let serving = Self { journal };
        serving.write(Some(digest))?;
        Ok(serving)
    }

    /// To be called when nothing that clients send is served any more.
    ///
    /// # Errors
    /// The journal cannot be written. Then it looks as if the process had been killed.
    pub(crate) fn end(self) -> io::Result<()> {
        self.write(None)
    }

    fn write(&self, ring: Option<String>) -> io::Result<()> {
        let line = serde_json::to_string(&Line { at: now(), ring })?;
        // In one piece, after a newline: half a line of a full disk spoils no other.
        (&self.journal).write_all(format!("\n{line}\n").as_bytes())
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// Writes a ring to the file that is named after its digest, if it is not there. Returns the digest.
fn keep(directory: &Path, ring: &Ring) -> io::Result<String> {
    let mut json = Vec::new();
    ring.write_json(&mut json)?;
    let digest = crate::triton::sha1(&json);
    let path = file(directory, &digest);
    if !path.exists() {
        write_atomically(&path, &json)?;
    }
    Ok(digest)
}

fn file(directory: &Path, digest: &str) -> PathBuf {
    directory.join(format!("{digest}.json"))
}

/// The journals of all routers of a lab.
#[derive(Debug)]
pub(crate) struct Journals {
    directory: PathBuf,
    /// The times at which routers that began at a time were first seen to have ended without writing so.
    killed: HashMap<(PathBuf, u64), u64>,
}

impl Journals {
    /// The journals in a directory. Nothing is read.
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), killed: HashMap::new() }
    }

    /// Tells whether there are routers that were killed, of which nothing is known but that they ended before the first
    /// [`Self::read`].
    pub(crate) fn has_killed(&self) -> bool {
        !self.killed.is_empty()
    }

    /// The rings that any router has served, each with the times, the oldest first. The first was in force always before,
    /// and the last will be always after. While no router served, the ring before was in force.
    ///
    /// # Errors
    /// A journal or a ring cannot be read, or there is none.
    pub(crate) fn read(&mut self) -> Result<Vec<RingInForce>, JournalError> {
        let directory = self.directory.clone();
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| JournalError::File { path, source }
        };
        let mut spans = Vec::new();
        for entry in fs::read_dir(&directory).map_err(failed(&directory))? {
            let path = entry.map_err(failed(&directory))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                self.journal(&path, &mut spans)?;
            }
        }
        let mut rings: HashMap<String, Arc<Ring>> = HashMap::new();
        let mut read = Vec::new();
        for Span { ring: digest, from, until } in in_force(spans) {
            let ring = match rings.get(&digest) {
                Some(ring) => Arc::clone(ring),
                None => {
                    let path = file(&directory, &digest);
                    let json = fs::read(&path).map_err(failed(&path))?;
                    let ring = Ring::from_json(&json);
                    let ring = ring.map_err(|source| JournalError::Ring { path, source })?;
                    Arc::clone(rings.entry(digest).or_insert(Arc::new(ring)))
                }
            };
            read.push(RingInForce { ring, from, until });
        }
        if read.is_empty() {
            return Err(JournalError::Empty(directory));
        }
        Ok(read)
    }

    /// Adds what one router has served.
    fn journal(&mut self, path: &Path, spans: &mut Vec<Span>) -> Result<(), JournalError> {
        let failed = |source| JournalError::File { path: path.to_owned(), source };
        // Before it is read: who serves now has written so before it.
        let serves = is_locked(path).map_err(failed)?;
        let text = fs::read_to_string(path).map_err(failed)?;
        let mut open: Option<(String, u64)> = None;
        // A line that is not whole is being written, or its disk was full.
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.ends_with('}')) {
            let Line { at, ring } = serde_json::from_str(line).map_err(|source| {
                JournalError::Line { path: path.to_owned(), line: number + 1, source }
            })?;
            // A router that was killed has not written its end. The next one began after it.
            if let Some((ring, from)) = open.take() {
                spans.push(Span { ring, from, until: at });
            }
            open = ring.map(|ring| (ring, at));
        }
        if let Some((ring, from)) = open {
            let until = if serves {
                u64::MAX
            } else {
                *self.killed.entry((path.to_owned(), from)).or_insert_with(now)
            };
            spans.push(Span { ring, from, until });
        }
        Ok(())
    }
}

/// Tells whether a router has a journal.
fn is_locked(path: &Path) -> io::Result<bool> {
    match flock(File::open(path)?, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Move, Pnode, Vnode};

    use super::*;

    fn rings() -> (Ring, Ring) {
        let pnodes: Vec<Pnode> =
            ["tcp://1:2020", "tcp://2:2020"].map(|name| name.parse().unwrap()).into();
        let first = Ring::create(Algorithm::Sha256, 16, pnodes.clone()).unwrap();
        let mut second = first.clone();
        let to = pnodes[1].clone();
        second.remap(&[Move { vnodes: vec![Vnode::new(0)], to }]).unwrap();
        (first, second)
    }

    fn read(directory: &Path) -> Result<Vec<RingInForce>, JournalError> {
        Journals::new(directory).read()
    }

    #[test]
    fn what_routers_write_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        assert!(matches!(read(directory), Err(JournalError::Empty(_))));
        let (first, second) = rings();
        let zone = Uuid::new_v4();
        let begin = |port, ring| Serving::begin(directory, zone, port, ring).unwrap();
        let one = begin(2021, &first);
        let other = begin(2022, &first);
        let taken = Serving::begin(directory, zone, 2021, &first);
        assert!(taken.is_err(), "its router runs");
        let served = read(directory).unwrap();
        assert_eq!(served.len(), 1);
        assert_eq!((served[0].from, served[0].until), (0, u64::MAX));
        assert_eq!(*served[0].ring, first);

        // One ends orderly, the other is killed. The killed one had the first ring until the next one began.
        one.end().unwrap();
        let one = begin(2021, &second);
        drop(other);
        let before = now();
        let other = begin(2022, &second);
        let served = read(directory).unwrap();
        assert_eq!(served.len(), 2);
        assert_eq!(*served[1].ring, second);
        assert!(served[1].from <= before && before <= served[0].until, "{served:?}");
        assert!(served[0].until < u64::MAX && served[1].until == u64::MAX);
        assert_eq!(fs::read_dir(directory).unwrap().count(), 4, "two rings, two journals");
        drop((one, other));
    }

    #[test]
    fn when_a_router_was_killed_is_when_it_was_first_missed() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = rings();
        let begin = |port, ring| Serving::begin(directory.path(), Uuid::nil(), port, ring).unwrap();
        let (killed, lives) = (begin(2021, &first), begin(2022, &second));
        let mut journals = Journals::new(directory.path());
        journals.read().unwrap();
        assert!(!journals.has_killed());
        drop(killed);
        let before = journals.read().unwrap();
        assert!(journals.has_killed());
        assert_eq!((before[0].until <= now(), before[1].until), (true, u64::MAX));
        let after = journals.read().unwrap();
        assert_eq!(after[0].until, before[0].until);
        drop(lives);
    }

    #[test]
    fn half_a_line_is_not_read_and_nonsense_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (ring, _) = rings();
        let zone = Uuid::new_v4();
        drop(Serving::begin(directory.path(), zone, 2021, &ring).unwrap());
        let path = directory.path().join(format!("{zone}.2021.{EXTENSION}"));
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":1").unwrap();
        assert_eq!(read(directory.path()).unwrap().len(), 1);
        file.write_all(b"\n{\"at\":\"noon\"}\n").unwrap();
        let error = read(directory.path()).unwrap_err();
        assert!(matches!(error, JournalError::Line { line: 4, .. }), "{error}");
    }
}

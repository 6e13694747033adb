//! The journal of a Moray: whose database it serves out of, for the proof of what became of writes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::checker::ServedFrom;

/// The journal of one Moray.
#[derive(Debug)]
pub(super) struct Journal {
    file: PathBuf,
    name: String,
    path: String,
}

impl Journal {
    /// The journal of the Moray in a zone, which is registered as `name` and follows `path` in ZooKeeper.
    pub(super) fn new(directory: &Path, zone: Uuid, name: &str, path: &str) -> Self {
        let file = directory.join(format!("{zone}.journal"));
        Self { file, name: name.to_owned(), path: path.to_owned() }
    }

    /// Writes down that requests go to this primary from now on: to be called before any does.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub(super) fn serves(&self, primary: SocketAddr) -> io::Result<()> {
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory)?;
        }
        let line = serde_json::to_string(&ServedFrom::now(&self.name, &self.path, primary))?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        // In one piece, after a newline: half a line of a full disk spoils no other.
        file.write_all(format!("\n{line}\n").as_bytes())
    }
}

//! State that survives the process: one JSON document per API.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A file that holds a JSON document. A reader finds it whole: as it was before a change, or as it is after.
#[derive(Clone, Debug)]
pub(crate) struct Document(PathBuf);

/// A document could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} is not what this lab wrote: remove it, or make a new lab", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The fault in it.
        #[source]
        source: serde_json::Error,
    },
    /// It could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Document {
    /// The document in a file. Nothing is read.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Reads it. `None` when it was never written.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub(crate) fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        let bytes = match fs::read(&self.0) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Read { path: self.0.clone(), source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| StoreError::Parse { path: self.0.clone(), source })
    }

    /// Writes it. It is on disk when this returns. Blocks the thread for as long as the disk takes.
    ///
    /// # Errors
    /// It cannot be written; then it is as it was.
    pub(crate) fn save(&self, value: &impl Serialize) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(value).map_err(io::Error::from);
        bytes
            .and_then(|bytes| replace(&self.0, &bytes))
            .map_err(|source| StoreError::Write { path: self.0.clone(), source })
    }
}

/// Makes `bytes` the contents of a file, at once and for good. Makes its directory when there is none.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_was_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let document = Document::new(directory.path().join("sapi/state.json"));
        assert_eq!(document.load::<Value>().unwrap(), None);
        document.save(&json!({"a": 1})).unwrap();
        document.save(&json!({"a": 2})).unwrap();
        assert_eq!(document.load::<Value>().unwrap(), Some(json!({"a": 2})));
        let files = fs::read_dir(directory.path().join("sapi")).unwrap().count();
        assert_eq!(files, 1, "no temporary file is left");
    }

    #[test]
    fn a_broken_document_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        fs::write(&path, "{").unwrap();
        let error = Document::new(&path).load::<Value>().unwrap_err();
        assert!(error.to_string().contains("state.json"), "{error}");
    }
}

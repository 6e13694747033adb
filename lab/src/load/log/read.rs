//! Reading a log.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::{Header, Line, VERSION};

/// A log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file cannot be read.
    #[error("the log {path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is none of a log.
    #[error("line {line} of {path} is no line of a load's log")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// The problem.
        source: serde_json::Error,
    },
    /// It does not begin with a header of this version.
    #[error("{path} does not begin with the header of a load's log of version {VERSION}")]
    Header {
        /// The file.
        path: PathBuf,
    },
}

/// The lines of a log after its header, as an iterator. A last line that is cut off is passed over.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    buffer: Vec<u8>,
    line: u64,
}

impl LogReader {
    /// Opens a log, which may still be written. What is added to it while it is read is read too.
    ///
    /// # Errors
    /// The file cannot be read, or is no log of this version.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let io = |source| LogError::Io { path: path.to_owned(), source };
        let mut file = BufReader::with_capacity(1024 * 1024, File::open(path).map_err(io)?);
        let mut buffer = Vec::new();
        file.read_until(b'\n', &mut buffer).map_err(io)?;
        match serde_json::from_slice(&buffer) {
            Ok(Line::Header(header)) if header.version == VERSION => {
                Ok(Self { path: path.to_owned(), file, header, buffer, line: 1 })
            }
            _ => Err(LogError::Header { path: path.to_owned() }),
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }
}

impl Iterator for LogReader {
    type Item = Result<Line, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.buffer.clear();
        if let Err(source) = self.file.read_until(b'\n', &mut self.buffer) {
            return Some(Err(LogError::Io { path: self.path.clone(), source }));
        }
        if self.buffer.pop() != Some(b'\n') {
            return None;
        }
        self.line += 1;
        let parsed = serde_json::from_slice(&self.buffer);
        Some(parsed.map_err(|source| LogError::Line {
            path: self.path.clone(),
            line: self.line,
            source,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::load::log::{Action, Change, Condition, Intent, LogWriter, WriteId};

    #[test]
    fn a_log_that_ends_in_the_middle_of_a_line_is_read_up_to_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let header = Header { version: VERSION, run: 7, epoch: 1, prefixes: vec!["/p/".into()] };
        let writer = LogWriter::create(&path, &header).unwrap();
        let intent = Intent {
            id: 1,
            due: 2,
            start: 3,
            batch: true,
            changes: vec![Change {
                bucket: "manta".into(),
                key: "/a\n\"b\"".into(),
                action: Action::Put,
                write: WriteId { run: 7, number: 1 },
                condition: Condition::Is("0BD4B551".into()),
            }],
        };
        writer.intent(intent.clone()).unwrap();
        assert!(LogWriter::create(&path, &header).is_err(), "a log is never overwritten");
        // Before the writer is dropped: an intent is in the file at once.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"outcome\":{\"id\":1,\"en").unwrap();
        let reader = LogReader::open(&path).unwrap();
        assert_eq!(reader.header(), &header);
        let lines: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(lines, [Line::Intent(intent)]);
        file.write_all(b"\n").unwrap();
        let error = LogReader::open(&path).unwrap().find_map(Result::err).unwrap();
        assert!(matches!(error, LogError::Line { line: 3, .. }), "{error}");
    }
}

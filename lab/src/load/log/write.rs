//! Writing a log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Header, Intent, Line};

/// Bytes that wait at most, whatever the time.
const MAX_WAITING: usize = 256 * 1024;

/// A log that is being written.
///
/// Lines other than intents wait until [`flush`](Self::flush) or the next intent: whoever has a writer calls `flush`
/// at least every 100 ms.
#[derive(Debug)]
pub struct LogWriter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Whole lines that the kernel does not have yet.
    waiting: Vec<u8>,
}

impl LogWriter {
    /// Makes a new log.
    ///
    /// # Errors
    /// There is such a file already, or it cannot be written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        let writer = Self { state: Mutex::new(State { file, waiting: Vec::new() }) };
        let mut state = writer.state();
        state.add(&Line::Header(header.clone()))?;
        state.flush()?;
        drop(state);
        Ok(writer)
    }

    /// Adds an intent. When this returns the kernel has it, and all lines before it, and the request may be sent.
    ///
    /// # Errors
    /// It could not be written. Then the request must not be sent.
    pub fn intent(&self, intent: Intent) -> io::Result<()> {
        let mut state = self.state();
        state.add(&Line::Intent(intent))?;
        state.flush()
    }

    /// Adds any line. It may wait in memory.
    ///
    /// # Errors
    /// Lines had to be written, and could not be.
    pub fn add(&self, line: &Line) -> io::Result<()> {
        let mut state = self.state();
        state.add(line)?;
        if state.waiting.len() > MAX_WAITING { state.flush() } else { Ok(()) }
    }

    /// Hands all lines to the kernel.
    ///
    /// # Errors
    /// They could not be written.
    pub fn flush(&self) -> io::Result<()> {
        self.state().flush()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, line: &Line) -> io::Result<()> {
        let whole = self.waiting.len();
        if let Err(error) = serde_json::to_writer(&mut self.waiting, line) {
            self.waiting.truncate(whole);
            return Err(error.into());
        }
        self.waiting.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Whatever could be written is not written again.
        while !self.waiting.is_empty() {
            match self.file.write(&self.waiting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if let Err(error) = self.state().flush() {
            tracing::error!(%error, "the end of the load's log cannot be written");
        }
    }
}

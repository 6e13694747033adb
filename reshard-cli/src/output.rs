//! Standard output is data, standard error is talk.

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;
use serde_json::Value;

use crate::fash::inspect::Inspect;

/// Standard output, buffered. [`Output::finish`] writes what is left: nothing is lost in a pipe.
pub(crate) struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    /// A JSON document on a line of its own.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, document)?;
        self.0.write_all(b"\n")
    }

    /// A value as node's `console.log` shows it, or as JSON.
    pub(crate) fn value(&mut self, value: &Value, json: bool) -> io::Result<()> {
        if json { self.json(value) } else { writeln!(self.0, "{}", Inspect(value)) }
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Something that is worth knowing but did not stop the command.
pub(crate) fn notice(text: impl Display) {
    say(format_args!("fash: notice: {text}"));
}

/// A line on standard error. Whether anybody can read it does not matter to the command.
pub(crate) fn say(line: impl Display) {
    writeln!(io::stderr(), "{line}").ok();
}

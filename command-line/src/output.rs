//! Standard output is data, standard error is talk.

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

use crate::screen::{Mood, Screen};
use crate::table::Table;

/// Standard output, buffered. [`Output::finish`] writes what is left: nothing is lost in a pipe.
pub struct Output {
    stream: BufWriter<StdoutLock<'static>>,
    screen: Screen,
}

impl Output {
    /// Standard output, which no one else writes as long as this is there.
    pub fn stdout() -> Self {
        let stream = BufWriter::with_capacity(1 << 16, io::stdout().lock());
        Self { stream, screen: Screen::of_stdout() }
    }

    /// The layout of text for people here.
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// A JSON document on a line of its own.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stream, document)?;
        self.stream.write_all(b"\n")
    }

    /// Text for people, broken at words. It begins with `head`, and further lines are indented as far.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn text(&mut self, head: &str, text: impl Display) -> io::Result<()> {
        self.lines(Mood::Plain, &self.screen.lines(head, &text.to_string()))
    }

    /// Text that stands out.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn text_in(&mut self, mood: Mood, head: &str, text: impl Display) -> io::Result<()> {
        self.lines(mood, &self.screen.lines(head, &text.to_string()))
    }

    /// A table for people.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn table<const COLUMNS: usize>(&mut self, table: Table<COLUMNS>) -> io::Result<()> {
        self.lines(Mood::Plain, &table.lines(self.screen))
    }

    /// Lines of one mood, which are not broken.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn lines(&mut self, mood: Mood, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.stream, "{}", self.screen.coloured(mood, line))?;
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A line on standard error. Whether anybody can read it does not matter to the command.
pub fn say(line: impl Display) {
    say_in(Mood::Plain, line);
}

/// A line on standard error that stands out. On a terminal it is broken at words.
pub fn say_in(mood: Mood, text: impl Display) {
    say_after("", mood, text);
}

/// A line on standard error that begins with a head. On a terminal it is broken at words, and indented as far as that.
pub fn say_after(head: &str, mood: Mood, text: impl Display) {
    let screen = Screen::of_stderr();
    for line in text.to_string().lines() {
        for line in screen.lines(head, line) {
            writeln!(io::stderr(), "{}", screen.coloured(mood, &line)).ok();
        }
    }
}

//! Standard output is data, standard error is talk.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use serde::Serialize;

/// The width where nobody says another: that of a terminal that nobody made wider.
const USUAL: u16 = 80;
/// Tables are not made wider than this, however wide the terminal is.
const WIDEST: u16 = 100;
/// Tables are not made narrower than this.
const NARROWEST: u16 = 40;

/// How data are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Standard output, buffered: it has to be flushed.
pub(super) struct Output {
    stream: BufWriter<StdoutLock<'static>>,
    is_coloured: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        // `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM` say something too.
        let choice = AutoStream::choice(&io::stdout());
        let is_coloured = matches!(choice, ColorChoice::Always | ColorChoice::AlwaysAnsi);
        Self { stream: BufWriter::with_capacity(1 << 16, io::stdout().lock()), is_coloured }
    }

    /// A JSON document on a line of its own.
    pub(super) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.stream, document)?;
        self.stream.write_all(b"\n")
    }

    /// A table for people. Its last column is broken at words to what is left of the screen.
    pub(super) fn table<const COLUMNS: usize>(
        &mut self,
        header: [&str; COLUMNS],
        rows: impl IntoIterator<Item = [String; COLUMNS]>,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width()).set_header(header).add_rows(rows);
        for at in 0..COLUMNS.saturating_sub(1) {
            if let Some(column) = table.column_mut(at) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let laid_out = table.trim_fmt();
        let mut lines = laid_out.lines();
        if let Some(header) = lines.next() {
            self.line_in(Style::new().dimmed(), header)?;
        }
        lines.try_for_each(|line| writeln!(self.stream, "{line}"))
    }

    /// A line that says that something is wrong.
    pub(super) fn alarm(&mut self, line: impl Display) -> io::Result<()> {
        self.line_in(AnsiColor::Red.on_default().bold(), line)
    }

    fn line_in(&mut self, style: Style, line: impl Display) -> io::Result<()> {
        if self.is_coloured {
            writeln!(self.stream, "{style}{line}{style:#}")
        } else {
            writeln!(self.stream, "{line}")
        }
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

/// The user's word first, then the terminal's.
fn width() -> u16 {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || {
        let (width, _) = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal())?;
        Some(width.0)
    };
    let width = said.filter(|&width| width > 0).or_else(of_terminal).unwrap_or(USUAL);
    width.clamp(NARROWEST, WIDEST)
}

/// A line on standard error. Whether anybody can read it does not matter to the command.
pub(super) fn say(line: impl Display) {
    writeln!(io::stderr(), "{line}").ok();
}

//! Showing a status once, or again and again.

use std::io::Write;

use jiff::Timestamp;
use reshard_core::without_request_ids;

use super::text;
use super::view::View;
use crate::output::Output;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::screen::Mood;

/// The beginning of a terminal's screen, and what is below there erased.
const HOME: &str = "\u{1b}[H\u{1b}[J";

/// The status that was shown, to show only what changed.
pub(super) struct Redraw {
    format: Format,
    is_watching: bool,
    last: Option<String>,
}

impl Redraw {
    pub(super) fn new(format: Format, is_watching: bool) -> Self {
        Self { format, is_watching, last: None }
    }

    pub(super) fn show(&mut self, view: &View, now: Timestamp, out: &mut Output) -> Result<()> {
        let screen = out.screen();
        let is_other = self.is_other(view);
        if self.format.is_json() {
            if is_other {
                out.json(view)?;
            }
        } else if !self.is_watching {
            out.lines(Mood::Plain, &text::lines(view, now, screen).all())?;
        } else if let Some(height) = screen.height() {
            write!(out, "{HOME}")?;
            // The terminal's last line is the cursor's.
            let lines = text::lines(view, now, screen).fitting(height.saturating_sub(1));
            out.lines(Mood::Plain, &lines)?;
        } else if is_other {
            writeln!(out, "{} {}", now.strftime("%Y-%m-%d %H:%M:%S"), text::summary(view))?;
        }
        Ok(out.flush()?)
    }

    /// True if it is another than the last one, apart from how long things take.
    fn is_other(&mut self, view: &View) -> bool {
        let summary = without_request_ids(&text::summary(view));
        self.last.replace(summary.clone()) != Some(summary)
    }
}

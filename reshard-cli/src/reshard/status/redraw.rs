//! Showing a status once, or again and again.

use std::io::Write;

use jiff::Timestamp;

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
            out.lines(Mood::Plain, &text::lines(view, now, screen))?;
        } else if let Some(height) = screen.height() {
            in_place(&text::lines(view, now, screen), height, out)?;
        } else if is_other {
            writeln!(out, "{} {}", now.strftime("%Y-%m-%d %H:%M:%S"), text::summary(view))?;
        }
        Ok(out.flush()?)
    }

    /// True if it is another than the last one, apart from how long things take.
    fn is_other(&mut self, view: &View) -> bool {
        let summary = text::summary(view);
        self.last.replace(summary.clone()) != Some(summary)
    }
}

/// Shows as much as fits: more would scroll away what matters, which is at the top. The terminal's last line is the cursor's.
fn in_place(lines: &[String], height: usize, out: &mut Output) -> Result<()> {
    let fits = lines.len() < height;
    let shown = if fits { lines.len() } else { height.saturating_sub(2) };
    write!(out, "{HOME}")?;
    out.lines(Mood::Plain, lines.get(..shown).unwrap_or_default())?;
    if !fits {
        out.text_in(Mood::Faint, "", "… the terminal is too small for the rest")?;
    }
    Ok(())
}

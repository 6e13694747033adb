//! A line of a plan's log, for people.

use reshard_core::{Entry, EntryKind};

use super::remedy::worded;
use crate::screen::Mood;

/// The time that its line begins with, without the date.
pub(super) fn head(entry: &Entry) -> String {
    entry.at.strftime("%H:%M:%S ").to_string()
}

/// The line, without the time; commands about the plan name its file, given as it is typed.
pub(super) fn line(entry: &Entry, file: &str) -> String {
    let kind = match entry.kind {
        EntryKind::Stage | EntryKind::Intent => "",
        EntryKind::Outcome => "done: ",
        EntryKind::Note => "note: ",
        EntryKind::Trouble => "trouble: ",
        EntryKind::Hold => "HOLD: ",
    };
    let text = worded(&entry.text, Some(file));
    if entry.phase.is_empty() {
        return format!("{kind}{text}");
    }
    format!("{}: {kind}{text}", entry.phase)
}

/// Its mood: how much it stands out.
pub(super) fn mood(kind: EntryKind) -> Mood {
    match kind {
        EntryKind::Stage | EntryKind::Note => Mood::Plain,
        EntryKind::Intent | EntryKind::Outcome => Mood::Faint,
        EntryKind::Trouble => Mood::Warning,
        EntryKind::Hold => Mood::Bad,
    }
}

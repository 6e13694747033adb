//! A line of a plan's log, for people.

use reshard_core::{Entry, EntryKind};

use super::remedy::worded;
use crate::screen::Mood;

/// The line, without the date; commands about the plan name its file, given as it is typed.
pub(super) fn line(entry: &Entry, file: &str) -> String {
    let kind = match entry.kind {
        EntryKind::Stage | EntryKind::Intent => "",
        EntryKind::Outcome => "done: ",
        EntryKind::Note => "note: ",
        EntryKind::Trouble => "trouble: ",
        EntryKind::Hold => "HOLD: ",
    };
    let at = entry.at.strftime("%H:%M:%S");
    let text = worded(&entry.text, Some(file));
    if entry.phase.is_empty() {
        return format!("{at} {kind}{text}");
    }
    format!("{at} {}: {kind}{text}", entry.phase)
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

//! A line of a plan's log, for people.

use reshard_core::{Entry, EntryKind};

use crate::screen::Mood;

/// The line, without the date.
pub(super) fn line(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::Stage | EntryKind::Intent => "",
        EntryKind::Outcome => "done: ",
        EntryKind::Note => "note: ",
        EntryKind::Trouble => "trouble: ",
        EntryKind::Hold => "HOLD: ",
    };
    let at = entry.at.strftime("%H:%M:%S");
    if entry.phase.is_empty() {
        return format!("{at} {kind}{}", entry.text);
    }
    format!("{at} {}: {kind}{}", entry.phase, entry.text)
}

/// How much it stands out.
pub(super) fn mood(kind: EntryKind) -> Mood {
    match kind {
        EntryKind::Stage | EntryKind::Note => Mood::Plain,
        EntryKind::Intent | EntryKind::Outcome => Mood::Faint,
        EntryKind::Trouble => Mood::Warning,
        EntryKind::Hold => Mood::Bad,
    }
}

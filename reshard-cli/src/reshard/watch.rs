//! Showing what an execution does while it does it.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reshard_core::{Activity, Entry, EntryKind, Event, Observer, without_request_ids};

use super::entry::{head, line, mood};
use super::remedy::worded;
use crate::output::{say, say_after};

/// Prints what is worth a line to standard error, and on a terminal what is going on this moment below it.
pub(super) struct Watch {
    bar: ProgressBar,
    /// The plan's file, as it is typed.
    file: String,
    /// The bar's style now, which is changed only when another one is wanted.
    template: Mutex<String>,
    /// A hold that has not been shown: if it is the last word, the outcome says the same.
    hold: Mutex<Option<Entry>>,
    /// The last line, if it was a trouble: one that comes again and again is told once.
    trouble: Mutex<Option<String>>,
    verbose: bool,
}

impl Watch {
    /// Of the plan in `file`, given as it is typed. With `verbose`, every single change has a line.
    pub(super) fn new(file: String, verbose: bool) -> Self {
        let bar =
            if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            file,
            template: Mutex::default(),
            hold: Mutex::default(),
            trouble: Mutex::default(),
            verbose,
        }
    }

    /// A line between the others.
    pub(super) fn say(&self, line: impl Display) {
        self.bar.suspend(|| say(line));
    }

    /// Ends. The last hold is left to the outcome if that `is_held`.
    pub(super) fn finish(&self, is_held: bool) {
        if let Some(hold) = self.next_hold(None).filter(|_| !is_held) {
            self.print(&hold);
        }
        self.bar.finish_and_clear();
    }

    /// Takes the hold that has not been shown, and leaves another.
    fn next_hold(&self, next: Option<Entry>) -> Option<Entry> {
        let mut hold = self.hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut *hold, next)
    }

    /// Tells whether the last line was the same trouble: its requests have other ids each time.
    fn is_told(&self, entry: &Entry) -> bool {
        let trouble = (entry.kind == EntryKind::Trouble)
            .then(|| without_request_ids(&line(entry, &self.file)));
        let mut last = self.trouble.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_told = trouble.is_some() && *last == trouble;
        *last = trouble;
        is_told
    }

    fn activity(&self, activity: &Activity) {
        let progress = activity.progress.as_ref().filter(|progress| progress.total > 0);
        let mut before = self.template.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let numbers = match progress.map(|progress| progress.unit.as_str()) {
            Some("bytes") => {
                "{binary_bytes} of {binary_total_bytes} ({binary_bytes_per_sec}, {eta} left)"
            }
            Some(unit) => &format!("{{human_pos}} of {{human_len}} {unit} ({{eta}} left)"),
            None => "{elapsed}",
        };
        let template = format!("{{spinner}} {{prefix}}: {{msg}} {numbers}");
        if *before != template {
            before.clone_from(&template);
            if let Ok(style) = ProgressStyle::with_template(&template) {
                self.bar.set_style(style);
            }
            self.bar.reset();
        }
        if let Some(progress) = progress {
            self.bar.set_length(progress.total);
            self.bar.set_position(progress.done);
        }
        self.bar.set_prefix(activity.phase.clone());
        let message = match &activity.hint {
            Some(can) if !can.is_empty() => {
                format!("{}; you can {}", activity.what, worded(can, Some(&self.file)))
            }
            _ => activity.what.clone(),
        };
        self.bar.set_message(message);
    }

    fn line(&self, entry: &Entry) {
        let shown = match entry.kind {
            EntryKind::Stage | EntryKind::Note | EntryKind::Trouble | EntryKind::Hold => true,
            EntryKind::Intent => self.verbose,
            EntryKind::Outcome => false,
        };
        if shown && !self.is_told(entry) {
            if let Some(hold) = self.next_hold(None) {
                self.print(&hold);
            }
            if entry.kind == EntryKind::Hold {
                self.next_hold(Some(entry.clone()));
            } else {
                self.print(entry);
            }
        }
    }

    fn print(&self, entry: &Entry) {
        self.bar.suspend(|| {
            say_after(&head(entry), mood(entry.kind), line(entry, &self.file));
        });
    }
}

impl Observer for Watch {
    fn observe(&self, event: &Event) {
        // All other events are logged too.
        if let Event::Activity(activity) = event {
            self.activity(activity);
        } else if let Event::Logged(entry) = event {
            self.line(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_that_comes_again_and_again_is_told_once() {
        let watch = Watch::new("a.plan".to_owned(), false);
        let entry = |kind, text: &str| Entry {
            at: jiff::Timestamp::UNIX_EPOCH,
            phase: "drain".to_owned(),
            kind,
            text: text.into(),
        };
        let told = |text: &str| watch.is_told(&entry(EntryKind::Trouble, text));
        assert!(!told("VMAPI: 503 [request 1]"));
        assert!(told("VMAPI: 503 [request 2]"));
        assert!(!told("VMAPI: 500 [request 3]"));
        // What is said between them is heard after.
        assert!(!watch.is_told(&entry(EntryKind::Note, "a note")));
        assert!(!told("VMAPI: 500 [request 3]"));
        assert!(!watch.is_told(&entry(EntryKind::Hold, "VMAPI: 500 [request 3]")));
    }
}

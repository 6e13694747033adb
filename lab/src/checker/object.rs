//! The states that one object may be in, and the one that it is in.

use super::history::{Attempt, History, ObjectHistory, Write};
use super::{Row, ViolationKind};
use crate::load::log::{Action, Outcome, ReadResult, WriteId};
use crate::load::{Ending, Possible, Seen, State, Watch};

/// Someone's look at an object at an owner: what was seen, and when.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) pnode: &'a str,
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) row: Option<&'a Row>,
}

/// The problem with an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) kind: ViolationKind,
    pub(super) pnode: Option<String>,
    pub(super) text: String,
}

/// Something that happens to an object.
#[derive(Clone, Copy, Debug)]
enum Event {
    ReadBegins(usize),
    LookBegins(usize),
    WriteBegins(usize),
    WriteEnds(usize),
    LookEnds(usize),
    ReadEnds(usize),
}

/// Replays what happened to an object, and tells what of it cannot have happened in a right tier.
pub(super) fn judge(
    history: &History,
    object: &ObjectHistory,
    looks: &[Look<'_>],
    unknown_within: Option<u64>,
) -> Vec<Wrong> {
    let initial = match &object.seed {
        Some((etag, hash)) => State::Seed { etag: etag.to_string(), hash: *hash },
        None => State::Absent,
    };
    let mut replay = Replay {
        history,
        object,
        possible: Possible::new(initial),
        reads: vec![None; object.reads.len()],
        looks: (0..looks.len()).map(|_| None).collect(),
        wrong: Vec::new(),
        unknown_within,
    };
    for event in events(history, object, looks) {
        replay.step(event, looks);
    }
    replay.wrong
}

/// In an order that is possible, and in which as much as can be may be seen: who looks begins before what happens in
/// the same microsecond, and ends after it.
fn events(history: &History, object: &ObjectHistory, looks: &[Look<'_>]) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, look) in looks.iter().enumerate() {
        events.push((look.from, 0, 0, Event::LookBegins(index)));
        events.push((look.until, 2, 0, Event::LookEnds(index)));
    }
    for (index, read) in object.reads.iter().enumerate() {
        events.push((read.start, 0, 0, Event::ReadBegins(index)));
        events.push((read.end, 2, 0, Event::ReadEnds(index)));
    }
    for (index, write) in object.writes.iter().enumerate() {
        let Some(attempt) = history.attempts.get(write.attempt) else { continue };
        events.push((attempt.start, 1, 2 * index, Event::WriteBegins(index)));
        if let Some(end) = attempt.end {
            events.push((end, 1, 2 * index + 1, Event::WriteEnds(index)));
        }
    }
    events.sort_by_key(|(time, class, order, _)| (*time, *class, *order));
    events.into_iter().map(|(_, _, _, event)| event).collect()
}

struct Replay<'a> {
    history: &'a History,
    object: &'a ObjectHistory,
    possible: Possible,
    reads: Vec<Option<Watch>>,
    looks: Vec<Option<Watch>>,
    wrong: Vec<Wrong>,
    unknown_within: Option<u64>,
}

impl Replay<'_> {
    fn step(&mut self, event: Event, looks: &[Look<'_>]) {
        match event {
            Event::ReadBegins(index) => {
                if let Some(watch) = self.reads.get_mut(index) {
                    *watch = Some(self.possible.watch());
                }
            }
            Event::LookBegins(index) => {
                if let Some(watch) = self.looks.get_mut(index) {
                    *watch = Some(self.possible.watch());
                }
            }
            Event::WriteBegins(index) => self.begin(index),
            Event::WriteEnds(index) => self.end(index),
            Event::LookEnds(index) => {
                if let Some(look) = looks.get(index) {
                    let wrong = self.look(index, look);
                    self.wrong.extend(wrong);
                }
            }
            Event::ReadEnds(index) => self.read(index),
        }
    }

    fn attempt(&self, write: &Write) -> Option<&Attempt> {
        self.history.attempts.get(write.attempt)
    }

    fn begin(&mut self, index: usize) {
        let Some(write) = self.object.writes.get(index) else { return };
        let Some(start) = self.attempt(write).map(|attempt| attempt.start) else { return };
        let state = match write.action {
            Action::Put => State::Written { write: write.id, etag: None },
            Action::Delete => State::Absent,
        };
        self.possible.begin(write.id, state, write.condition.clone(), start);
    }

    fn end(&mut self, index: usize) {
        let Some(write) = self.object.writes.get(index) else { return };
        let Some(attempt) = self.history.attempts.get(write.attempt) else { return };
        let (Some(end), Some(outcome)) = (attempt.end, &attempt.outcome) else { return };
        let ending = match outcome {
            Outcome::Acknowledged { etags, .. } => {
                Ending::Acknowledged { etag: etags.get(write.change).cloned().flatten() }
            }
            Outcome::Refused { .. } => Ending::Refused,
            Outcome::Unknown { .. } => Ending::Unknown,
        };
        if self.possible.end(write.id, ending, end, self.unknown_within).is_err() {
            let text = format!(
                "write {} was acknowledged on condition of {:?}, which cannot have been true",
                self.times(write),
                write.condition
            );
            self.wrong.push(Wrong { kind: ViolationKind::FalseCondition, pnode: None, text });
        }
    }

    fn read(&mut self, index: usize) {
        let (Some(read), Some(Some(watch))) = (self.object.reads.get(index), self.reads.get(index))
        else {
            return;
        };
        let (seen, node) = match &read.result {
            ReadResult::Found { write: Some(write), etag, node } => {
                (Seen::Written { write: *write, etag }, node.as_ref())
            }
            ReadResult::Found { write: None, etag, node } => {
                (Seen::Other { etag, hash: None }, node.as_ref())
            }
            ReadResult::Absent => (Seen::Absent, None),
            ReadResult::Failed { .. } => return,
        };
        if !self.possible.explains(watch, &seen) {
            let text = format!(
                "a read of {} saw {}, and not {}",
                self.between(read.start, Some(read.end)),
                describe(&seen),
                self.allowed()
            );
            let pnode = node.map(|node| node.pnode.clone());
            self.wrong.push(Wrong { kind: ViolationKind::WrongRead, pnode, text });
        }
        self.possible.observe(&seen, read.end);
    }

    fn look(&mut self, index: usize, look: &Look<'_>) -> Option<Wrong> {
        let watch = self.looks.get(index)?.as_ref()?;
        let seen = match look.row {
            None => Seen::Absent,
            Some(Row { write: Some(write), etag, .. }) => Seen::Written { write: *write, etag },
            Some(Row { etag, hash, .. }) => Seen::Other { etag, hash: Some(*hash) },
        };
        let intact = look.row.is_none_or(|row| row.intact);
        if intact && self.possible.explains(watch, &seen) {
            return None;
        }
        let kind = if intact { self.kind(&seen) } else { ViolationKind::Damaged };
        let found = match &seen {
            Seen::Written { write, .. } => match self.write(*write) {
                Some(write) => format!("the value of write {}", self.times(write)),
                None => describe(&seen),
            },
            Seen::Absent | Seen::Other { .. } => describe(&seen),
        };
        let text = if intact {
            format!("there is {found}, and not {}", self.allowed())
        } else {
            format!("there is {found}, but its etag is not that of its value")
        };
        Some(Wrong { kind, pnode: Some(look.pnode.to_owned()), text })
    }

    fn write(&self, id: WriteId) -> Option<&Write> {
        self.object.writes.iter().find(|write| write.id == id)
    }

    fn kind(&self, seen: &Seen<'_>) -> ViolationKind {
        let states = self.possible.states();
        let must_be_absent = states.iter().all(|state| *state == State::Absent);
        let replaced =
            if must_be_absent { ViolationKind::Resurrected } else { ViolationKind::Stale };
        match seen {
            Seen::Absent => ViolationKind::Lost,
            Seen::Written { write, .. } => {
                let may_be = |state: &State| matches!(state, State::Written { write: it, .. } if it == write);
                if states.iter().any(may_be) {
                    return ViolationKind::Damaged;
                }
                let outcome = self.write(*write).map(|it| self.attempt(it)?.outcome.as_ref());
                match outcome {
                    None | Some(Some(Outcome::Refused { .. })) => ViolationKind::Phantom,
                    Some(_) => replaced,
                }
            }
            Seen::Other { etag, .. } => match &self.object.seed {
                None => ViolationKind::Phantom,
                Some((seed, _)) if **seed != **etag => ViolationKind::Damaged,
                Some(_) if states.iter().any(|state| matches!(state, State::Seed { .. })) => {
                    ViolationKind::Damaged
                }
                Some(_) => replaced,
            },
        }
    }

    /// The states that are possible, in words.
    fn allowed(&self) -> String {
        let states = self.possible.states();
        let mut texts: Vec<_> = states.iter().map(|state| self.state(state)).collect();
        texts.dedup();
        texts.join(" or ")
    }

    fn state(&self, state: &State) -> String {
        match state {
            State::Absent => {
                let deletes = self.object.writes.iter().rev();
                match deletes.into_iter().find(|write| write.action == Action::Delete) {
                    Some(delete) => format!("nothing (deleted by write {})", self.times(delete)),
                    None => "nothing".to_owned(),
                }
            }
            State::Written { write, .. } => match self.write(*write) {
                Some(write) => format!("the value of write {}", self.times(write)),
                None => format!("the value of write {write}"),
            },
            State::Seed { etag, .. } => format!("the value with etag {etag} from before"),
        }
    }

    /// A write with its outcome and times.
    fn times(&self, write: &Write) -> String {
        let Some(attempt) = self.attempt(write) else { return write.id.to_string() };
        let outcome = match &attempt.outcome {
            Some(Outcome::Acknowledged { .. }) => "acknowledged",
            Some(Outcome::Refused { .. }) => "refused",
            Some(Outcome::Unknown { .. }) => "unknown",
            None => "not ended",
        };
        format!("{} ({outcome}, {})", write.id, self.between(attempt.start, attempt.end))
    }

    fn between(&self, start: u64, end: Option<u64>) -> String {
        between(self.history, start, end)
    }
}

/// Two times in seconds since the history began.
pub(super) fn between(history: &History, start: u64, end: Option<u64>) -> String {
    let began = history.began.unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "it is a time for people")]
    let seconds = |time: u64| time.saturating_sub(began) as f64 / 1e6;
    match end {
        Some(end) => format!("{:.6}-{:.6} s", seconds(start), seconds(end)),
        None => format!("from {:.6} s", seconds(start)),
    }
}

fn describe(seen: &Seen<'_>) -> String {
    match seen {
        Seen::Absent => "nothing".to_owned(),
        Seen::Written { write, etag } => format!("the value of write {write} with etag {etag}"),
        Seen::Other { etag, .. } => format!("a value with etag {etag} that no load has written"),
    }
}

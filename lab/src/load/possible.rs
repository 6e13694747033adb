//! The states that an object can be in, after writes that were done, or not, or perhaps.
//!
//! A write that was refused was not done. One that was acknowledged was done at some instant between its start and its
//! end. One of unknown outcome may be done at any instant from its start on, even long after later writes, because the
//! request may wait somewhere; unless what it demanded of the object cannot be true any longer, or it was seen done:
//! no write is done twice.

use super::log::{Condition, WriteId};

/// One thing that an object can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Absent,
    /// The value that a load has written, with its etag if that is known.
    Written { write: WriteId, etag: Option<String> },
    /// The value that was there before.
    Seed { etag: String, hash: u64 },
}

/// The state that someone saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen<'a> {
    Absent,
    Written {
        write: WriteId,
        etag: &'a str,
    },
    /// A value that no load has written. Without a hash only the etag is compared.
    Other {
        etag: &'a str,
        hash: Option<u64>,
    },
}

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Acknowledged { etag: Option<String> },
    Refused,
    Unknown,
}

/// An acknowledged write whose condition cannot have been true: something that it could not overwrite was gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction;

/// All that an object can be. Times are of any clock that the caller uses for all.
#[derive(Clone, Debug)]
pub(crate) struct Possible {
    candidates: Vec<Candidate>,
    /// One more than the number of the last write that has begun.
    next_number: u64,
    deletes_begun: u32,
}

#[derive(Clone, Debug)]
struct Candidate {
    write: Option<WriteId>,
    state: State,
    condition: Condition,
    begun: u64,
    /// The time at which it was certainly done, at the latest. None: it may be not done yet.
    done: Option<u64>,
    /// The time at which it is certainly done if it ever is.
    expires: Option<u64>,
}

/// The states that could be seen when someone began to look.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    states: Vec<State>,
    /// The states that can come to be when the object changes: of writes whose condition was not true then.
    waiting: Vec<State>,
    next_number: u64,
    deletes_begun: u32,
}

impl State {
    fn satisfies(&self, condition: &Condition) -> bool {
        match (condition, self) {
            (Condition::Any, _) | (Condition::Absent, Self::Absent) => true,
            (Condition::Is(wanted), Self::Written { etag, .. }) => {
                etag.as_ref().is_none_or(|etag| wanted == etag)
            }
            (Condition::Is(wanted), Self::Seed { etag, .. }) => wanted == etag,
            (Condition::Absent, Self::Written { .. } | Self::Seed { .. })
            | (Condition::Is(_), Self::Absent) => false,
        }
    }

    fn is_seen(&self, seen: &Seen<'_>) -> bool {
        match (self, seen) {
            (Self::Absent, Seen::Absent) => true,
            (Self::Written { write, etag }, Seen::Written { write: seen, etag: seen_etag }) => {
                write == seen && etag.as_ref().is_none_or(|etag| etag == seen_etag)
            }
            (Self::Seed { etag, hash }, Seen::Other { etag: seen_etag, hash: seen_hash }) => {
                etag == seen_etag && seen_hash.is_none_or(|seen| *hash == seen)
            }
            (Self::Absent | Self::Written { .. } | Self::Seed { .. }, _) => false,
        }
    }
}

impl Possible {
    /// The object was this before all writes.
    pub(crate) fn new(initial: State) -> Self {
        let (condition, done) = (Condition::Any, Some(0));
        let initial =
            Candidate { write: None, state: initial, condition, begun: 0, done, expires: None };
        Self { candidates: vec![initial], next_number: 0, deletes_begun: 0 }
    }

    /// A write begins, which is to make the object `state`.
    pub(crate) fn begin(&mut self, write: WriteId, state: State, condition: Condition, now: u64) {
        for candidate in &mut self.candidates {
            // What would be done by then, is done or never will be.
            if let Some(expired) = candidate.expires.filter(|expires| *expires <= now) {
                candidate.done.get_or_insert(expired);
            }
        }
        self.next_number = self.next_number.max(write.number.saturating_add(1));
        if state == State::Absent {
            self.deletes_begun += 1;
        }
        let (write, done, expires) = (Some(write), None, None);
        self.candidates.push(Candidate { write, state, condition, begun: now, done, expires });
    }

    /// A write has ended. If its outcome is unknown and `patience` is given, it is done within that time or never.
    pub(crate) fn end(
        &mut self,
        write: WriteId,
        ending: Ending,
        now: u64,
        patience: Option<u64>,
    ) -> Result<(), Contradiction> {
        let of_it = |candidate: &Candidate| candidate.write == Some(write);
        let Some(index) = self.candidates.iter().position(of_it) else { return Ok(()) };
        match ending {
            Ending::Refused => drop(self.candidates.remove(index)),
            Ending::Unknown => {
                if let Some(candidate) = self.candidates.get_mut(index) {
                    candidate.expires = patience.map(|patience| now.saturating_add(patience));
                }
            }
            Ending::Acknowledged { etag: acknowledged } => {
                let mut written = self.candidates.remove(index);
                let could_be = self.states().iter().any(|at| at.satisfies(&written.condition));
                // Whatever was done before it began, it has overwritten.
                let begun = written.begun;
                self.candidates.retain(|other| other.done.is_none_or(|done| done > begun));
                written.done = Some(now);
                if let State::Written { etag, .. } = &mut written.state {
                    *etag = acknowledged.or(etag.take());
                }
                self.candidates.push(written);
                if !could_be {
                    return Err(Contradiction);
                }
            }
        }
        Ok(())
    }

    /// Someone saw a value. If that was of unknown outcome, it was done by now, and will not be done again.
    ///
    /// A value that it may have overwritten stays possible: a write that was never acknowledged may be undone by a failover,
    /// though someone saw it.
    pub(crate) fn observe(&mut self, seen: &Seen<'_>, now: u64) {
        let Seen::Written { write: seen, etag: seen_etag } = seen else { return };
        for candidate in &mut self.candidates {
            if candidate.write == Some(*seen)
                && let State::Written { etag, .. } = &mut candidate.state
            {
                etag.get_or_insert_with(|| (*seen_etag).to_owned());
                candidate.done.get_or_insert(now.saturating_add(1));
            }
        }
    }

    /// All that the object can be now.
    pub(crate) fn states(&self) -> Vec<State> {
        let mut states = Vec::new();
        let mut pending: Vec<&Candidate> = Vec::new();
        for candidate in &self.candidates {
            match candidate.done {
                Some(_) => states.push(candidate.state.clone()),
                None => pending.push(candidate),
            }
        }
        // One that waits for a condition can follow another.
        loop {
            let before = pending.len();
            pending.retain(|candidate| {
                let can_be = states.iter().any(|state| state.satisfies(&candidate.condition));
                if can_be {
                    states.push(candidate.state.clone());
                }
                !can_be
            });
            if pending.len() == before {
                return states;
            }
        }
    }

    /// The one thing that the object is, if that is known.
    pub(crate) fn known(&self) -> Option<&State> {
        match self.candidates.as_slice() {
            [only] if only.done.is_some() => Some(&only.state),
            _ => None,
        }
    }

    /// Someone begins to look.
    pub(crate) fn watch(&self) -> Watch {
        let (next_number, deletes_begun) = (self.next_number, self.deletes_begun);
        let waiting = self.candidates.iter().filter(|candidate| candidate.done.is_none());
        let waiting = waiting.map(|candidate| candidate.state.clone()).collect();
        Watch { states: self.states(), waiting, next_number, deletes_begun }
    }

    /// Tells whether someone who began to look with `watch` can have seen this by now.
    pub(crate) fn explains(&self, watch: &Watch, seen: &Seen<'_>) -> bool {
        let since = match seen {
            Seen::Absent => self.deletes_begun > watch.deletes_begun,
            // A wrong etag is told by the candidate, if it is still one.
            Seen::Written { write, .. } => {
                (watch.next_number..self.next_number).contains(&write.number)
                    && !self.candidates.iter().any(|candidate| {
                        candidate.write == Some(*write) && !candidate.state.is_seen(seen)
                    })
            }
            Seen::Other { .. } => false,
        };
        let has_changed = self.next_number > watch.next_number;
        since
            || watch.states.iter().any(|state| state.is_seen(seen))
            || has_changed && watch.waiting.iter().any(|state| state.is_seen(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> WriteId {
        WriteId { run: 1, number }
    }

    fn put(number: u64) -> State {
        State::Written { write: id(number), etag: None }
    }

    fn sees(possible: &Possible, number: u64, etag: &str) -> bool {
        let seen = Seen::Written { write: id(number), etag };
        possible.explains(&possible.watch(), &seen)
    }

    fn absent(possible: &Possible) -> bool {
        possible.explains(&possible.watch(), &Seen::Absent)
    }

    fn acknowledged(etag: &str) -> Ending {
        Ending::Acknowledged { etag: Some(etag.into()) }
    }

    #[test]
    fn an_acknowledged_write_replaces_what_was_before_it() {
        let mut possible = Possible::new(State::Absent);
        possible.begin(id(1), put(1), Condition::Any, 10);
        assert!(absent(&possible) && sees(&possible, 1, "A"));
        possible.end(id(1), acknowledged("A"), 20, None).unwrap();
        assert!(!absent(&possible) && sees(&possible, 1, "A") && !sees(&possible, 1, "B"));
        possible.begin(id(2), State::Absent, Condition::Any, 20);
        possible.end(id(2), Ending::Refused, 30, None).unwrap();
        assert!(!absent(&possible) && sees(&possible, 1, "A"));
        possible.begin(id(3), State::Absent, Condition::Any, 30);
        possible.end(id(3), Ending::Acknowledged { etag: None }, 40, None).unwrap();
        assert!(absent(&possible) && !sees(&possible, 1, "A"));
        assert_eq!(possible.known(), Some(&State::Absent));
    }

    #[test]
    fn an_unknown_write_may_be_done_later_until_it_is_seen_or_expires() {
        let unknown = |patience| {
            let mut possible = Possible::new(State::Absent);
            possible.begin(id(1), put(1), Condition::Any, 10);
            possible.end(id(1), Ending::Unknown, 20, patience).unwrap();
            possible
        };
        let then = |mut possible: Possible, at| {
            possible.begin(id(2), put(2), Condition::Any, at);
            possible.end(id(2), acknowledged("B"), at + 10, None).unwrap();
            (sees(&possible, 1, "A"), sees(&possible, 2, "B"), absent(&possible))
        };
        assert!(sees(&unknown(None), 1, "A") && absent(&unknown(None)));
        assert_eq!(then(unknown(None), 1000), (true, true, false));
        assert_eq!(then(unknown(Some(100)), 100), (true, true, false));
        assert_eq!(then(unknown(Some(100)), 120), (false, true, false));
        let mut seen = unknown(None);
        seen.observe(&Seen::Written { write: id(1), etag: "A" }, 29);
        assert!(absent(&seen), "a failover may undo it");
        assert_eq!(then(seen.clone(), 29), (true, true, false));
        assert_eq!(then(seen, 30), (false, true, false));
    }

    #[test]
    fn a_condition_that_cannot_be_true_any_longer_ends_a_write_of_unknown_outcome() {
        let mut possible = Possible::new(State::Seed { etag: "S".into(), hash: 5 });
        possible.begin(id(1), put(1), Condition::Is("S".into()), 10);
        possible.end(id(1), Ending::Unknown, 20, None).unwrap();
        possible.begin(id(2), put(2), Condition::Any, 30);
        possible.end(id(2), acknowledged("B"), 40, None).unwrap();
        assert!(!sees(&possible, 1, "A"));
        // Two that depend on one another, in the wrong order.
        possible.begin(id(3), put(3), Condition::Absent, 50);
        possible.end(id(3), Ending::Unknown, 60, None).unwrap();
        assert!(!sees(&possible, 3, "C"));
        possible.begin(id(4), State::Absent, Condition::Any, 70);
        possible.end(id(4), Ending::Unknown, 80, None).unwrap();
        assert!(sees(&possible, 3, "C") && absent(&possible) && sees(&possible, 2, "B"));
    }

    #[test]
    fn a_condition_that_was_not_true_is_a_contradiction() {
        let mut possible = Possible::new(State::Absent);
        possible.begin(id(1), put(1), Condition::Absent, 10);
        possible.end(id(1), acknowledged("A"), 20, None).unwrap();
        possible.begin(id(2), put(2), Condition::Absent, 30);
        assert_eq!(possible.end(id(2), acknowledged("B"), 40, None), Err(Contradiction));
        assert!(sees(&possible, 2, "B"));
        possible.begin(id(3), put(3), Condition::Is("B".into()), 50);
        assert_eq!(possible.end(id(3), acknowledged("C"), 60, None), Ok(()));
    }

    #[test]
    fn who_looks_meanwhile_can_see_anything_of_the_time() {
        let mut possible = Possible::new(State::Absent);
        let watch = possible.watch();
        possible.begin(id(1), put(1), Condition::Any, 10);
        possible.end(id(1), acknowledged("A"), 20, None).unwrap();
        possible.begin(id(2), put(2), Condition::Any, 30);
        possible.end(id(2), acknowledged("B"), 40, None).unwrap();
        for (number, etag) in [(1, "A"), (2, "B")] {
            assert!(possible.explains(&watch, &Seen::Written { write: id(number), etag }));
        }
        assert!(possible.explains(&watch, &Seen::Absent));
        assert!(!possible.explains(&watch, &Seen::Written { write: id(2), etag: "X" }));
        assert!(!possible.explains(&possible.watch(), &Seen::Written { write: id(1), etag: "A" }));
        assert!(!possible.explains(&watch, &Seen::Written { write: id(3), etag: "C" }));
    }

    #[test]
    fn who_looks_can_see_a_condition_come_true_meanwhile() {
        let mut possible = Possible::new(State::Absent);
        possible.begin(id(1), put(1), Condition::Absent, 10);
        possible.end(id(1), Ending::Unknown, 20, None).unwrap();
        possible.begin(id(2), put(2), Condition::Any, 30);
        possible.end(id(2), acknowledged("B"), 40, None).unwrap();
        let (watch, late) = (possible.watch(), Seen::Written { write: id(1), etag: "A" });
        assert!(!possible.explains(&watch, &late));
        possible.begin(id(3), State::Absent, Condition::Any, 50);
        possible.end(id(3), Ending::Acknowledged { etag: None }, 60, None).unwrap();
        possible.begin(id(4), put(4), Condition::Any, 70);
        possible.end(id(4), acknowledged("D"), 80, None).unwrap();
        assert!(possible.explains(&watch, &late));
        assert!(!possible.explains(&possible.watch(), &late));
    }
}

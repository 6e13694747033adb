//! Things that a plan keeps from others while it lasts: whoever looks at one that has stopped has to know them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Sequence;
use crate::journal::{Journal, JournalError, PhaseRecord, PhaseState};

/// A thing that a plan keeps from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// Takeovers at the source, which is frozen.
    Takeovers,
    /// Dumps of any shard.
    Dumps,
    /// Changes of the ring by other plans.
    RingChanges,
    /// Requests for the new names after a takeover: only while the plan goes on are they led to whoever has taken over.
    NewNames,
}

/// Lists what a plan withholds now, as its journal has it.
///
/// # Errors
///
/// [`JournalError`]
pub async fn withheld(
    store: &dyn Journal,
    sequence: &Sequence,
) -> Result<BTreeSet<Withheld>, JournalError> {
    Ok(by_records(sequence, &store.phases().await?))
}

fn by_records(sequence: &Sequence, records: &BTreeMap<String, PhaseRecord>) -> BTreeSet<Withheld> {
    let mut all = BTreeSet::new();
    for step in sequence {
        let Some(record) = records.get(step.name()) else { continue };
        if record.state.may_have_effects() {
            all.extend(step.withholds());
        }
        // Undoing a phase that gives something back does not take it again.
        if record.state != PhaseState::Begun {
            step.gives_back().iter().for_each(|thing| {
                all.remove(thing);
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clock::TimeSpan;
    use crate::plan::Mode;

    fn record(state: PhaseState) -> PhaseRecord {
        let now = Timestamp::UNIX_EPOCH;
        PhaseRecord { state, attempts: 1, time: TimeSpan::begun_at(now) }
    }

    fn up_to(sequence: &Sequence, last: &str) -> BTreeSet<Withheld> {
        let mut records: BTreeMap<_, _> = sequence
            .names()
            .take_while(|name| *name != last)
            .map(|name| (name.to_owned(), record(PhaseState::Done)))
            .collect();
        records.insert(last.to_owned(), record(PhaseState::Begun));
        by_records(sequence, &records)
    }

    #[test]
    fn what_a_plan_withholds_it_has_given_back_at_its_end() {
        for mode in [Mode::Guarded, Mode::Rfd103] {
            let sequence = mode.sequence().unwrap();
            let mut ever = BTreeSet::new();
            for name in sequence.names() {
                ever.extend(up_to(&sequence, name));
            }
            assert_eq!(ever.len(), if mode == Mode::Guarded { 4 } else { 3 }, "{ever:?}");
            let done = sequence.names().map(|name| (name.to_owned(), record(PhaseState::Done)));
            assert_eq!(by_records(&sequence, &done.collect()), BTreeSet::new());
            let undone = sequence.names().map(|name| (name.to_owned(), record(PhaseState::Undone)));
            assert_eq!(by_records(&sequence, &undone.collect()), BTreeSet::new());
        }
    }

    #[test]
    fn the_source_of_a_guarded_plan_is_frozen_while_its_peers_leave_and_until_it_is_unfrozen() {
        let sequence = Mode::Guarded.sequence().unwrap();
        let frozen = |name| up_to(&sequence, name).contains(&Withheld::Takeovers);
        assert!(!frozen("stage-rings") && frozen("recheck") && frozen("thaw-source"));
        assert!(!frozen("follow") && frozen("unfreeze"));
        assert!(!frozen("verify-routing"));
    }
}

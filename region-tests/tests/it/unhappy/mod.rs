//! An unhappy world for each phase: either the plan gets through, or it holds with words that name the cause and the remedy,
//! and goes on when that is fixed.

#![expect(clippy::wildcard_enum_match_arm, reason = "most troubles are alike to most of the code")]

mod failover;
mod guarded_holding;
mod guarded_passing;
mod hands;
mod holding;
mod journal;
mod passing;
mod region;
mod trouble;
mod walk;

use std::collections::BTreeSet;

use reshard_core::Mode;

use self::trouble::Trouble;
use self::walk::walk;
use super::started::{guarded, half};

/// A phase, what goes wrong just before it, and what has to come of that.
#[derive(Debug)]
pub(super) struct Row {
    phase: &'static str,
    trouble: Trouble,
    then: Then,
}

/// The outcome that a trouble has to have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It is met, and is over: the phase gets through.
    GetsThrough,
    /// The operator is shown these words while it lasts. When it is over, the phase gets through.
    Waits(&'static str),
    /// It lasts until the plan holds with these words, and with these as what to do.
    Holds(&'static str, &'static str),
}

#[test]
fn every_phase_has_its_troubles() {
    let phases_of = |mode: Mode| mode.sequence().unwrap().names().collect::<BTreeSet<_>>();
    let rfd103 = phases_of(Mode::Rfd103);
    // Those that both have meet theirs there.
    let of_guarded_alone = &phases_of(Mode::Guarded) - &rfd103;
    let covered = |rows: Vec<Row>| rows.iter().map(|row| row.phase).collect::<BTreeSet<_>>();
    for rows in [passing::rows(), holding::rows()] {
        assert_eq!(covered(rows), rfd103);
    }
    for rows in [guarded_passing::rows(), guarded_holding::rows()] {
        assert_eq!(covered(rows), of_guarded_alone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn troubles_that_pass_are_waited_out() {
    walk(half, &passing::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn troubles_that_stay_are_told_and_the_plan_goes_on_without_them() {
    walk(half, &holding::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_troubles_that_pass_are_waited_out() {
    walk(guarded, &guarded_passing::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guarded_troubles_that_stay_are_told_and_the_plan_goes_on_without_them() {
    walk(guarded, &guarded_holding::rows()).await;
}

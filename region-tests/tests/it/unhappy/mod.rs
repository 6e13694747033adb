//! An unhappy world for each phase: either the plan gets through, or it holds with words that name the cause and the remedy,
//! and goes on when that is fixed.

#![expect(clippy::wildcard_enum_match_arm, reason = "most troubles are alike to most of the code")]

mod hands;
mod holding;
mod journal;
mod passing;
mod region;
mod trouble;
mod walk;

use super::started::phases;
use std::collections::BTreeSet;

use self::trouble::Trouble;
use self::walk::walk;

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
    let phases: BTreeSet<_> = phases().names().collect();
    for rows in [passing::rows(), holding::rows()] {
        let covered: BTreeSet<_> = rows.iter().map(|row| row.phase).collect();
        assert_eq!(covered, phases);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn troubles_that_pass_are_waited_out() {
    walk(&passing::rows()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn troubles_that_stay_are_told_and_the_plan_goes_on_without_them() {
    walk(&holding::rows()).await;
}

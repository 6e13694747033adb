//! The facts that a plan's status is made of, gathered from its file.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use reshard_core::{
    Activity, Controls, Entry, EntryKind, Journal, JournalError, Liveness, OpenWriteBlock, Phase,
    PhaseState, Plan, Report, Sequence, SystemClock, Withheld, past_pivot, urgent_phase, withheld,
};

use super::copy::FileCopy;
use crate::reshard::runnable::Runnable;
use crate::reshard::watchdog;

/// Everything that a status is made of.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) report: Report,
    /// All phases of the plan in their order.
    pub(super) phases: Vec<Step>,
    /// The phase from which on there is no way back, if it has begun.
    pub(super) no_way_back: Option<String>,
    /// That phase, if it is the next: what can still be rolled back can no longer when the plan goes on.
    pub(super) pivot_is_next: Option<String>,
    /// While writes are refused.
    pub(super) block: Option<OpenWriteBlock>,
    /// The things that the plan keeps from others now.
    pub(super) withheld: BTreeSet<Withheld>,
    /// The phase that goes on and must not be left half done.
    pub(super) urgent: Option<String>,
    pub(super) executor: Liveness,
    /// True if a watchdog stands by that ends a write block or an urgent phase.
    pub(super) watchdog: bool,
    pub(super) activity: Option<Activity>,
    /// The last thing that went wrong.
    pub(super) trouble: Option<Entry>,
    pub(super) controls: Controls,
    pub(super) copy: FileCopy,
    /// The form of commands about the plan.
    pub(super) runnable: Runnable,
}

/// A phase of the plan, as it was planned.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) predicted: Option<Duration>,
}

impl Facts {
    /// Reads the journal.
    pub(super) async fn of(
        store: &dyn Journal,
        plan: &Plan,
        phases: &Sequence,
        copy: FileCopy,
        runnable: &Runnable,
    ) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let report = Report::of(store, phases).await?;
        let no_way_back = past_pivot(store, phases).await?;
        let log = store.log_after(0).await?;
        let is_trouble = |entry: &Entry| matches!(entry.kind, EntryKind::Trouble | EntryKind::Hold);
        Ok(Self {
            now,
            no_way_back: no_way_back.map(str::to_owned),
            pivot_is_next: pivot_is_next(&report, phases),
            phases: phases.iter().map(|phase| Step::of(&**phase, plan)).collect(),
            block: OpenWriteBlock::of(store, plan, phases, &SystemClock).await?,
            urgent: urgent_phase(store, phases).await?.map(|phase| phase.name().to_owned()),
            withheld: withheld(store, phases).await?,
            executor: Liveness::of(store, now).await?,
            watchdog: watchdog::stands_by(&store.work_directory()),
            activity: store.activity().await?,
            trouble: log.into_iter().map(|(_, entry)| entry).rfind(is_trouble),
            controls: store.controls().await?,
            copy,
            report,
            runnable: runnable.clone(),
        })
    }
}

fn pivot_is_next(report: &Report, phases: &Sequence) -> Option<String> {
    let is_done =
        |name| report.phases.iter().any(|it| it.name == name && it.state == PhaseState::Done);
    let next = phases.iter().find(|phase| !is_done(phase.name()));
    next.filter(|phase| phase.is_pivot()).map(|phase| phase.name().to_owned())
}

impl Step {
    fn of(phase: &dyn Phase, plan: &Plan) -> Self {
        let predicted = plan.prediction.seconds_of(phase.name());
        Self {
            name: phase.name().to_owned(),
            title: phase.about().title.to_owned(),
            predicted: predicted.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        }
    }
}

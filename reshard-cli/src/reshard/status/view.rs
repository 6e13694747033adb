//! A plan's status as it is shown: made of facts alone. `reshard status -o json` prints it as it is.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use reshard_core::{
    Activity, Approval, Entry, Liveness, PhaseState, PlanState, PlanUuid, Progress, Withheld,
};
use serde::Serialize;

use super::commands::{Suggestion, suggestions};
use super::copy::FileCopy;
use super::facts::{Facts, Step};
use crate::reshard::in_words::InWords;
use crate::reshard::remedy::worded;

/// A plan's status. Durations are in seconds.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    pub(super) plan: PlanUuid,
    /// The plan's file, as a shell reads it.
    pub(super) file: String,
    pub(super) source: String,
    /// The new shards, and how many vnodes each gets.
    pub(super) targets: Vec<(String, u64)>,
    /// The state, as the journal tells it.
    #[serde(flatten)]
    pub(super) state: PlanState,
    /// The meaning of that, with who is there to do it.
    pub(super) situation: Situation,
    pub(super) writes: Writes,
    /// The things that the plan keeps from others now.
    pub(super) withheld: BTreeSet<Withheld>,
    /// The phase that is half done and must not be left so, if nobody executes it.
    pub(super) left: Option<String>,
    pub(super) executor: Liveness,
    #[serde(flatten)]
    pub(super) copy: FileCopy,
    /// True if a watchdog stands by that ends the write block of an executor that is gone.
    pub(super) watchdog: bool,
    /// The activity of this moment.
    pub(super) now: Option<Now>,
    /// The things that the operator has asked for, and did not happen yet.
    pub(super) asked: Vec<String>,
    /// The routers' zones that did not run when rings were put back.
    pub(super) routers_left: Vec<String>,
    /// The number of times that something went wrong and passed.
    pub(super) troubles: u64,
    /// The last thing that went wrong.
    pub(super) last_trouble: Option<Entry>,
    pub(super) phases: Vec<PhaseView>,
    /// The time that the rest takes, by the prediction and by what was measured.
    pub(super) remaining_seconds: Option<f64>,
    /// The times for which writes were refused.
    pub(super) refused_before: Vec<RefusedBefore>,
    /// Commands that can be given next; the first is the one that should be.
    pub(super) commands: Vec<Suggestion>,
}

/// The situation of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Situation {
    /// Nothing was done yet.
    Planned,
    /// An executor goes forward.
    Running,
    /// An executor rolls everything back.
    Aborting,
    /// The operator stopped it.
    Paused,
    /// It needs the operator.
    Held,
    /// It should be going on, but no executor is there.
    Abandoned,
    /// It should be going on, but the executor has not said anything for some time.
    NotResponding,
    /// The file is an old copy: another one tells what became of the plan.
    Overtaken,
    /// It was rolled back.
    Aborted,
    /// It is done.
    Done,
}

/// The state of writes to the moving vnodes: refused or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Writes {
    pub(super) refused: bool,
    /// For how long they have been.
    pub(super) since_seconds: Option<f64>,
    /// The time that it can still last, until the original rings are back; absent if there is no way back, or nobody to do it.
    pub(super) left_seconds: Option<f64>,
}

/// The present activity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Now {
    pub(super) phase: String,
    pub(super) what: String,
    pub(super) since_seconds: f64,
    pub(super) you_can: Option<String>,
    pub(super) progress: Option<Progress>,
}

/// A phase, begun or to come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PhaseView {
    pub(super) name: String,
    pub(super) title: String,
    /// Absent for one that is to come.
    pub(super) state: Option<PhaseState>,
    /// The time that it took, or has taken so far.
    pub(super) seconds: Option<f64>,
    pub(super) predicted_seconds: Option<f64>,
    pub(super) attempts: u32,
}

/// An interval in which writes were refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct RefusedBefore {
    pub(super) seconds: f64,
    /// True if the vnodes moved; everything was rolled back otherwise.
    pub(super) moved: bool,
}

impl View {
    pub(super) fn of(facts: &Facts) -> Self {
        let situation = situation(facts);
        let report = &facts.report;
        let file = Some(facts.runnable.file());
        let now = present(facts).map(|activity| Now {
            since_seconds: ago(facts.now, activity.since).as_secs_f64(),
            phase: activity.phase,
            what: activity.what,
            you_can: activity.hint.filter(|can| !can.is_empty()).map(|can| worded(&can, file)),
            progress: activity.progress.filter(|progress| progress.total > 0),
        });
        let phases = phases(facts);
        let goes_on = matches!(
            situation,
            Situation::Running | Situation::Paused | Situation::Held | Situation::Planned
        );
        let refused_before = report.write_block.all.iter().filter_map(|block| {
            let seconds = block.time.took()?.as_secs_f64();
            Some(RefusedBefore { seconds, moved: block.moved })
        });
        Self {
            plan: report.plan,
            file: facts.runnable.file().to_owned(),
            source: report.source.clone(),
            targets: report.targets.clone(),
            state: report.state.clone().in_words(file),
            situation,
            writes: writes(facts, situation),
            left: facts
                .urgent
                .clone()
                .filter(|_| matches!(situation, Situation::Abandoned | Situation::NotResponding)),
            withheld: facts.withheld.clone(),
            executor: facts.executor.clone(),
            copy: facts.copy.clone().in_words(file),
            watchdog: facts.watchdog,
            remaining_seconds: goes_on.then(|| remaining(&phases, now.as_ref())).flatten(),
            now,
            asked: asked(facts),
            routers_left: report.routers_left(),
            troubles: report.troubles,
            last_trouble: facts.trouble.clone().map(|trouble| trouble.in_words(file)),
            phases,
            refused_before: refused_before.collect(),
            commands: suggestions(facts, situation),
        }
    }

    /// True if nothing is going to change, as far as this machine can tell.
    pub(super) fn has_stopped(&self) -> bool {
        match self.situation {
            Situation::Done | Situation::Aborted | Situation::Paused | Situation::Held => true,
            Situation::Planned
            | Situation::Running
            | Situation::Aborting
            | Situation::Abandoned
            | Situation::NotResponding
            | Situation::Overtaken => false,
        }
    }
}

fn situation(facts: &Facts) -> Situation {
    if matches!(facts.copy, FileCopy::Overtaken { .. }) {
        return Situation::Overtaken;
    }
    let going_on = match facts.report.state {
        PlanState::Planned => return Situation::Planned,
        PlanState::Paused => return Situation::Paused,
        PlanState::Held { .. } => return Situation::Held,
        PlanState::Aborted => return Situation::Aborted,
        PlanState::Done => return Situation::Done,
        PlanState::Running => Situation::Running,
        PlanState::Aborting => Situation::Aborting,
    };
    match facts.executor {
        Liveness::Alive(_) => going_on,
        Liveness::NotResponding { .. } => Situation::NotResponding,
        Liveness::Dead(_) | Liveness::Nobody => Situation::Abandoned,
    }
}

fn writes(facts: &Facts, situation: Situation) -> Writes {
    // What an old copy says of writes need not be true any more.
    let block = facts.block.filter(|_| situation != Situation::Overtaken);
    let Some(block) = block else {
        return Writes { refused: false, since_seconds: None, left_seconds: None };
    };
    // The budget is kept by an executor; without one it is a wish.
    let is_kept = situation == Situation::Running;
    Writes {
        refused: true,
        since_seconds: Some(block.lasts.as_secs_f64()),
        left_seconds: block.left.filter(|_| is_kept).map(|left| left.as_secs_f64()),
    }
}

/// The present activity. A phase that has not said yet what it does is not to be taken for the one before it.
fn present(facts: &Facts) -> Option<Activity> {
    if !matches!(facts.report.state, PlanState::Running | PlanState::Aborting) {
        return None;
    }
    let said = facts.activity.clone();
    let phase = |state| facts.report.phases.iter().find(|phase| phase.state == state);
    if let Some(undoing) = phase(PhaseState::Undoing) {
        return said.filter(|said| said.phase == undoing.name);
    }
    let begun = phase(PhaseState::Begun)?;
    Some(said.filter(|said| said.phase == begun.name).unwrap_or_else(|| Activity {
        phase: begun.name.clone(),
        what: begun.title.clone(),
        since: begun.began,
        hint: None,
        progress: None,
    }))
}

fn asked(facts: &Facts) -> Vec<String> {
    let controls = &facts.controls;
    let mut asked = Vec::new();
    let state = &facts.report.state;
    if state.is_over() {
        return asked;
    }
    if controls.abort && *state != PlanState::Aborting {
        asked.push("roll everything back".to_owned());
    }
    // Whatever stands still has stopped; what was asked stays written down until it goes on.
    if controls.pause && matches!(state, PlanState::Running | PlanState::Aborting) {
        asked.push("stop as soon as that is safe".to_owned());
    }
    if let Some(phase) = &controls.pause_before {
        asked.push(format!("stop before {phase}"));
    }
    match &controls.approval {
        Approval::NotNeeded => {}
        Approval::Needed => {
            asked.push("wait for an approval before clients notice anything".to_owned());
        }
        Approval::Given { by, at } => {
            asked.push(format!("approved by {by} at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
        }
    }
    let maintenance = &controls.maintenance;
    if !maintenance.windows.is_empty() {
        asked.push(format!("only at {}", listed(&maintenance.windows)));
    }
    if !maintenance.blackouts.is_empty() {
        asked.push(format!("not on {}", listed(&maintenance.blackouts)));
    }
    asked
}

fn listed<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn phases(facts: &Facts) -> Vec<PhaseView> {
    let view = |step: &Step| {
        let begun = facts.report.phases.iter().find(|phase| phase.name == step.name);
        let so_far = begun
            .filter(|phase| phase.state == PhaseState::Begun)
            .map(|phase| ago(facts.now, phase.began).as_secs_f64());
        PhaseView {
            name: step.name.clone(),
            title: step.title.clone(),
            state: begun.map(|phase| phase.state),
            seconds: begun.and_then(|phase| phase.seconds).or(so_far),
            predicted_seconds: step.predicted.map(|predicted| predicted.as_secs_f64()),
            attempts: begun.map_or(0, |phase| phase.attempts),
        }
    };
    facts.phases.iter().map(view).collect()
}

/// The time that the phases that are not done take, as predicted. The present one goes by how far it is, if it says so.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn remaining(phases: &[PhaseView], now: Option<&Now>) -> Option<f64> {
    // Without any prediction there is nothing to add up.
    phases.iter().find_map(|phase| phase.predicted_seconds)?;
    let left = |phase: &PhaseView| {
        let predicted = phase.predicted_seconds.unwrap_or(0.0);
        match phase.state {
            Some(PhaseState::Done) => 0.0,
            Some(PhaseState::Begun | PhaseState::Undoing) => {
                let now = now.filter(|now| now.phase == phase.name);
                let by_progress = now.and_then(|now| {
                    let progress = now.progress.as_ref().filter(|progress| progress.done > 0)?;
                    let rest = progress.total.saturating_sub(progress.done) as f64;
                    Some(now.since_seconds / progress.done as f64 * rest)
                });
                let rest = (predicted - phase.seconds.unwrap_or(0.0)).max(0.0);
                by_progress.unwrap_or(rest)
            }
            // What was rolled back is done again.
            Some(PhaseState::Undone) | None => predicted,
        }
    };
    Some(phases.iter().map(left).sum())
}

pub(super) fn ago(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

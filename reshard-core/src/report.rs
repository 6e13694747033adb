//! The outcome of a plan's execution, from its journal.

mod costs;
mod cutovers;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::clock::{Reading, elapsed};
use crate::cutover::CutoverRecord;
use crate::journal::{Entry, EntryKind, Journal, JournalError, PhaseRecord, PhaseState, PlanState};
use crate::phase::facts::{CUTOVERS, ROUTERS_LEFT, WRITE_BLOCKS};
use crate::phase::{Sequence, WriteBlockRecord};
use crate::plan::{Balance, PlanUuid};

/// The outcome of a plan's execution, so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The plan.
    pub plan: PlanUuid,
    /// Its hash.
    pub hash: String,
    /// Its state.
    pub state: PlanState,
    /// The shard that was split.
    pub source: String,
    /// The new shards, and how many vnodes each got.
    pub targets: Vec<(String, u64)>,
    /// The time at which the first phase began.
    pub began: Option<Timestamp>,
    /// The time at which the last phase ended.
    pub ended: Option<Timestamp>,
    /// The time that it took, in seconds.
    pub total_seconds: Option<f64>,
    /// Shards before and after, as planned.
    pub balance: Vec<Balance>,
    /// The write block.
    pub write_block: WriteBlockReport,
    /// All attempts to cut over, of a guarded plan.
    pub cutovers: Vec<CutoverRecord>,
    /// Every phase that was begun, in order.
    pub phases: Vec<PhaseReport>,
    /// All facts by their keys: rows counted and deleted, canaries, missed dumps, images.
    pub facts: BTreeMap<String, Value>,
    /// Troubles that needed the operator.
    pub holds: Vec<Entry>,
    /// The number of troubles that passed.
    pub troubles: u64,
    /// Things worth knowing.
    pub notes: Vec<Entry>,
}

/// The intervals in which writes to the moving vnodes were refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WriteBlockReport {
    /// In seconds, as the plan said.
    pub predicted_seconds: f64,
    /// The parts from which that was computed.
    pub predicted_parts: Vec<(String, f64)>,
    /// In seconds, as the executor measured the one that moved the vnodes.
    pub measured_seconds: Option<f64>,
    /// The phases in it, with their seconds.
    pub measured_parts: Vec<(String, f64)>,
    /// All of them; those that moved nothing were rolled back.
    pub all: Vec<WriteBlockRecord>,
}

/// A phase that was begun.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// Its work.
    pub title: String,
    /// Its state.
    pub state: PhaseState,
    /// The time at which it was begun.
    pub began: Timestamp,
    /// The time at which it was done or undone.
    pub ended: Option<Timestamp>,
    /// The time that it took, in seconds.
    pub seconds: Option<f64>,
    /// The number of times that it was begun.
    pub attempts: u32,
}

impl Report {
    /// The routers' zones that did not run when rings were put back, by alias and UUID. One that comes back has the ring that it had,
    /// which may be one that refuses writes.
    pub fn routers_left(&self) -> Vec<String> {
        let left = self.facts.get(ROUTERS_LEFT.key()).cloned();
        left.and_then(|left| serde_json::from_value(left).ok()).unwrap_or_default()
    }

    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn of(store: &dyn Journal, phases: &Sequence) -> Result<Self, JournalError> {
        let plan = store.plan().await?;
        let records = store.phases().await?;
        let facts = store.facts().await?;
        let reports: Vec<PhaseReport> = phases
            .iter()
            .filter_map(|phase| {
                let record = records.get(phase.name())?;
                let took = record.time.took().map(|took| took.as_secs_f64());
                Some(PhaseReport {
                    name: phase.name().to_owned(),
                    title: phase.about().title.to_owned(),
                    state: record.state,
                    began: record.time.began,
                    ended: record.time.ended,
                    seconds: took,
                    attempts: record.attempts,
                })
            })
            .collect();
        let blocked = |name: &str| {
            phases.iter().any(|phase| phase.name() == name && phase.write_block().touches())
        };
        let all = store.get(&WRITE_BLOCKS).await?.unwrap_or_default();
        let moved = all.iter().find(|record| record.moved).and_then(|record| record.time.took());
        let measured_parts = reports
            .iter()
            .filter(|report| blocked(&report.name))
            .filter_map(|report| Some((report.name.clone(), report.seconds?)))
            .collect();
        let log: Vec<Entry> =
            store.log_after(0).await?.into_iter().map(|(_, entry)| entry).collect();
        let of_kind =
            |kind| log.iter().filter(|entry| entry.kind == kind).cloned().collect::<Vec<_>>();
        Ok(Self {
            plan: plan.uuid,
            hash: plan.hash.clone(),
            state: store.state().await?,
            source: plan.source().to_string(),
            targets: plan
                .targets()
                .iter()
                .map(|target| (target.name.to_string(), target.vnodes.len() as u64))
                .collect(),
            began: reports.iter().map(|report| report.began).min(),
            ended: reports.iter().filter_map(|report| report.ended).max(),
            total_seconds: in_all(&records).map(|took| took.as_secs_f64()),
            balance: plan.balance.clone(),
            write_block: WriteBlockReport {
                predicted_seconds: plan.prediction.write_block_seconds,
                predicted_parts: plan.prediction.write_block_parts.clone(),
                measured_seconds: moved.map(|took| took.as_secs_f64()),
                measured_parts,
                all,
            },
            cutovers: store.get(&CUTOVERS).await?.unwrap_or_default(),
            phases: reports,
            facts,
            holds: of_kind(EntryKind::Hold),
            troubles: of_kind(EntryKind::Trouble).len() as u64,
            notes: of_kind(EntryKind::Note),
        })
    }

    /// The report for people, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write_markdown(&mut text).ok();
        text
    }

    fn write_markdown(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "# Resharding of {}\n", self.source)?;
        writeln!(to, "Plan {}: {}.\n", self.plan, described(&self.state))?;
        for (shard, vnodes) in &self.targets {
            writeln!(to, "* {vnodes} vnodes of {} for {shard}", self.source)?;
        }
        if let (Some(began), Some(ended)) = (self.began, self.ended) {
            let took = self.total_seconds.unwrap_or_default();
            writeln!(to, "* from {began:.0} to {ended:.0}: {took:.0} s")?;
        }
        if self.cutovers.is_empty() {
            self.write_block_markdown(to)?;
        } else {
            cutovers::write(&self.cutovers, self.write_block.predicted_seconds, to)?;
        }
        writeln!(to, "\n## Shards\n")?;
        writeln!(
            to,
            "| shard | vnodes before | after | rows before | after |\n|---|---:|---:|---:|---:|"
        )?;
        for side in &self.balance {
            let rows =
                |rows: Option<u64>| rows.map_or_else(|| "-".to_owned(), |rows| rows.to_string());
            let (before, after) = side.vnodes;
            writeln!(
                to,
                "| {} | {before} | {after} | {} | {} |",
                side.shard,
                rows(side.rows.map(|rows| rows.0)),
                rows(side.rows.map(|rows| rows.1))
            )?;
        }
        writeln!(to, "\n## Phases\n")?;
        writeln!(to, "| phase | state | began | took | attempts |\n|---|---|---|---:|---:|")?;
        for phase in &self.phases {
            let took = phase.seconds.map_or_else(|| "-".to_owned(), seconds);
            let state = format!("{:?}", phase.state).to_lowercase();
            let (name, began, attempts) = (&phase.name, phase.began, phase.attempts);
            writeln!(to, "| {name} | {state} | {began:.0} | {took} | {attempts} |")?;
        }
        for (title, entries) in [("Holds", &self.holds), ("Notes", &self.notes)] {
            if entries.is_empty() {
                continue;
            }
            writeln!(to, "\n## {title}\n")?;
            for entry in entries {
                writeln!(to, "* {:.0} {}: {}", entry.at, entry.phase, entry.text)?;
            }
        }
        Ok(())
    }

    fn write_block_markdown(&self, to: &mut String) -> std::fmt::Result {
        let block = &self.write_block;
        writeln!(to, "\n## Write block\n")?;
        writeln!(to, "| | predicted | measured |\n|---|---:|---:|")?;
        let measured = block.measured_seconds.map_or_else(|| "-".to_owned(), seconds);
        writeln!(
            to,
            "| writes to the moving vnodes refused | {} | {measured} |",
            seconds(block.predicted_seconds)
        )?;
        writeln!(to)?;
        for (what, took) in &block.measured_parts {
            writeln!(to, "* {what}: {}", seconds(*took))?;
        }
        let rolled_back = || block.all.iter().filter(|record| !record.moved);
        let more: f64 = rolled_back()
            .filter_map(|record| record.time.took())
            .map(|took| took.as_secs_f64())
            .sum();
        let more = format!("which refused writes for {} more", seconds(more));
        match rolled_back().count() {
            0 => {}
            1 => writeln!(to, "* 1 write block was rolled back, {more}")?,
            count => writeln!(to, "* {count} write blocks were rolled back, {more}")?,
        }
        Ok(())
    }
}

/// From when the first of these phases began to when the last one ended: by the clock that nobody sets, if all have it of the
/// same machine.
fn in_all(records: &BTreeMap<String, PhaseRecord>) -> Option<Duration> {
    let readings: Option<Vec<&Reading>> =
        records.values().map(|record| record.time.began_reading.as_ref()).collect();
    let by_reading = readings.and_then(|readings| {
        let first = readings.iter().min_by_key(|reading| reading.millis)?;
        let same = readings.iter().all(|reading| reading.host == first.host);
        let ends = records.values().zip(&readings).filter_map(|(record, began)| {
            Some(Duration::from_millis(began.millis) + record.time.took()?)
        });
        ends.max()?.checked_sub(Duration::from_millis(first.millis)).filter(|_| same)
    });
    by_reading.or_else(|| {
        let ended = records.values().filter_map(|record| record.time.ended).max()?;
        Some(elapsed(ended, records.values().map(|record| record.time.began).min()?))
    })
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}

fn described(state: &PlanState) -> String {
    match state {
        PlanState::Planned => "not begun".to_owned(),
        PlanState::Running => "running".to_owned(),
        PlanState::Paused => "paused".to_owned(),
        PlanState::Held { phase, what, remedy } => {
            format!("held in {phase}: {what}. To do: {remedy}")
        }
        PlanState::Aborting => "being rolled back".to_owned(),
        PlanState::Aborted => "rolled back".to_owned(),
        PlanState::Done => "done".to_owned(),
    }
}

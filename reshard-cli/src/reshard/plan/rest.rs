//! The part of a plan that is left to do.

use std::collections::BTreeMap;
use std::io::Write;

use reshard_core::quantity::seconds;
use reshard_core::{PhaseRecord, PhaseState, Plan, Sequence, Step};
use serde::Serialize;

use super::show::head;
use crate::output::Output;
use crate::reshard::error::Result;
use crate::screen::Mood;

/// The part of a plan that is left to do, and how long it takes. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::reshard) struct Rest {
    /// The phases that are not done, in their order.
    phases: Vec<Left>,
    /// The time for which writes to the moving vnodes are going to be refused; absent if that is over.
    write_block_seconds: Option<f64>,
    /// True if the plan refuses writes at some time.
    #[serde(skip)]
    blocks: bool,
    total_seconds: f64,
}

/// A phase that is not done.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Left {
    phase: String,
    /// True if it has begun, and goes on where it was.
    begun: bool,
    in_write_block: bool,
    /// The things that it is going to do, in words.
    actions: Vec<String>,
}

impl Rest {
    pub(in crate::reshard) fn of(
        plan: &Plan,
        phases: &Sequence,
        records: &BTreeMap<String, PhaseRecord>,
    ) -> Self {
        let state = |phase: &Step| records.get(phase.name()).map(|record| record.state);
        let left = || phases.iter().filter(|phase| state(phase) != Some(PhaseState::Done));
        let predicted = |phase: &Step| plan.prediction.seconds_of(phase.name()).unwrap_or_default();
        let blocked = || left().filter(|phase| phase.write_block().touches());
        Self {
            phases: left()
                .map(|phase| Left {
                    phase: phase.name().to_owned(),
                    begun: state(phase) == Some(PhaseState::Begun),
                    in_write_block: phase.write_block().touches(),
                    actions: actions(plan, phase),
                })
                .collect(),
            write_block_seconds: blocked().next().map(|_| blocked().map(predicted).sum()),
            blocks: phases.block_begins().is_some(),
            total_seconds: left().map(predicted).sum(),
        }
    }

    pub(in crate::reshard) fn show(&self, out: &mut Output) -> Result<()> {
        let marks =
            if self.blocks { " (* while writes to the moving vnodes are refused)" } else { "" };
        out.text("", format_args!("What is left to do{marks}:"))?;
        for left in &self.phases {
            let (mood, mark) =
                if left.in_write_block { (Mood::Warning, "* ") } else { (Mood::Plain, "  ") };
            let begun = if left.begun { "(begun) " } else { "" };
            for action in &left.actions {
                out.text_in(mood, &head(mark, &left.phase), format_args!("{begun}{action}"))?;
            }
        }
        writeln!(out)?;
        let blocked = match self.write_block_seconds {
            Some(blocked) => format!("Writes will be refused for about {}", seconds(blocked)),
            None if self.blocks => "Writes will not be refused any more".to_owned(),
            None => "Writes will not be refused".to_owned(),
        };
        writeln!(out, "{blocked}")?;
        writeln!(out, "All that is left will take about {}", seconds(self.total_seconds))?;
        Ok(())
    }
}

fn actions(plan: &Plan, phase: &Step) -> Vec<String> {
    let of_phase = plan.actions.iter().filter(|action| action.phase == phase.name());
    let actions: Vec<String> = of_phase.map(|action| action.what.clone()).collect();
    if actions.is_empty() { vec![phase.about().title.to_owned()] } else { actions }
}

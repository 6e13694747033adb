//! Things that can be done about a plan next, as commands to be typed.

use reshard_core::{Liveness, Operation, PlanState};
use serde::Serialize;

use super::copy::FileCopy;
use super::facts::Facts;
use super::view::Situation;
use crate::reshard::runnable::Runnable;

/// A command, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Suggestion {
    pub(super) command: String,
    pub(super) why: String,
}

/// The commands that make sense now, the one that should be typed first.
pub(super) fn suggestions(facts: &Facts, situation: Situation) -> Vec<Suggestion> {
    let line = &facts.runnable;
    let blocked = facts.block.is_some();
    let way_back = facts.no_way_back.is_none();
    let mut list = List(Vec::new());
    let goes_on = match &facts.pivot_is_next {
        Some(pivot) => format!("goes on with {pivot}: from there on there is no way back"),
        None => "goes on".to_owned(),
    };
    let resume = |why| (line.in_region("resume", ""), why);
    let abort = (line.in_region("abort", ""), "rolls everything back");
    let rest = (line.about("resume", " --dry-run"), "shows what is left to do");
    match situation {
        Situation::Planned => {
            list.add((line.about("plan show", ""), "shows what is going to be done"));
            list.add((line.in_region("run", ""), "carries it out; asks first"));
        }
        Situation::Running => {
            if !blocked {
                list.add((line.about("pause", ""), "stops it where that is safe"));
            }
            if way_back {
                let why = if blocked {
                    "puts the original rings back, and rolls everything back"
                } else {
                    "tells the executor to roll everything back"
                };
                list.add((line.about("abort", " --signal"), why));
            }
            list.add((line.about("tune", ""), "shows what can be changed meanwhile"));
            list.add((line.about("log", " --follow"), "shows what it does"));
        }
        Situation::Aborting => list.add((line.about("log", " --follow"), "shows what it does")),
        Situation::Paused | Situation::Held => {
            let abort_first = way_back && is_to_be_aborted(facts);
            if abort_first {
                list.add(abort.clone());
            }
            list.add(resume(match (situation, blocked) {
                (Situation::Held, true) => {
                    "goes on when that is fixed: only then are writes accepted again"
                }
                (Situation::Held, false) => "goes on when that is fixed",
                _ => goes_on.as_str(),
            }));
            list.add(rest);
            if way_back && !abort_first {
                list.add(abort);
            }
        }
        Situation::Abandoned => match (&facts.report.state, blocked) {
            (PlanState::Aborting, _) => {
                list.add((line.in_region("abort", ""), "goes on rolling everything back"));
            }
            (_, true) => {
                list.add(resume(
                    "goes on at once; writes are accepted again at the end of the write block",
                ));
                if way_back {
                    list.add((
                        line.in_region("abort", ""),
                        "puts the original rings back, so that writes are accepted again; rolls everything back",
                    ));
                }
            }
            (_, false) => {
                list.add(resume("goes on where it was"));
                list.add(rest);
                if way_back {
                    list.add(abort);
                }
            }
        },
        Situation::NotResponding => not_responding(facts, &mut list),
        Situation::Overtaken => {
            if let FileCopy::Overtaken { by } = &facts.copy {
                let there = Runnable::new(by.file.as_ref(), None);
                list.add((there.about("status", ""), "on the machine that has the latest file"));
            }
        }
        Situation::Aborted => list.add((line.about("report", ""), "tells what was done")),
        Situation::Done => {
            list.add((
                line.about("report", ""),
                "tells what moved, and how long writes were refused",
            ));
            list.add((
                line.in_region("rows verify", ""),
                "proves that no shard has rows of another",
            ));
        }
    }
    list.0
}

/// Tells whether a hold is of those that an abort gets over, and not going on: that of an abort is one.
fn is_to_be_aborted(facts: &Facts) -> bool {
    let PlanState::Held { remedy, .. } = &facts.report.state else { return false };
    let names = |wanted: &Operation| remedy.operations().any(|operation| operation == wanted);
    names(&Operation::Abort) && !names(&Operation::Resume)
}

/// It may be stopped, hang, or be dead on another machine.
fn not_responding(facts: &Facts, list: &mut List) {
    if let Liveness::NotResponding { presence, .. } = &facts.executor {
        let pid = presence.pid;
        list.add((
            format!("ps -o pid,s,etime,args -p {pid}"),
            "on its machine: T is stopped, and `kill -CONT` lets it go on",
        ));
    }
    list.add((
        facts.runnable.in_region("resume", ""),
        "takes over when ZooKeeper has given its session up, some seconds after its last sign",
    ));
}

struct List(Vec<Suggestion>);

impl List {
    fn add(&mut self, (command, why): (String, &str)) {
        self.0.push(Suggestion { command, why: why.to_owned() });
    }
}

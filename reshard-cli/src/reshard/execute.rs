//! Letting an executor do something of a plan: the arguments of all that do, showing it, and telling how it ended.

use std::sync::Arc;

use clap::Args;
use manatee_client::LockError;
use reshard_core::{
    Chain, Executor, ExecutorError, Journal, OpenWriteBlock, Outcome, SqliteJournal,
};

use super::confirm::Confirm;
use super::error::{Error, Result};
use super::format::Format;
use super::guard::WatchdogGuard;
use super::in_words::InWords;
use super::place::{ConfigFile, PlanFile, Region};
use super::signals::Signals;
use super::watch::Watch;
use crate::exit;
use crate::output::{Output, say};

/// A plan that an executor works on, and where.
#[derive(Args, Debug)]
pub(super) struct ExecuteArgs {
    #[command(flatten)]
    pub(super) file: PlanFile,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    pub(super) confirm: Confirm,
    /// Only print what would be done
    #[arg(long)]
    pub(super) dry_run: bool,
    /// With json, one document on standard output tells how it ended
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: Format,
}

/// The work that an executor is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// All phases that are not done.
    Run,
    /// To roll back what was done.
    Abort,
    /// One phase.
    Step(&'static str),
    /// To rehearse one phase.
    Rehearse(&'static str),
}

impl ExecuteArgs {
    /// The region's configuration.
    pub(super) fn config(&self) -> &ConfigFile {
        self.region.config()
    }

    /// Does it, with what goes on on standard error, and tells how it ended. Returns the exit status.
    pub(super) async fn execute(
        &self,
        store: Arc<SqliteJournal>,
        work: Work,
        verbose: bool,
        out: &mut Output,
    ) -> Result<u8> {
        let deployment = self.region.connect().await?;
        let watch = Arc::new(Watch::new(self.file.typed(), verbose));
        let (plan, configuration) = (self.file.path().to_owned(), self.config().path().to_owned());
        let guard = Arc::new(WatchdogGuard::new(plan, configuration, &store.work_directory()));
        let executor = Executor::new(store, deployment)
            .await?
            .observed_by(watch.clone())
            .guarded_by(guard.clone());
        let attended = self.attend(&executor, work, &watch).await;
        watch.finish(matches!(attended, Ok(Attended::Ended(Outcome::Held { .. }))));
        if let Ok(Attended::Ended(_)) = &attended {
            guard.leave().await;
        }
        if let Err(error) = &attended
            && file_tells_of_writes(error)
            && let Ok(Some(_)) = executor.write_block().await
        {
            say(format_args!("As far as {} tells: {}", self.file.typed(), still_refused()));
        }
        let ended = match attended? {
            Attended::Ended(ended) => ended,
            Attended::Left(status) => return Ok(status),
        };
        let file = self.file.typed();
        let ended = ended.in_words(Some(&file));
        let (words, status) = told(&ended, work, &file);
        say(words);
        if self.output.is_json() {
            out.json(&ended)?;
        }
        Ok(status)
    }
}

impl ExecuteArgs {
    /// Has the executor work. The first signal asks it to stop, the second leaves at once.
    async fn attend(&self, executor: &Executor, work: Work, watch: &Watch) -> Result<Attended> {
        let mut signals = Signals::listen()?;
        let working = async {
            match work {
                Work::Run => executor.run().await,
                Work::Abort => executor.abort().await,
                Work::Step(phase) => executor.step(phase).await,
                Work::Rehearse(phase) => executor.rehearse(phase).await,
            }
        };
        tokio::pin!(working);
        let mut asked = false;
        loop {
            let caught = tokio::select! {
                ended = &mut working => return Ok(Attended::Ended(ended?)),
                caught = signals.next() => caught,
            };
            let (name, file) = (caught.name, self.file.typed());
            if asked {
                watch.say(format_args!("{name}: {}", leaves(executor, work, &file).await));
                return Ok(Attended::Left(caught.exit_status()));
            }
            asked = true;
            executor.stop_handle().stop();
            watch.say(format_args!("{name}: {}", stops(executor, work, &file).await));
        }
    }
}

/// The end of an executor's work.
enum Attended {
    /// It has ended.
    Ended(Outcome),
    /// It was left at once, with this exit status.
    Left(u8),
}

/// The effect of the first signal, in words.
async fn stops(executor: &Executor, work: Work, file: &str) -> String {
    let again = "A second signal leaves at once";
    match executor.write_block().await {
        Ok(None) => format!(
            "the plan stops at the next place where that is safe, as with `reshard pause {file}`. {again}; {} then.",
            goes_on(work, file)
        ),
        Ok(Some(OpenWriteBlock { left: None, .. })) => format!(
            "WRITES TO THE MOVING VNODES ARE REFUSED, and there is no way back: the plan goes on to the end of the write block and \
             stops then. {again}, with writes refused until the watchdog has done that."
        ),
        Ok(Some(OpenWriteBlock { left: Some(left), .. })) => format!(
            "WRITES TO THE MOVING VNODES ARE REFUSED: the plan gets to the end of the write block, or has the original rings put \
             back, in at most {} s, and stops then. {again}, with writes refused until the watchdog has put them back.",
            left.as_secs()
        ),
        Err(error) => format!(
            "the plan stops where that is safe. {again}. Whether writes are refused cannot be read now: {}",
            Chain(&error)
        ),
    }
}

/// The effect of the second signal, in words.
async fn leaves(executor: &Executor, work: Work, file: &str) -> String {
    let goes_on = goes_on(work, file);
    match executor.write_block().await {
        Ok(None) => format!("left at once; {goes_on}."),
        Ok(Some(OpenWriteBlock { left: None, .. })) => format!(
            "left at once. {} The watchdog goes on with the plan to its end; `reshard status {file}` shows how far it is.",
            still_refused()
        ),
        Ok(Some(_)) => {
            let takes = executor.way_back().await.map_or_else(
                |_| String::new(),
                |takes| format!(", which takes some {} s", takes.as_secs()),
            );
            format!(
                "left at once. {} The watchdog puts the original rings back{takes}; then {goes_on}.",
                still_refused()
            )
        }
        Err(error) => format!(
            "left at once. If writes are refused the watchdog ends that; {goes_on}. It cannot be read now: {}",
            Chain(&error)
        ),
    }
}

/// The command that goes on where this work was left.
fn goes_on(work: Work, file: &str) -> String {
    match work {
        Work::Abort => format!("`reshard abort {file}` goes on"),
        Work::Run | Work::Step(_) | Work::Rehearse(_) => format!("`reshard resume {file}` goes on"),
    }
}

/// Tells whether the plan's file still tells whether writes are refused, and nothing else did.
fn file_tells_of_writes(error: &Error) -> bool {
    !matches!(
        error,
        Error::Executor(
            // These say it themselves.
            ExecutorError::JournalBehind { .. }
                // Another executor, or another file, knows.
                | ExecutorError::OlderCopy { .. }
                | ExecutorError::Overtaken { .. }
                | ExecutorError::UnknownHere { .. }
                // Another executor of this file is at work, and sees to it.
                | ExecutorError::Lock { source: LockError::Held { .. }, .. }
        )
    )
}

fn still_refused() -> &'static str {
    "WRITES TO THE MOVING VNODES ARE STILL REFUSED."
}

/// The end in words, and as an exit status.
pub(super) fn told(ended: &Outcome, work: Work, file: &str) -> (String, u8) {
    match ended {
        Outcome::Done => (
            format!(
                "The plan is done. `reshard report {file}` tells what was moved and how long writes were refused."
            ),
            exit::SUCCESS,
        ),
        // A step ends before the next phase; in its own it was stopped.
        Outcome::Paused { phase } if matches!(work, Work::Step(step) if step != phase) => {
            (format!("Next: {phase}."), exit::SUCCESS)
        }
        Outcome::Paused { phase } if matches!(work, Work::Rehearse(step) if step == phase) => {
            (format!("Nothing has moved. {}.", goes_on(work, file)), exit::SUCCESS)
        }
        Outcome::Paused { phase } => (
            format!("Stopped before or in {phase}, as asked. {}.", goes_on(work, file)),
            exit::PAUSED,
        ),
        Outcome::Held { phase, what, remedy } => {
            (format!("HELD in {phase}: {what}\nTo do: {remedy}"), exit::HELD)
        }
        Outcome::Aborted => {
            let status = if work == Work::Abort { exit::SUCCESS } else { exit::ABORTED };
            ("Everything was rolled back.".to_owned(), status)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paused(phase: &str) -> Outcome {
        Outcome::Paused { phase: phase.to_owned() }
    }

    #[test]
    fn the_exit_status_tells_how_it_ended() {
        let held =
            Outcome::Held { phase: "drain".into(), what: "w".into(), remedy: "do this".into() };
        for (ended, work, status, words) in [
            (Outcome::Done, Work::Run, exit::SUCCESS, "The plan is done."),
            (paused("drain"), Work::Run, exit::PAUSED, "Stopped before or in drain"),
            (paused("drain"), Work::Step("block-writes"), exit::SUCCESS, "Next: drain."),
            (paused("drain"), Work::Step("drain"), exit::PAUSED, "Stopped before or in drain"),
            (held.clone(), Work::Step("drain"), exit::HELD, "HELD in drain: w\nTo do: do this"),
            (held, Work::Abort, exit::HELD, "HELD in drain"),
            (Outcome::Aborted, Work::Run, exit::ABORTED, "Everything was rolled back."),
            (Outcome::Aborted, Work::Abort, exit::SUCCESS, "Everything was rolled back."),
        ] {
            let (said, code) = told(&ended, work, "split.plan");
            assert_eq!(code, status, "{ended:?} {work:?}");
            assert!(said.starts_with(words), "{said}");
        }
    }

    #[test]
    fn the_documents_of_all_ends() {
        let held = Outcome::Held { phase: "drain".into(), what: "w".into(), remedy: "r".into() };
        for (ended, document) in [
            (Outcome::Done, json!({"ended": "done"})),
            (paused("drain"), json!({"ended": "paused", "phase": "drain"})),
            (held, json!({"ended": "held", "phase": "drain", "what": "w", "remedy": "r"})),
            (Outcome::Aborted, json!({"ended": "aborted"})),
        ] {
            assert_eq!(json!(ended), document);
        }
    }
}

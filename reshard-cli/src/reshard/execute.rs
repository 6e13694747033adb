//! Letting an executor do something of a plan: the arguments of all that do, showing it, and telling how it ended.

use std::sync::Arc;

use clap::Args;
use reshard_core::{Ended, Executor, SqliteStore, phases};

use super::confirm::Confirm;
use super::error::Result;
use super::format::Format;
use super::place::{ConfigFile, PlanFile, Region};
use super::remedy::with_file;
use super::runnable::Runnable;
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

/// What an executor is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// All phases that are not done.
    Run,
    /// To take back what was done.
    Abort,
    /// One phase.
    Step(&'static str),
}

impl ExecuteArgs {
    /// The region's configuration.
    pub(super) fn config(&self) -> &ConfigFile {
        self.region.config()
    }

    /// Does it, with what goes on on standard error, and tells how it ended. Returns the exit status.
    pub(super) async fn execute(
        &self,
        store: Arc<SqliteStore>,
        work: Work,
        verbose: bool,
        out: &mut Output,
    ) -> Result<u8> {
        let deployment = self.region.connect().await?;
        let watch = Arc::new(Watch::new(verbose));
        let executor =
            Executor::new(store, deployment, phases::rfd103()).observed_by(watch.clone());
        let ended = match work {
            Work::Run => executor.run().await,
            Work::Abort => executor.abort().await,
            Work::Step(phase) => executor.step(phase).await,
        };
        watch.finish();
        executor.close().await;
        let ended = ended?;
        let (words, status) = told(&ended, work);
        say(with_file(&words, Runnable::new(self.file.path(), None).file()));
        if self.output.is_json() {
            out.json(&ended)?;
        }
        Ok(status)
    }
}

/// How it ended in words, and as an exit status.
fn told(ended: &Ended, work: Work) -> (String, u8) {
    match ended {
        Ended::Done => (
            "The plan is done. `reshard report` tells what was moved and how long writes were refused."
                .to_owned(),
            exit::SUCCESS,
        ),
        // A step ends before the next phase; in its own it was stopped.
        Ended::Paused { phase } if matches!(work, Work::Step(step) if step != phase) => {
            (format!("Next: {phase}."), exit::SUCCESS)
        }
        Ended::Paused { phase } => (
            format!("Stopped before or in {phase}, as asked. `reshard resume` goes on."),
            exit::PAUSED,
        ),
        Ended::Held { phase, what, remedy } => {
            (format!("HELD in {phase}: {what}\nTo do: {remedy}"), exit::HELD)
        }
        Ended::Aborted => {
            let status = if work == Work::Abort { exit::SUCCESS } else { exit::ABORTED };
            ("Everything was taken back.".to_owned(), status)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paused(phase: &str) -> Ended {
        Ended::Paused { phase: phase.to_owned() }
    }

    #[test]
    fn the_exit_status_tells_how_it_ended() {
        let held =
            Ended::Held { phase: "drain".into(), what: "w".into(), remedy: "do this".into() };
        for (ended, work, status, words) in [
            (Ended::Done, Work::Run, exit::SUCCESS, "The plan is done."),
            (paused("drain"), Work::Run, exit::PAUSED, "Stopped before or in drain"),
            (paused("drain"), Work::Step("block-writes"), exit::SUCCESS, "Next: drain."),
            (paused("drain"), Work::Step("drain"), exit::PAUSED, "Stopped before or in drain"),
            (held.clone(), Work::Step("drain"), exit::HELD, "HELD in drain: w\nTo do: do this"),
            (held, Work::Abort, exit::HELD, "HELD in drain"),
            (Ended::Aborted, Work::Run, exit::ABORTED, "Everything was taken back."),
            (Ended::Aborted, Work::Abort, exit::SUCCESS, "Everything was taken back."),
        ] {
            let (said, code) = told(&ended, work);
            assert_eq!(code, status, "{ended:?} {work:?}");
            assert!(said.starts_with(words), "{said}");
        }
    }

    #[test]
    fn the_documents_of_all_ends() {
        let held = Ended::Held { phase: "drain".into(), what: "w".into(), remedy: "r".into() };
        for (ended, document) in [
            (Ended::Done, json!({"ended": "done"})),
            (paused("drain"), json!({"ended": "paused", "phase": "drain"})),
            (held, json!({"ended": "held", "phase": "drain", "what": "w", "remedy": "r"})),
            (Ended::Aborted, json!({"ended": "aborted"})),
        ] {
            assert_eq!(json!(ended), document);
        }
    }
}

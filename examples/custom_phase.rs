//! A phase of one's own in a list of phases: here, one that waits for a file, such as a change manager's approval, before
//! writes are refused.
//!
//! `cargo run -p examples --example custom_phase` prints the list. `Executor::with_sequence` carries it out.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reshard_core::{About, Context, Mode, Phase, PhaseError, Poll, SequenceError, Undone, Wait};

/// Waits for a file.
struct WaitForApproval {
    file: PathBuf,
}

#[async_trait]
impl Phase for WaitForApproval {
    fn name(&self) -> &'static str {
        "wait-for-approval"
    }

    fn about(&self) -> About {
        About {
            title: "wait for the change manager's approval",
            rfd103: "",
            reads: "a file",
            writes: "nothing",
            done_when: "the file is there",
            undo: "nothing to undo",
            pause: "at any time",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let waiting = Wait {
            what: format!("{} to appear", self.file.display()),
            hint: format!("approve with `touch {}`", self.file.display()).into(),
        };
        let day = Duration::from_hours(24);
        // Every wait has an end, is shown to the operator, and can be paused and aborted.
        context
            .wait(waiting, day, || async {
                let there = self.file.exists();
                Ok(if there { Poll::Ready(()) } else { Poll::Pending(None, String::new()) })
            })
            .await?;
        context.note("the change was approved").await
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

fn main() -> Result<(), SequenceError> {
    // One file and one row: right before writes are refused.
    let approval = Arc::new(WaitForApproval { file: "approved".into() });
    let sequence = Mode::Rfd103.sequence()?.with_phase_before("block-writes", approval)?;
    for step in &sequence {
        let writes = if step.write_block().touches() { "refused" } else { "accepted" };
        println!("{:<18} writes {writes:<9} {}", step.name(), step.about().title);
    }
    Ok(())
}

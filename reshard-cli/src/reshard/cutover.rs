//! `reshard cutover`: the cutover of a guarded plan by hand, or a rehearsal of it.

use clap::Args;

use super::error::Result;
use super::execute::{ExecuteArgs, Work};
use crate::exit;
use crate::output::{Output, say};

/// The phase.
const PHASE: &str = "cut-over";

/// By hand: cut over, or rehearse it
///
/// The plan has to be where `reshard run --hold-at routed` stops. A rehearsal does all that a cutover does up to the point of no
/// return, and takes it back: requests for the moving vnodes wait for as long as they would, and nothing moves.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard cutover split.plan --rehearse
  reshard cutover split.plan

Exit status:
  0  done
  1  it could not be begun, or the command line is wrong
  3  the plan holds: it needs the operator
  4  it was paused")]
pub(super) struct CutoverArgs {
    #[command(flatten)]
    on: ExecuteArgs,
    /// Take everything back before anything moves, and tell how long requests waited
    #[arg(long)]
    rehearse: bool,
}

impl CutoverArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let store = self.on.file.open()?;
        let (work, does) = if self.rehearse {
            (
                Work::Rehearse(PHASE),
                "Requests for the moving vnodes wait for a moment, and nothing moves.",
            )
        } else {
            (
                Work::Step(PHASE),
                "Requests for the moving vnodes wait for a moment, and then go to the new shards.",
            )
        };
        if self.on.dry_run {
            if self.on.output.is_json() {
                out.json(&serde_json::json!({ "phase": PHASE, "rehearsal": self.rehearse }))?;
            } else {
                say(does);
            }
            return Ok(exit::SUCCESS);
        }
        say(does);
        self.on.confirm.ask("Do it?")?;
        self.on.execute(store, work, true, out).await
    }
}

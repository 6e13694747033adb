//! Words that can be typed next, for the shells: besides commands and options the zones of the lab that runs.

use std::time::Duration;

use clap_complete::{ArgValueCandidates, CompletionCandidate};
use command_line::completion::Completion;

use super::running::zone_aliases;

pub(super) const COMPLETION: Completion =
    Completion { program: "reshard-lab", variable: "RESHARD_LAB_COMPLETE" };
/// The longest that a lab is waited for. Whoever presses the tab key does not wait.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The zones of the lab that runs.
pub(super) fn zones() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let aliases = runtime.ok().and_then(|runtime| {
            runtime.block_on(async { tokio::time::timeout(PATIENCE, zone_aliases()).await.ok()? })
        });
        aliases.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
    })
}

//! Words that can be typed next, for the shells: besides commands and options the zones of the lab that runs. The script that
//! `reshard-lab completions` prints runs this program again with [`VARIABLE`] set.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::env::Shells;
use clap_complete::{ArgValueCandidates, CompleteEnv, CompletionCandidate, Shell};

use super::running::zone_aliases;
use super::{Cli, exit};

/// The environment variable by which a shell's function asks, and that holds the shell's name.
const VARIABLE: &str = "RESHARD_LAB_COMPLETE";
/// The longest that a lab is waited for. Whoever presses the tab key does not wait.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Answers a shell that asks what can be typed next; nothing if none asks.
pub(super) fn answer(args: &[OsString]) -> Option<u8> {
    std::env::var_os(VARIABLE)?;
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Cli::command).var(VARIABLE);
    match asked.try_complete(args.iter().cloned(), here.as_deref()) {
        Ok(true) => Some(exit::SUCCESS),
        Ok(false) => None,
        // The shell would show it in the middle of the line that is being typed.
        Err(_) => Some(exit::FAILURE),
    }
}

/// Prints the script that makes a shell ask.
pub(super) fn script(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let shells = Shells::builtins();
    let shell = shells.completer(&shell.to_string());
    let shell = shell.ok_or_else(|| io::Error::other("no such shell"))?;
    shell.write_registration(VARIABLE, "reshard-lab", "reshard-lab", "reshard-lab", out)
}

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

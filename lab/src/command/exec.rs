//! `reshard-lab exec`.

use std::io::{IsTerminal, Read, Write};
use std::time::Duration;

use crate::control::ExecRequest;
use clap::Args;
use command_line::output::Output;

use super::complete;
use super::error::Result;
use super::psql::exit_code;
use super::running::{Running, zone_named};

/// Run a command in a zone; without one, a login shell
///
/// The shell is the terminal's, or reads standard input when that is no terminal. Zones see their own file system and the tools that production has: svcs, svcadm, manatee-adm, json, fash and more.
/// The exit status is the command's.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab exec 1.postgres.lab manatee-adm pg-status
  reshard-lab exec 1.postgres.lab")]
pub(super) struct ExecArgs {
    #[command(flatten)]
    lab: Running,
    /// Kill the command, and all that it started, after so many seconds; the exit status is 124 then
    #[arg(long, value_name = "SECONDS", default_value_t = ExecRequest::default().time_limit().as_secs())]
    time_limit: u64,
    /// The zone: its UUID or alias, or the beginning of one, or its address
    #[arg(add = complete::zones())]
    zone: String,
    /// The command and its arguments; none: a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl ExecArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let control = self.lab.find().await?;
        let zones = control.zones().await?;
        let zone = zone_named(&zones, &self.zone)?;
        if self.command.is_empty() && std::io::stdin().is_terminal() {
            let terminal = std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned());
            let layout = control.layout().await?;
            let shell = crate::zone_shell(&layout, &zone.spec, &terminal);
            return Ok(exit_code(tokio::process::Command::from(shell).status().await?));
        }
        let mut stdin = String::new();
        if !std::io::stdin().is_terminal() {
            std::io::stdin().read_to_string(&mut stdin)?;
        }
        let request = ExecRequest { argv: self.command, stdin, ..ExecRequest::default() };
        let request = request.within(Duration::from_secs(self.time_limit));
        let answer = control.exec(zone.spec.uuid, &request).await?;
        out.write_all(answer.stdout.as_bytes())?;
        out.flush()?;
        std::io::stderr().write_all(answer.stderr.as_bytes())?;
        Ok(u8::try_from(answer.exit_code).unwrap_or(u8::MAX))
    }
}

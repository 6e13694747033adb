//! `reshard-lab psql`.

use std::os::unix::process::ExitStatusExt;

use clap::Args;

use super::error::Result;
use super::running::Running;

/// Open psql at the primary of a shard
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab psql 2
  reshard-lab psql 2 -- -c 'select count(*) from manta'")]
pub(super) struct PsqlArgs {
    #[command(flatten)]
    lab: Running,
    /// The shard: its number, or its whole name
    shard: String,
    /// Arguments of psql, such as -c 'select count(*) from manta'
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl PsqlArgs {
    pub(super) async fn run(self) -> Result<u8> {
        let control = self.lab.find().await?;
        let layout = control.layout().await?;
        let shard = match self.shard.parse() {
            Ok(number) => layout.shard_name(number),
            Err(_) => self.shard,
        };
        let address = crate::primary(&layout, &shard).await?;
        let status = tokio::process::Command::new(layout.postgresql.join("psql"))
            .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()])
            .args(["-U", "postgres", "moray"])
            .args(self.arguments)
            .status()
            .await?;
        Ok(exit_code(status))
    }
}

/// An exit status as shells count.
pub(super) fn exit_code(status: std::process::ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

//! `reshard-lab zk`.

use clap::Args;

use super::error::Result;
use super::psql::exit_code;
use super::running::Running;

/// Run ZooKeeper's own zkCli on the lab's ZooKeeper
///
/// Without a command it is interactive.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard-lab zk
  reshard-lab zk ls /manatee")]
pub(super) struct ZkArgs {
    #[command(flatten)]
    lab: Running,
    /// A command of zkCli, such as get /`pg_dump_lock`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl ZkArgs {
    pub(super) async fn run(self) -> Result<u8> {
        let control = self.lab.find().await?;
        let layout = control.layout().await?;
        let shell = crate::zookeeper_shell(&layout, &self.command);
        let status = tokio::process::Command::from(shell).status().await?;
        Ok(exit_code(status))
    }
}

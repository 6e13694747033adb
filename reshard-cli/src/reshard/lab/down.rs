//! `reshard lab down`.

use clap::Args;

use super::running::Running;
use crate::reshard::error::Result;

/// Stop the lab
#[derive(Args, Debug)]
pub(super) struct DownArgs {
    #[command(flatten)]
    lab: Running,
}

impl DownArgs {
    pub(super) async fn run(self) -> Result<()> {
        let control = self.lab.find().await?;
        control.stop().await?;
        Ok(())
    }
}

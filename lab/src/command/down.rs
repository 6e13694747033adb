//! `reshard-lab down`.

use std::time::{Duration, Instant};

use clap::Args;

use super::error::{Error, Result};
use super::running::Running;

/// The longest that a lab may take to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// Stop the lab, and wait until it has stopped
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard-lab down")]
pub(super) struct DownArgs {
    #[command(flatten)]
    lab: Running,
}

impl DownArgs {
    pub(super) async fn run(self) -> Result<()> {
        let control = self.lab.find().await?;
        control.stop().await?;
        let deadline = Instant::now() + PATIENCE;
        while control.layout().await.is_ok() {
            if Instant::now() >= deadline {
                return Err(Error::StillRunning { seconds: PATIENCE.as_secs() });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

//! Services as they are started: where they run, and what ends them.

use std::path::PathBuf;

use uuid::Uuid;

use crate::directory::LabDirectory;

/// The first argument that makes a program one of a lab's services.
pub const ARGUMENT: &str = "lab-service";

/// The options of a service that starts.
#[derive(Debug, clap::Args)]
pub(crate) struct ServiceContext {
    /// The directory of the lab.
    #[arg(long = "lab")]
    lab: PathBuf,
    /// The zone that the service runs in.
    #[arg(long)]
    pub(crate) zone: Uuid,
    /// The SMF instance that it is, where a zone has several.
    #[arg(long)]
    pub(crate) instance: Option<String>,
}

impl ServiceContext {
    /// The directory of the lab.
    pub(crate) fn directory(&self) -> LabDirectory {
        LabDirectory::new(&self.lab)
    }
}

/// The error that stopped a service. Nobody tells these apart: they are written down, and the service is started again.
pub(crate) type ServiceError = Box<dyn std::error::Error + Send + Sync>;

/// Waits until the service is told to stop, by SIGTERM.
pub(crate) async fn terminated() -> std::io::Result<()> {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    signal.recv().await;
    Ok(())
}

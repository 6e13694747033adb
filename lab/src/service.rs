//! The processes of a lab: one program that is every service and every tool of its zones.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use uuid::Uuid;

use crate::directory::LabDirectory;

/// The first argument that makes a program one of a lab's services.
pub const ARGUMENT: &str = "lab-service";

#[derive(Parser)]
#[command(name = ARGUMENT, about = "A process of a lab. Labs start these themselves.")]
struct Arguments {
    #[command(subcommand)]
    service: Service,
}

#[derive(Subcommand)]
enum Service {
    /// Keeps a zone's entry in the name service.
    Registrar(ServiceContext),
    /// Keeps PostgreSQL in its role.
    Sitter(ServiceContext),
    /// Lets other peers copy a zone's database.
    BackupServer(ServiceContext),
}

/// What a service is told when it starts.
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

/// Runs the service that the arguments name: the program's name, [`ARGUMENT`], the service, its options.
///
/// A program that starts labs calls this at its beginning when its first argument is [`ARGUMENT`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments.into_iter().skip(1));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments.service)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = &*error, "stopped");
            ExitCode::FAILURE
        }
    }
}

/// What stopped a service. Nobody tells these apart: they are written down, and the service is started again.
pub(crate) type Stopped = Box<dyn std::error::Error + Send + Sync>;

async fn run(service: Service) -> Result<(), Stopped> {
    match service {
        Service::Registrar(context) => crate::registrar::run(context).await,
        Service::Sitter(context) => crate::sitter::run(context).await,
        Service::BackupServer(context) => crate::sitter::run_backup_server(context).await,
    }
}

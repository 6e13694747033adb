//! The processes of a lab: one program that is every service and every tool of its zones.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use crate::context::ARGUMENT;
use crate::context::{ServiceContext, ServiceError};

#[derive(Parser)]
#[command(name = ARGUMENT, about = "A process of a lab. Labs start these themselves.")]
struct Arguments {
    #[command(subcommand)]
    service: Service,
}

#[derive(Subcommand)]
enum Service {
    /// Renders a zone's configuration files from what SAPI has.
    ConfigAgent(ServiceContext),
    /// Keeps a zone's entry in the name service.
    Registrar(ServiceContext),
    /// Keeps PostgreSQL in its role.
    Sitter(ServiceContext),
    /// Lets other peers copy a zone's database.
    BackupServer(ServiceContext),
    /// The key-value store of a shard.
    Moray(ServiceContext),
    /// One of a zone's routers.
    ElectricMoray(ServiceContext),
    /// Spreads connections over a zone's routers.
    Haproxy(ServiceContext),
    /// Is one of the commands that zones have.
    Tool {
        /// Its name.
        name: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Tells whether a program that was called with these arguments is to be one of a lab's: because its first argument is
/// [`ARGUMENT`], or because its own name is that of a tool of zones.
pub fn is_invocation(arguments: &[OsString]) -> bool {
    arguments.get(1).is_some_and(|first| first == ARGUMENT) || tool_name(arguments).is_some()
}

/// The tool that the program's own name says it is.
fn tool_name(arguments: &[OsString]) -> Option<String> {
    let name = Path::new(arguments.first()?).file_name()?.to_str()?;
    crate::tools::is_tool(name).then(|| name.to_owned())
}

/// Runs the service that the arguments name: the program's name, [`ARGUMENT`], the service, its options. A program with the
/// name of a tool is that tool.
///
/// A program that starts labs calls this at its beginning when [`is_invocation`] says so.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    if let Some(tool) = tool_name(&arguments) {
        return crate::tools::main(&tool, arguments.get(1..).unwrap_or_default());
    }
    let arguments = Arguments::parse_from(arguments.into_iter().skip(1));
    if let Service::Tool { name, arguments } = arguments.service {
        return crate::tools::main(&name, &arguments);
    }
    // A log that cannot be written, as on a full disk, is lost. To say so on the same stream would be a panic.
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
    log.log_internal_errors(false).init();
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

async fn run(service: Service) -> Result<(), ServiceError> {
    match service {
        Service::ConfigAgent(context) => crate::config_agent::run(context).await,
        Service::Registrar(context) => crate::registrar::run(context).await,
        Service::Sitter(context) => crate::sitter::run(context).await,
        Service::BackupServer(context) => crate::sitter::run_backup_server(context).await,
        Service::Moray(context) => crate::moray::run(context).await,
        Service::ElectricMoray(context) => crate::electric_moray::run(context).await,
        Service::Haproxy(context) => crate::electric_moray::haproxy::run(context).await,
        // A tool needs no service's surroundings: `main` has run it.
        Service::Tool { .. } => Ok(()),
    }
}

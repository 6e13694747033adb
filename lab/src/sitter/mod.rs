//! The process that follows a shard's cluster state, and keeps PostgreSQL in the role that the state gives to it; and
//! the backup server beside it.

pub(crate) mod backup_server;
mod config;
mod election;
mod http;
mod job;
mod machine;
mod postgres;
mod restore;
mod shell;
mod state;
mod status;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::context::{ServiceContext, ServiceError};
use crate::layout::Layout;
use crate::postgres::{Cluster, Programs, installed};
use config::Config;
use shell::Shell;

/// Runs the sitter of a zone until it is told to stop, or cannot go on.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (config, mut shell) = start(&context).await?;
    let status = SocketAddr::from((config.ip, config.status_port()));
    let listener = bind(status).await?;
    let status = tokio::spawn(http::serve(listener, shell.status().handler()));
    let result = tokio::select! {
        failed = shell.run() => Err(failed.into()),
        () = asked_to_stop(&mut terminate) => Ok(()),
    };
    // The session is left as it is: production's sitter does not close it either, and so everybody else waits for it.
    shell.stop().await;
    status.abort();
    result
}

async fn start(context: &ServiceContext) -> Result<(Config, Shell), ServiceError> {
    let directory = context.directory();
    let config: Config = read(&directory.in_zone(context.zone, config::PATH))?;
    let layout: Layout = read(&directory.layout())?;
    let programs = if layout.postgresql.as_os_str().is_empty() {
        let programs = crate::programs::Programs::from_environment();
        installed(&programs).ok_or("PostgreSQL is not installed")?
    } else {
        layout.postgresql
    };
    let programs = Programs::find(programs).await?;
    let data = directory.in_zone(context.zone, &config.data_dir);
    let cluster = Cluster::new(programs, data);
    cluster.kill_left_over().await?;
    let shell = Shell::new(&config, cluster);
    Ok((config, shell))
}

async fn asked_to_stop(terminate: &mut Signal) {
    if terminate.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ServiceError> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let value = serde_json::from_str(&text);
    Ok(value.map_err(|error| format!("cannot use {}: {error}", path.display()))?)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.map_err(|error| format!("cannot listen on {address}: {error}"))?)
}

/// Runs the backup server of a zone until it is told to stop.
pub(crate) async fn run_backup_server(context: ServiceContext) -> Result<(), ServiceError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let config: Config = read(&context.directory().in_zone(context.zone, config::PATH))?;
    let address: Ipv4Addr = config.ip;
    let listener = bind(SocketAddr::from((address, config.backup_port))).await?;
    let (server, crash) = backup_server::BackupServer::new(address);
    tokio::select! {
        () = http::serve(listener, server.handler()) => Ok(()),
        crash = crash => Err(crash.into()),
        () = asked_to_stop(&mut terminate) => Ok(()),
    }
}

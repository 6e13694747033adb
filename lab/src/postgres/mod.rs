//! PostgreSQL servers: making, configuring, starting and stopping them.

mod backup;
mod cluster;
mod programs;
mod query;
mod server;
mod settings;
mod version;

pub(crate) use backup::Progress;
pub(crate) use cluster::{Cluster, ClusterError};
pub(crate) use programs::{Programs, has_server, installed};
pub(crate) use query::Endpoint;
pub(crate) use server::{Server, StartError};
pub(crate) use settings::{Replication, Settings};

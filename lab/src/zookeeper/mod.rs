//! ZooKeeper: its server, and what the lab's services ask of it.

mod client;
mod jars;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use client::{
    ClientError, Node, children_and_watch, connect, connect_detached, connector, leave, make_path,
    read, read_and_watch, wait_for_change, watch,
};
pub(crate) use jars::missing_jar;
pub(crate) use server::ZooKeeperServer;

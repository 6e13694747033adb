//! A Manta metadata tier on loopback: real PostgreSQL and ZooKeeper, and emulated Triton services around them.
//!
//! It is for rehearsing and testing tools that change such a tier. Every zone has its own address in `127.77.0.0/16` and
//! the port numbers of production. It runs on Linux only.

mod address;
mod causes;
pub mod checker;
pub mod command;
mod config_agent;
mod context;
pub mod control;
mod directory;
mod electric_moray;
mod fault;
mod host;
mod lab;
mod layout;
pub mod load;
mod messages;
mod monitor;
mod moray;
mod pg_dump;
mod postgres;
mod process;
mod programs;
mod registrar;
mod rings;
mod role;
pub mod seed;
pub mod service;
mod sitter;
mod tools;
pub mod triton;
mod zones;
mod zookeeper;

pub use address::AddressBlock;
pub use directory::LabDirectory;
pub use fault::{ActiveFault, Fault};
pub use lab::{
    Lab, LabBuilder, LabError, ProofError, primary, prove, rings_served, running, zone_shell,
    zookeeper_shell,
};
pub use layout::{Host, Layout, LayoutError, Options, Server, ServiceImage, ZoneSpec};
pub use programs::Programs;
pub use rings::JournalError;
pub use role::Role;
pub use triton::http::{ApiFault, ApiFaults, ApiName, FaultKind};
pub use triton::vmapi::{JobFault, JobTask};

//! How a running lab is asked and told things from other processes.

mod client;
mod messages;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ControlClient, ControlClientError};
pub use messages::{
    ControlError, ExecRequest, ExecResponse, ServiceState, ServiceStatus, SmfAction, SmfRequest,
    ZoneProcess, ZoneState, ZoneStatus,
};
pub(crate) use server::{ControlServer, Hooks, Refusal};

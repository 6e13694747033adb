//! The API by which a running lab is asked and told things from other processes.

mod client;
mod server;
#[cfg(test)]
mod tests;

pub use crate::messages::{
    ControlError, ExecRequest, ExecResponse, ServiceState, ServiceStatus, SmfAction, SmfRequest,
    ZoneProcess, ZoneState, ZoneStatus,
};
pub use client::{ControlClient, ControlClientError};
pub(crate) use server::{ControlServer, Hooks, Refusal};

//! What the control API and its clients say to each other, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::layout::ZoneSpec;

/// Something to run in a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecRequest {
    /// The program and its arguments. Empty: a login shell that reads `stdin`.
    pub argv: Vec<String>,
    /// Added to the zone's environment.
    pub env: BTreeMap<String, String>,
    /// What it reads.
    pub stdin: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResponse {
    /// 128 and the signal's number when a signal ended it, as shells count.
    pub exit_code: i32,
    /// What it printed. Bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// What `svcadm` can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmfAction {
    /// Starts it, now and at every boot.
    Enable,
    /// Stops it, now and for all boots.
    Disable,
    /// Stops it and starts it.
    Restart,
    /// Takes it out of maintenance.
    Clear,
    /// Has it read its properties again.
    Refresh,
}

/// A call of `svcadm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmfRequest {
    /// What to do.
    pub action: SmfAction,
    /// The service or instance, in any form that is not ambiguous: a whole FMRI, `electric-moray-2021`, `manatee-sitter`.
    pub instance: String,
    /// Whether to wait until it is done (`-s`).
    pub wait: bool,
}

/// States of SMF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It runs.
    Online,
    /// It is about to run.
    Offline,
    /// It is not to run.
    Disabled,
    /// It failed too often.
    Maintenance,
}

/// An SMF instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// `svc:/manta/application/manatee-sitter:default`.
    pub fmri: String,
    /// Its state.
    pub state: ServiceState,
    /// When it came into that state, as `svcs` shows it.
    pub since: jiff::Timestamp,
    /// The process of it.
    pub pid: Option<u32>,
    /// What `svcprop` prints: property group and name, type, value.
    pub properties: BTreeMap<String, String>,
}

/// States of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZoneState {
    /// It is being made.
    Provisioning,
    /// It runs.
    Running,
    /// It does not run.
    Stopped,
    /// It could not be made.
    Failed,
    /// It is gone.
    Destroyed,
}

/// A zone as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// What it was made as.
    #[serde(flatten)]
    pub spec: ZoneSpec,
    /// Its state.
    pub state: ZoneState,
    /// Its services.
    pub services: Vec<ServiceStatus>,
}

/// A process of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneProcess {
    /// Its number.
    pub pid: u32,
    /// Its parent's number.
    pub parent: u32,
    /// The name of its program.
    pub name: String,
    /// Its program and arguments.
    pub command: String,
}

/// Why a request to the control API was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlError {
    /// In words.
    pub message: String,
}

//! The messages of the control API and its clients to each other, as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::layout::ZoneSpec;

/// Something to run in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecRequest {
    /// The program and its arguments. Empty: a login shell that reads `stdin`.
    pub argv: Vec<String>,
    /// Added to the zone's environment.
    pub env: BTreeMap<String, String>,
    /// Its input.
    pub stdin: String,
    /// The time that it may take, in milliseconds. Then it is killed with all that it started. Default: ten minutes.
    pub time_limit_ms: u64,
}

impl Default for ExecRequest {
    fn default() -> Self {
        let (argv, env, stdin) = (Vec::new(), BTreeMap::new(), String::new());
        Self { argv, env, stdin, time_limit_ms: 10 * 60 * 1000 }
    }
}

impl ExecRequest {
    /// The longest that anything takes: Ur gives a command up after an hour.
    pub(crate) const UR_TIME_LIMIT: Duration = Duration::from_hours(1);

    /// The longest that it may take.
    pub fn time_limit(&self) -> Duration {
        Duration::from_millis(self.time_limit_ms)
    }

    /// Lets it take so long.
    #[must_use]
    pub fn within(self, time_limit: Duration) -> Self {
        let time_limit_ms = u64::try_from(time_limit.as_millis()).unwrap_or(u64::MAX);
        Self { time_limit_ms, ..self }
    }
}

/// The outcome of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResponse {
    /// 128 and the signal's number when a signal ended it, as shells count; 124 when its time was over, as `timeout` does.
    pub exit_code: i32,
    /// Its output. Bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Its error output. When its time was over, that is said at the end.
    pub stderr: String,
    /// True if its time was over.
    #[serde(default)]
    pub timed_out: bool,
}

/// The actions of `svcadm`.
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
    /// The action.
    pub action: SmfAction,
    /// The service or instance, in any form that is not ambiguous: a whole FMRI, `electric-moray-2021`, `manatee-sitter`.
    pub instance: String,
    /// True to wait until it is done (`-s`).
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
    /// The time at which it came into that state, as `svcs` shows it.
    pub since: jiff::Timestamp,
    /// The process of it.
    pub pid: Option<u32>,
    /// The lines of `svcprop`: property group and name, type, value.
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
    /// The specification that it was made with.
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

/// The reason why a request to the control API was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlError {
    /// In words.
    pub message: String,
}

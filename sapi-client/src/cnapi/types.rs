//! Servers and tasks. Members that are not named here are kept in `other`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::{ServerUuid, TaskId};

/// A compute node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Server {
    /// Its id.
    pub uuid: ServerUuid,
    /// Its name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Its datacenter.
    #[serde(default)]
    pub datacenter: Option<String>,
    /// Its status: running or not. (`transitional_status` is CNAPI's own affair.)
    #[serde(default)]
    pub status: Option<ServerStatus>,
    /// True if it is the datacenter's head.
    #[serde(default)]
    pub headnode: Option<bool>,
    /// True if it can have VMs.
    #[serde(default)]
    pub setup: Option<bool>,
    /// True if new VMs are kept away from it.
    #[serde(default)]
    pub reserved: Option<bool>,
    /// The system that it runs.
    #[serde(default)]
    pub current_platform: Option<String>,
    /// Memory in MiB.
    #[serde(default)]
    pub ram: Option<u64>,
    /// The time at which it was last heard of.
    #[serde(default)]
    pub last_heartbeat: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The status of a server: running or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServerStatus {
    /// It does.
    Running,
    /// Nothing is heard of it.
    Unknown,
    /// It comes again.
    Rebooting,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// A script to be run in a server's global zone.
///
/// There is no time limit to set: with one, CNAPI crashes on its usual way to servers. Limit the time in the script
/// (`timeout 60 ...`). `Debug` shows neither the script nor its arguments.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Script {
    #[serde(rename = "script")]
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) args: Vec<String>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub(crate) env: Attributes,
    /// Always true: otherwise the output of a script that fails is lost.
    pub(crate) json: bool,
}

/// A script begins with `#!` and an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the script does not begin with a line such as #!/bin/bash")]
pub struct InvalidScript;

impl Script {
    /// A script, beginning with a line such as `#!/bin/bash`.
    ///
    /// # Errors
    ///
    /// [`InvalidScript`]
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidScript> {
        let text = text.into();
        if !text.starts_with("#!/") {
            return Err(InvalidScript);
        }
        Ok(Self { text, args: Vec::new(), env: Attributes::new(), json: true })
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.args.push(argument.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name, Value::String(value.into()));
        self
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script ({} bytes, {} arguments)", self.text.len(), self.args.len())
    }
}

/// The result of a script. `Debug` does not show the output.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// The exit status; not zero is not an error of the call.
    #[serde(rename = "exitCode")]
    pub exit_code: i64,
    /// Its standard output.
    #[serde(default)]
    pub stdout: String,
    /// Its standard error stream.
    #[serde(default)]
    pub stderr: String,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exit_code, stdout, stderr } = self;
        write!(
            f,
            "Output (exit {exit_code}, {} bytes of stdout, {} of stderr)",
            stdout.len(),
            stderr.len()
        )
    }
}

/// A task of CNAPI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its work.
    #[serde(default)]
    pub task: Option<String>,
    /// Its server.
    #[serde(default)]
    pub server_uuid: Option<ServerUuid>,
    /// Its status.
    pub status: TaskStatus,
    /// The events so far, in order.
    #[serde(default)]
    pub history: Vec<TaskEvent>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The status of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskStatus {
    /// It runs.
    Active,
    /// It ended well.
    Complete,
    /// It ended badly.
    Failure,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// Something that happened to a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskEvent {
    /// `finish`, `error` ...
    #[serde(default)]
    pub name: Option<String>,
    /// The content of the event.
    #[serde(default)]
    pub event: Attributes,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

//! Zones and jobs. Members that are not named here are kept in `other`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::{AccountUuid, ImageUuid, InstanceUuid, JobUuid, ServerUuid};
use crate::secret::Secrets;

/// A virtual machine: for Manta, a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Vm {
    /// Its id, which is also its instance's in SAPI.
    pub uuid: InstanceUuid,
    /// Its name. Unique among the owner's VMs that are not destroyed.
    #[serde(default)]
    pub alias: Option<String>,
    /// Its state: running, stopped, gone. VMAPI also gives VMs that were destroyed.
    #[serde(default)]
    pub state: Option<VmState>,
    /// The zone's state in the system's own words.
    #[serde(default)]
    pub zone_state: Option<String>,
    /// Its kind, such as `joyent-minimal`.
    #[serde(default)]
    pub brand: Option<String>,
    /// Its owner.
    #[serde(default)]
    pub owner_uuid: Option<AccountUuid>,
    /// Its server; none while one is chosen.
    #[serde(default)]
    pub server_uuid: Option<ServerUuid>,
    /// The image that it runs. Hardware VMs have disks with images instead.
    #[serde(default)]
    pub image_uuid: Option<ImageUuid>,
    /// Its network interfaces.
    #[serde(default)]
    pub nics: Vec<Nic>,
    /// Its tags.
    #[serde(default)]
    pub tags: Attributes,
    /// The metadata that its owner gave it.
    #[serde(default)]
    pub customer_metadata: Attributes,
    /// The metadata that the system gave it.
    #[serde(default)]
    pub internal_metadata: Attributes,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

impl Vm {
    /// Tells whether there is such a machine: it was neither destroyed nor did making it fail.
    pub fn exists(&self) -> bool {
        !matches!(self.state, Some(VmState::Destroyed | VmState::Failed))
    }

    /// The address of the primary interface, which need not be the first.
    pub fn primary_ip(&self) -> Option<&str> {
        self.nics.iter().find(|nic| nic.primary)?.ip.as_deref()
    }
}

/// The state of a VM: running or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VmState {
    /// It runs.
    Running,
    /// It is stopped.
    Stopped,
    /// It is being made.
    Provisioning,
    /// It is gone.
    Destroyed,
    /// It is half made.
    Incomplete,
    /// Making it failed.
    Failed,
    /// Its server does not say.
    Unknown,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Nic {
    /// Its address, or `dhcp`.
    #[serde(default)]
    pub ip: Option<String>,
    /// Its network, such as `admin` or `manta`.
    #[serde(default)]
    pub nic_tag: Option<String>,
    /// True if it is the VM's primary one; the member is true or missing.
    #[serde(default)]
    pub primary: bool,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// A VM's name: letters, digits and `_.-`, beginning with a letter or digit, at most 189 characters. Made by parsing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Alias(String);

/// VMAPI would refuse the alias.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an alias: 1 to 189 letters, digits and _.-, beginning with a letter or a digit"
)]
pub struct InvalidAlias(String);

impl FromStr for Alias {
    type Err = InvalidAlias;

    fn from_str(text: &str) -> Result<Self, InvalidAlias> {
        let good = text.len() <= 189
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidAlias(text.to_owned())) }
    }
}

impl Alias {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// VMAPI has accepted to do something. Nothing is done before the job has ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Accepted {
    /// The VM that it is done to.
    pub vm_uuid: InstanceUuid,
    /// The job that does it.
    pub job_uuid: JobUuid,
}

/// A workflow job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub uuid: JobUuid,
    /// Its workflow and version, such as `reprovision-7.0.4`.
    #[serde(default)]
    pub name: Option<String>,
    /// Its state.
    #[serde(default)]
    pub execution: Option<Execution>,
    /// The results of its tasks, in order; may be missing while it is queued.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub chain_results: Vec<ChainResult>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ChainResult>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Execution {
    /// It waits for a runner.
    Queued,
    /// It runs.
    Running,
    /// It waits for something outside.
    Waiting,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
    /// Somebody stopped it.
    Canceled,
    /// It ended, and another job does it again.
    Retried,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// The result of one task of a job. `Debug` shows its name and error only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChainResult {
    /// The task, such as `cnapi.acquire_vm_ticket`.
    #[serde(default)]
    pub name: Option<String>,
    /// The result when it went well.
    #[serde(default)]
    pub result: Value,
    /// The error when it did not: text, or an object with a message.
    #[serde(default)]
    pub error: Value,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

impl ChainResult {
    /// The task's error in words, without what looks like a secret; `None` where it went well.
    pub fn error_text(&self) -> Option<String> {
        let text = match &self.error {
            Value::Null => return None,
            Value::String(text) => (!text.is_empty()).then(|| text.clone()),
            Value::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Value::as_str);
                Some(
                    text("message")
                        .or_else(|| text("name"))
                        .unwrap_or("an error without a message")
                        .to_owned(),
                )
            }
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_)) => {
                Some(other.to_string())
            }
        };
        text.map(|text| Secrets::default().scrub(&text))
    }
}

impl fmt::Debug for ChainResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainResult")
            .field("name", &self.name)
            .field("error", &self.error_text())
            .finish_non_exhaustive()
    }
}

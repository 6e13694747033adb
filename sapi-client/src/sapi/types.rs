//! SAPI's objects. Members that are not named here are kept in `other`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::{AccountUuid, ApplicationUuid, InstanceUuid, JobUuid, ManifestUuid, ServiceUuid};

/// An application: `manta`, or `sdc`, which is Triton itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Application {
    /// Its id.
    pub uuid: ApplicationUuid,
    /// Its name. Not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The owner of its zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_uuid: Option<AccountUuid>,
    /// The parameters that VMAPI is given for every zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// Configuration of every zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// A JSON schema that SAPI holds `metadata` against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_schema: Option<Attributes>,
    /// Names of manifests and their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// True if it is kept in the region's master datacenter. Set at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// A service of an application, such as `postgres`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Service {
    /// Its id.
    pub uuid: ServiceUuid,
    /// Its name. Unique in no way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The application that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_uuid: Option<ApplicationUuid>,
    /// The parameters that VMAPI is given for the service's zones; they go before the application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// Configuration of the service's zones; goes before the application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// Names of manifests and their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// True if it is kept in the region's master datacenter. Set at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// Zones or agents.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ServiceKind>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// An instance of a service: a zone, unless it is an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Instance {
    /// Its id, and that of its zone in VMAPI.
    pub uuid: InstanceUuid,
    /// The service that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_uuid: Option<ServiceUuid>,
    /// The parameters that VMAPI was given when the zone was made. `server_uuid` and `image_uuid` in it go stale with the first
    /// migration or reprovisioning: VMAPI knows the true ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// The zone's own configuration; goes before the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// Names of manifests and their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// True if it is kept in the region's master datacenter. Set at creation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// A zone or an agent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ServiceKind>,
    /// The job that makes the zone; only in the answer to [`NewInstance`](crate::sapi::NewInstance) with `wait` off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_uuid: Option<JobUuid>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The kind of a service's instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServiceKind {
    /// Zones.
    Vm,
    /// Agents in the global zone.
    Agent,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// A manifest: the template of a configuration file in a zone. `Debug` does not show the template.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Its id.
    pub uuid: ManifestUuid,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The template: text, or JSON.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub template: Value,
    /// The command that is run when the file has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_cmd: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// True if it is kept in the region's master datacenter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("uuid", &self.uuid)
            .field("name", &self.name)
            .field("path", &self.path)
            .field("version", &self.version)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

/// The place in which SAPI keeps its objects: files (while a datacenter is set up) or Moray.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In files; SAPI makes no zones. Concurrent writes of one object get lost.
    Proto,
    /// In Moray.
    Full,
}

/// SAPI's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ping {
    /// The mode.
    pub mode: Mode,
    /// The kind of store.
    #[serde(default, rename = "storType", skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// True if the store can be used. SAPI answers 500 where it cannot.
    #[serde(default, rename = "storAvailable", skip_serializing_if = "Option::is_none")]
    pub store_available: Option<bool>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The configuration for a zone's config-agent. It polls for it: a change reaches the zone some seconds later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Configs {
    /// The templates.
    #[serde(default)]
    pub manifests: Vec<Manifest>,
    /// The metadata of application, service and instance, merged key by key, the instance's first.
    #[serde(default)]
    pub metadata: Attributes,
    /// The answer's `Etag`.
    #[serde(skip)]
    pub etag: Option<String>,
}

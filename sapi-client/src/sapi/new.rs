//! Objects to be made.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::{AccountUuid, ApplicationUuid, InstanceUuid, ManifestUuid, ServiceUuid};
use crate::sapi::ServiceKind;

/// An application to be made.
#[derive(Clone, Debug, Serialize)]
pub struct NewApplication {
    /// Its id; SAPI chooses one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<ApplicationUuid>,
    /// Its name.
    pub name: String,
    /// The owner of its zones.
    pub owner_uuid: AccountUuid,
    /// See [`Application::params`](crate::sapi::Application::params).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// See [`Application::metadata`](crate::sapi::Application::metadata).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// See [`Application::metadata_schema`](crate::sapi::Application::metadata_schema).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_schema: Option<Attributes>,
    /// See [`Application::manifests`](crate::sapi::Application::manifests).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// See [`Application::master`](crate::sapi::Application::master).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
}

/// A service to be made.
#[derive(Clone, Debug, Serialize)]
pub struct NewService {
    /// Its id; SAPI chooses one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<ServiceUuid>,
    /// Its name.
    pub name: String,
    /// The application that it belongs to.
    pub application_uuid: ApplicationUuid,
    /// See [`Service::params`](crate::sapi::Service::params).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// See [`Service::metadata`](crate::sapi::Service::metadata).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// See [`Service::manifests`](crate::sapi::Service::manifests).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// See [`Service::master`](crate::sapi::Service::master).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// The kind of its instances; zones where it is left out.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ServiceKind>,
}

/// An instance to be made, and in SAPI's full mode its zone.
#[derive(Clone, Debug, Serialize)]
pub struct NewInstance {
    /// Its id. The caller chooses it, so that after a lost answer it can be looked for in SAPI and VMAPI.
    pub uuid: InstanceUuid,
    /// The service that it belongs to.
    pub service_uuid: ServiceUuid,
    /// See [`Instance::params`](crate::sapi::Instance::params).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Attributes>,
    /// See [`Instance::metadata`](crate::sapi::Instance::metadata).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Attributes>,
    /// See [`Instance::manifests`](crate::sapi::Instance::manifests).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Attributes>,
    /// See [`Instance::master`](crate::sapi::Instance::master).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
    /// True if the answer comes when the zone is made (which takes minutes; SAPI asks every five seconds, up to an hour); else it
    /// comes when VMAPI has accepted the job: then follow [`Instance::job_uuid`](crate::sapi::Instance::job_uuid) with VMAPI.
    #[serde(
        rename = "async",
        serialize_with = "not_async",
        skip_serializing_if = "std::clone::Clone::clone"
    )]
    pub wait: bool,
}

/// SAPI takes any value of `async` but an absent one for true.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn not_async<S: serde::Serializer>(wait: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!*wait)
}

/// A manifest to be made.
#[derive(Clone, Serialize)]
pub struct NewManifest {
    /// Its id; SAPI chooses one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<ManifestUuid>,
    /// Its name.
    pub name: String,
    /// The path of the file.
    pub path: String,
    /// The template: text, or JSON.
    pub template: Value,
    /// The command that is run when the file has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_cmd: Option<String>,
    /// Its version, such as `1.0.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// True if it is kept in the region's master datacenter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
}

/// Does not show the template.
impl fmt::Debug for NewManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uuid, name, path, .. } = self;
        write!(f, "NewManifest {{ uuid: {uuid:?}, name: {name:?}, path: {path:?}, .. }}")
    }
}

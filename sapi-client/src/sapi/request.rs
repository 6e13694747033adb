//! SAPI's calls as data.

use std::time::Duration;

use crate::attributes::Attributes;
use crate::http::error::Unreadable;
use crate::http::{Answer, AnswerKind, Call, Effect, Method, Request, json, nothing};
use crate::ids::{
    AccountUuid, ApplicationUuid, ImageUuid, InstanceUuid, ManifestUuid, ServiceUuid,
};
use crate::sapi::{
    Application, ApplicationChange, Change, Configs, Instance, Manifest, Mode, NewApplication,
    NewInstance, NewManifest, NewService, Ping, Service, ServiceKind,
};

/// SAPI waits up to an hour for the job that makes a zone.
const CREATE_TIMEOUT: Duration = Duration::from_mins(61);
/// SAPI waits up to ten minutes for the job that destroys a zone.
const DESTROY_TIMEOUT: Duration = Duration::from_mins(11);
/// SAPI closes the connection after two minutes, whatever becomes of the job.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(120 + 10);

/// Version 2 shows agents and the member `type`; without the header SAPI speaks version 1.
fn versioned(request: Request) -> Request {
    request.header("accept-version", "~2")
}

/// Any value of `include_master`, even `false`, means true: it is there or not.
fn include_master(include: bool) -> (&'static str, Option<String>) {
    ("include_master", include.then(|| "true".to_owned()))
}

/// The applications to list.
#[derive(Clone, Debug, Default)]
pub struct ApplicationFilter {
    /// Of this name.
    pub name: Option<String>,
    /// Of this owner.
    pub owner_uuid: Option<AccountUuid>,
    /// The master datacenter's too. Outside the master datacenter the application `manta` is only found so.
    pub include_master: bool,
}

impl ApplicationFilter {
    pub(crate) fn matches(&self, application: &Application) -> bool {
        is_or_any(self.name.as_ref(), application.name.as_ref())
            && is_or_any(self.owner_uuid.as_ref(), application.owner_uuid.as_ref())
    }
}

/// The services to list.
#[derive(Clone, Debug, Default)]
pub struct ServiceFilter {
    /// Of this name.
    pub name: Option<String>,
    /// Of this application.
    pub application_uuid: Option<ApplicationUuid>,
    /// Of this kind.
    pub kind: Option<ServiceKind>,
    /// The master datacenter's too.
    pub include_master: bool,
}

impl ServiceFilter {
    pub(crate) fn matches(&self, service: &Service) -> bool {
        is_or_any(self.name.as_ref(), service.name.as_ref())
            && is_or_any(self.application_uuid.as_ref(), service.application_uuid.as_ref())
            && is_of_kind(self.kind.as_ref(), service.kind.as_ref())
    }
}

/// The instances to list. SAPI has no filter by application, alias, server or metadata.
#[derive(Clone, Debug, Default)]
pub struct InstanceFilter {
    /// Of this service.
    pub service_uuid: Option<ServiceUuid>,
    /// Of this kind.
    pub kind: Option<ServiceKind>,
    /// The master datacenter's too.
    pub include_master: bool,
}

impl InstanceFilter {
    pub(crate) fn matches(&self, instance: &Instance) -> bool {
        is_or_any(self.service_uuid.as_ref(), instance.service_uuid.as_ref())
            && is_of_kind(self.kind.as_ref(), instance.kind.as_ref())
    }
}

fn is_or_any<V: PartialEq>(wanted: Option<&V>, is: Option<&V>) -> bool {
    wanted.is_none() || wanted == is
}

/// Objects of SAPI's first years have no kind; they are zones.
fn is_of_kind(wanted: Option<&ServiceKind>, is: Option<&ServiceKind>) -> bool {
    wanted.is_none_or(|wanted| *wanted == *is.unwrap_or(&ServiceKind::Vm))
}

fn kind_name(kind: Option<&ServiceKind>) -> Option<String> {
    kind.map(|kind| match kind {
        ServiceKind::Vm => "vm".to_owned(),
        ServiceKind::Agent => "agent".to_owned(),
        ServiceKind::Other(name) => name.clone(),
    })
}

/// GET `/ping`
pub fn ping() -> Call<Ping> {
    Call::new(Request::get("/ping").answer(AnswerKind::Note), json)
}

/// GET `/mode`
pub fn get_mode() -> Call<Mode> {
    Call::new(Request::get("/mode").answer(AnswerKind::Note), json)
}

/// GET `/applications`
pub fn list_applications(filter: &ApplicationFilter) -> Call<Vec<Application>> {
    let request = versioned(Request::get("/applications")).query([
        ("name", filter.name.clone()),
        ("owner_uuid", filter.owner_uuid.map(|uuid| uuid.to_string())),
        include_master(filter.include_master),
    ]);
    Call::new(request.answer(AnswerKind::List), json)
}

/// GET `/services`
pub fn list_services(filter: &ServiceFilter) -> Call<Vec<Service>> {
    let request = versioned(Request::get("/services")).query([
        include_master(filter.include_master),
        ("application_uuid", filter.application_uuid.map(|uuid| uuid.to_string())),
        ("name", filter.name.clone()),
        ("type", kind_name(filter.kind.as_ref())),
    ]);
    Call::new(request.answer(AnswerKind::List), json)
}

/// GET `/instances`
pub fn list_instances(filter: &InstanceFilter) -> Call<Vec<Instance>> {
    let request = versioned(Request::get("/instances")).query([
        include_master(filter.include_master),
        ("service_uuid", filter.service_uuid.map(|uuid| uuid.to_string())),
        ("type", kind_name(filter.kind.as_ref())),
    ]);
    Call::new(request.answer(AnswerKind::List), json)
}

/// GET `/manifests`
pub fn list_manifests(with_master: bool) -> Call<Vec<Manifest>> {
    let request = versioned(Request::get("/manifests")).query([include_master(with_master)]);
    Call::new(request.answer(AnswerKind::List), json)
}

macro_rules! by_uuid {
    ($($(#[$doc:meta])* $name:ident, $method:ident, $effect:ident, $path:literal, $id:ty => $answer:ty, $read:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(uuid: $id) -> Call<$answer> {
            Call::new(versioned(Request::new(Method::$method, Effect::$effect, format!($path, uuid))), $read)
        }
    )*};
}

by_uuid! {
    /// GET `/applications/:uuid`
    get_application, Get, Read, "/applications/{}", ApplicationUuid => Application, json;
    /// GET `/services/:uuid`
    get_service, Get, Read, "/services/{}", ServiceUuid => Service, json;
    /// GET `/instances/:uuid`
    get_instance, Get, Read, "/instances/{}", InstanceUuid => Instance, json;
    /// GET `/manifests/:uuid`
    get_manifest, Get, Read, "/manifests/{}", ManifestUuid => Manifest, json;
    /// GET `/instances/:uuid/payload`
    get_payload, Get, Read, "/instances/{}/payload", InstanceUuid => Attributes, json;
    /// DELETE `/applications/:uuid`
    delete_application, Delete, Once, "/applications/{}", ApplicationUuid => (), nothing;
    /// DELETE `/services/:uuid`
    delete_service, Delete, Once, "/services/{}", ServiceUuid => (), nothing;
    /// DELETE `/manifests/:uuid`
    delete_manifest, Delete, Once, "/manifests/{}", ManifestUuid => (), nothing;
}

/// DELETE `/instances/:uuid`: destroys the zone too.
pub fn delete_instance(uuid: InstanceUuid) -> Call<()> {
    let request = Request::new(Method::Delete, Effect::Once, format!("/instances/{uuid}"));
    Call::new(versioned(request).timeout(DESTROY_TIMEOUT).answer(AnswerKind::Note), nothing)
}

/// GET `/configs/:uuid`. `None`: nothing has changed since the given `Etag`.
pub fn get_configs(uuid: InstanceUuid, known: Option<&str>) -> Call<Option<Configs>> {
    let mut request = versioned(Request::get(format!("/configs/{uuid}")));
    if let Some(etag) = known {
        request = request.header("if-none-match", etag);
    }
    Call::new(request, configs)
}

fn configs(answer: &Answer) -> Result<Option<Configs>, Unreadable> {
    if answer.status == 304 {
        return Ok(None);
    }
    let etag = answer.header("etag").map(str::to_owned);
    Ok(Some(Configs { etag, ..json(answer)? }))
}

fn create(path: &str) -> Request {
    versioned(Request::new(Method::Post, Effect::Once, path))
}

/// POST `/applications`
pub fn create_application(new: &NewApplication) -> Call<Application> {
    Call::new(create("/applications").json(new), json)
}

/// POST `/services`
pub fn create_service(new: &NewService) -> Call<Service> {
    Call::new(create("/services").json(new), json)
}

/// POST `/instances`
pub fn create_instance(new: &NewInstance) -> Call<Instance> {
    let request = create("/instances").json(new);
    // VMAPI is asked in either case, and may be slow to say that it has accepted.
    Call::new(request.timeout(if new.wait { CREATE_TIMEOUT } else { UPGRADE_TIMEOUT }), json)
}

/// POST `/manifests`
pub fn create_manifest(new: &NewManifest) -> Call<Manifest> {
    Call::new(create("/manifests").json(new), json)
}

/// Setting members to values is the same done twice.
fn change(path: String) -> Request {
    versioned(Request::new(Method::Put, Effect::Idempotent, path))
}

/// PUT `/applications/:uuid`
pub fn change_application(uuid: ApplicationUuid, wanted: &ApplicationChange) -> Call<Application> {
    Call::new(change(format!("/applications/{uuid}")).json(wanted), json)
}

/// PUT `/services/:uuid`
pub fn change_service(uuid: ServiceUuid, wanted: &Change) -> Call<Service> {
    Call::new(change(format!("/services/{uuid}")).json(wanted), json)
}

/// PUT `/instances/:uuid`
pub fn change_instance(uuid: InstanceUuid, wanted: &Change) -> Call<Instance> {
    Call::new(change(format!("/instances/{uuid}")).json(wanted), json)
}

/// PUT `/instances/:uuid/upgrade`, which is reprovisioning.
pub fn reprovision(uuid: InstanceUuid, image: ImageUuid) -> Call<Instance> {
    let request = Request::new(Method::Put, Effect::Once, format!("/instances/{uuid}/upgrade"));
    let body = Attributes::new().with("image_uuid", image.to_string());
    Call::new(versioned(request).json(&body).timeout(UPGRADE_TIMEOUT), json)
}

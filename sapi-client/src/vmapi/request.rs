//! VMAPI's calls as data.

use serde_json::Value;

use crate::attributes::Attributes;
use crate::http::error::Unreadable;
use crate::http::{Answer, AnswerKind, Call, Effect, Method, Request, json};
use crate::ids::{AccountUuid, ImageUuid, InstanceUuid, JobUuid, ServerUuid};
use crate::vmapi::{Accepted, Alias, Job, Vm};

/// In which states VMs are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListState {
    /// All but those that were destroyed or failed to be made.
    #[default]
    Active,
    /// Those that run.
    Running,
    /// Those that are stopped.
    Stopped,
    /// Those that were destroyed.
    Destroyed,
    /// All that VMAPI remembers, destroyed and failed ones too.
    All,
}

impl ListState {
    fn parameter(self) -> Option<String> {
        let state = match self {
            Self::Active => "active",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Destroyed => "destroyed",
            Self::All => return None,
        };
        Some(state.to_owned())
    }
}

/// The VMs to list.
#[derive(Clone, Debug, Default)]
pub struct VmFilter {
    /// Of this alias.
    pub alias: Option<Alias>,
    /// Of this owner.
    pub owner_uuid: Option<AccountUuid>,
    /// On this server.
    pub server_uuid: Option<ServerUuid>,
    /// Of this image.
    pub image_uuid: Option<ImageUuid>,
    /// In this state.
    pub state: ListState,
    /// With all these tags.
    pub tags: Vec<(String, String)>,
}

impl VmFilter {
    /// VMAPI takes an alias for a prefix.
    pub(crate) fn matches(&self, vm: &Vm) -> bool {
        self.alias.as_ref().is_none_or(|alias| vm.alias.as_deref() == Some(alias.as_str()))
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct VmPage {
    /// The VMs.
    pub vms: Vec<Vm>,
    /// The number of VMs in all, where VMAPI says it.
    pub total: Option<u64>,
}

fn page(answer: &Answer) -> Result<VmPage, Unreadable> {
    let total = answer.header("x-joyent-resource-count").and_then(|count| count.parse().ok());
    Ok(VmPage { vms: json(answer)?, total })
}

/// GET `/vms/:uuid`
pub fn get_vm(uuid: InstanceUuid) -> Call<Vm> {
    Call::new(Request::get(format!("/vms/{uuid}")), json)
}

/// GET `/vms`: one page.
pub fn list_vms(filter: &VmFilter, limit: u32, offset: u64) -> Call<VmPage> {
    let tags: Vec<_> =
        filter.tags.iter().map(|(key, value)| (format!("tag.{key}"), value)).collect();
    let request = Request::get("/vms")
        .query([
            ("alias", filter.alias.as_ref().map(ToString::to_string)),
            ("owner_uuid", filter.owner_uuid.map(|uuid| uuid.to_string())),
            ("server_uuid", filter.server_uuid.map(|uuid| uuid.to_string())),
            ("image_uuid", filter.image_uuid.map(|uuid| uuid.to_string())),
            ("state", filter.state.parameter()),
        ])
        .query(tags.iter().map(|(key, value)| (key.as_str(), Some((*value).clone()))))
        .query([("limit", Some(limit.to_string())), ("offset", Some(offset.to_string()))]);
    Call::new(request.answer(AnswerKind::List), page)
}

/// An action on a VM. The body never has members `action` or `sync`: in VMAPI the body beats the query.
fn act(uuid: InstanceUuid, action: &str, body: &Attributes) -> Call<Accepted> {
    let request = Request::new(Method::Post, Effect::Once, format!("/vms/{uuid}?action={action}"));
    Call::new(request.json(body), json)
}

/// The job of an idempotent action ends well where there is nothing to do.
fn idempotent() -> Attributes {
    Attributes::new().with("idempotent", Value::Bool(true))
}

/// POST `/vms/:uuid?action=update`
pub fn set_alias(uuid: InstanceUuid, alias: &Alias) -> Call<Accepted> {
    act(uuid, "update", &Attributes::new().with("alias", alias.as_str()))
}

/// POST `/vms/:uuid?action=reprovision`
pub fn reprovision(uuid: InstanceUuid, image: ImageUuid) -> Call<Accepted> {
    act(uuid, "reprovision", &Attributes::new().with("image_uuid", image.to_string()))
}

/// POST `/vms/:uuid?action=start`
pub fn start(uuid: InstanceUuid) -> Call<Accepted> {
    act(uuid, "start", &idempotent())
}

/// POST `/vms/:uuid?action=stop`
pub fn stop(uuid: InstanceUuid) -> Call<Accepted> {
    act(uuid, "stop", &idempotent())
}

/// POST `/vms/:uuid?action=reboot`
pub fn reboot(uuid: InstanceUuid) -> Call<Accepted> {
    act(uuid, "reboot", &Attributes::new())
}

/// GET `/jobs/:uuid`
pub fn get_job(uuid: JobUuid) -> Call<Job> {
    Call::new(Request::get(format!("/jobs/{uuid}")), json)
}

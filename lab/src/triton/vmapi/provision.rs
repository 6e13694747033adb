//! `POST /vms`.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::http::{Answer, ApiRequest, Merge};
use super::actions::is_sync;
use super::answers::{duplicate_alias, error, missing_error, validation};
use super::jobs::JobTask;
use super::vm::{Phase, Vm};
use super::{State, Vmapi, parse_uuid};
use crate::causes::Chain;
use crate::layout::ZoneSpec;
use crate::role::Role;
use crate::zones::Zones;

const MESSAGE: &str = "Invalid VM parameters";
/// The longest alias.
const ALIAS_LENGTH: usize = 189;
/// The members that a client can give and that the VM then has.
const MEMBERS: [&str; 18] = [
    "alias",
    "autoboot",
    "billing_id",
    "brand",
    "cpu_cap",
    "cpu_shares",
    "customer_metadata",
    "internal_metadata",
    "max_lwps",
    "max_physical_memory",
    "max_swap",
    "owner_uuid",
    "package_name",
    "quota",
    "ram",
    "resolvers",
    "tags",
    "zfs_io_priority",
];

impl Vmapi {
    pub(super) async fn create_vm(
        self: &Arc<Self>,
        request: &ApiRequest,
    ) -> Result<Answer, Answer> {
        let parameters = request.merged(Merge::BodyWins);
        let sync = is_sync(&parameters)?;
        let image = parameters.get("image_uuid").and_then(Value::as_str).and_then(parse_uuid);
        let has_image = match image {
            Some(image) => self.has_image(image).await,
            None => false,
        };
        // Addresses and aliases are taken while nobody else takes them.
        let spec = self.change(|state| {
            let spec = self.judge(state, &parameters, image.filter(|_| has_image))?;
            let mut given: Map<String, Value> = parameters
                .iter()
                .filter(|(name, value)| MEMBERS.contains(&name.as_str()) && !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            given.insert("server_uuid".to_owned(), json!(spec.server));
            given.insert("image_uuid".to_owned(), json!(spec.image));
            state.vms.insert(spec.uuid, Vm::new(spec.uuid, spec.address, given));
            Ok::<_, Answer>(spec)
        })?;
        let (vmapi, uuid) = (Arc::clone(self), spec.uuid);
        let act = async move {
            vmapi.zones.provision(spec).await.map_err(|error| Chain(&error).to_string())?;
            vmapi.set_phase(uuid, Phase::Made);
            Ok(())
        };
        Ok(self.start_job(JobTask::Provision, uuid, parameters, sync, act).await)
    }

    /// The zone that is asked for, or all that is wrong with it.
    fn judge(
        &self,
        state: &State,
        parameters: &Map<String, Value>,
        image: Option<Uuid>,
    ) -> Result<ZoneSpec, Answer> {
        let mut errors = Vec::new();
        let text = |name: &str| parameters.get(name).filter(|value| !value.is_null());
        let uuid = match text("uuid").map(|uuid| uuid.as_str().and_then(parse_uuid)) {
            None => Some(Uuid::new_v4()),
            Some(None) => {
                errors.push(error("uuid", "Invalid", "Invalid UUID"));
                None
            }
            Some(Some(uuid)) if state.vms.contains_key(&uuid) => {
                errors.push(error("uuid", "Duplicate", "Already exists"));
                None
            }
            Some(Some(uuid)) => Some(uuid),
        };
        let owner = text("owner_uuid").and_then(Value::as_str).unwrap_or_default();
        match text("owner_uuid") {
            None => errors.push(missing_error("owner_uuid")),
            Some(_) if parse_uuid(owner).is_none() => {
                errors.push(error("owner_uuid", "Invalid", "Invalid UUID"));
            }
            Some(_) => {}
        }
        if text("brand").is_none() {
            errors.push(missing_error("brand"));
        }
        let server = self.server(state, text("server_uuid"));
        if server.is_none() {
            errors.push(error("server_uuid", "Invalid", "Server not found"));
        }
        if let Some(alias) = text("alias") {
            errors.extend(alias_error(state, alias, owner, &self.zones));
        }
        match (text("image_uuid"), image) {
            (None, _) => errors.push(missing_error("image_uuid")),
            (Some(_), None) => errors.push(error("image_uuid", "Invalid", "Image not found")),
            (Some(_), Some(_)) => {}
        }
        let alias = text("alias").and_then(Value::as_str).unwrap_or_default().to_owned();
        let role = self.role(image, text("tags"), &alias);
        let address = role.and_then(|role| self.free_address(state, role));
        match (uuid, server, image, role.zip(address)) {
            (Some(uuid), Some(server), Some(image), Some((role, address))) if errors.is_empty() => {
                let shard = alias.split('.').next().and_then(|number| number.parse().ok());
                Ok(ZoneSpec { uuid, alias, role, address, server, image, shard })
            }
            (_, _, _, place) => {
                if errors.is_empty() && place.is_none() {
                    let message = "The lab has no role or address for it";
                    errors.push(error("image_uuid", "Invalid", message));
                }
                Err(validation(MESSAGE, Value::Array(errors)))
            }
        }
    }

    /// The server that is asked for; else that with the fewest zones.
    fn server(&self, state: &State, asked: Option<&Value>) -> Option<Uuid> {
        let servers = &self.zones.layout().servers;
        if let Some(asked) = asked {
            let asked = asked.as_str().and_then(parse_uuid)?;
            return servers.iter().any(|server| server.uuid == asked).then_some(asked);
        }
        let zones = |server: Uuid| {
            let server = server.to_string();
            state.vms.values().filter(|vm| vm.text("server_uuid") == Some(&server)).count()
        };
        servers.iter().map(|server| server.uuid).min_by_key(|server| zones(*server))
    }

    /// The purpose of the zone: its image tells, else its tag, else its alias.
    fn role(&self, image: Option<Uuid>, tags: Option<&Value>, alias: &str) -> Option<Role> {
        let images = &self.zones.layout().images;
        let by_image = images.iter().find(|known| Some(known.uuid) == image);
        let tag = tags.and_then(|tags| tags.get("manta_role")).and_then(Value::as_str);
        let service = alias.split('.').find(|part| part.parse::<u32>().is_err());
        let named = |name: &str| images.iter().find(|known| known.role.service() == name);
        by_image
            .or_else(|| tag.and_then(named))
            .or_else(|| service.and_then(named))
            .map(|it| it.role)
    }

    /// An address that neither a zone has, nor one that is about to be made.
    fn free_address(&self, state: &State, role: Role) -> Option<std::net::Ipv4Addr> {
        let promised = state.vms.values().filter(|vm| vm.phase == Phase::Provisioning);
        let promised = promised
            .filter_map(|vm| vm.members.get("nics")?.get(0)?.get("ip")?.as_str()?.parse().ok());
        self.zones.next_address(role, promised).ok()
    }

    /// Tells whether an image can be provisioned: it is a service's of this lab, or IMGAPI has it.
    pub(super) async fn has_image(&self, image: Uuid) -> bool {
        if self.zones.layout().images.iter().any(|known| known.uuid == image) {
            return true;
        }
        let Some(imgapi) = &self.options.imgapi else { return false };
        let url = format!("{}/images/{image}", imgapi.trim_end_matches('/'));
        let answer = self.client.get(url).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    pub(super) fn after_failure(&self, task: JobTask, vm: Uuid) {
        if task == JobTask::Provision {
            self.set_phase(vm, Phase::Failed);
        }
    }

    fn set_phase(&self, uuid: Uuid, phase: Phase) {
        self.change(|state| {
            if let Some(vm) = state.vms.get_mut(&uuid) {
                vm.phase = phase;
            }
        });
    }
}

/// The fault in an alias. Another VM of the owner has it, or the very VM that is to get it.
pub(super) fn alias_error(
    state: &State,
    alias: &Value,
    owner: &str,
    zones: &Zones,
) -> Option<Value> {
    let invalid = || error("alias", "Invalid", "Invalid alias");
    let Some(alias) = alias.as_str() else { return Some(invalid()) };
    let mut letters = alias.chars();
    let plain = letters.next().is_some_and(|letter| letter.is_ascii_alphanumeric())
        && letters
            .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-'));
    if !plain || alias.len() > ALIAS_LENGTH {
        return Some(invalid());
    }
    let taken = state.vms.values().any(|vm| {
        vm.text("alias") == Some(alias)
            && vm.text("owner_uuid") == Some(owner)
            && !matches!(vm.states(zones).0, "destroyed" | "failed")
    });
    taken.then(duplicate_alias)
}

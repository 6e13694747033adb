//! `POST /vms/UUID?action=…` and `DELETE /vms/UUID`.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::http::{Answer, ApiRequest, Merge};
use super::answers::{self, validation};
use super::jobs::JobTask;
use super::provision::alias_error;
use super::vm::{Phase, Vm};
use super::{State, Vmapi, parse_uuid};
use crate::causes::Chain;
use crate::messages::ZoneState;
use crate::zones::Zones;

/// The members that `update` can change.
const UPDATABLE: [&str; 18] = [
    "alias",
    "autoboot",
    "billing_id",
    "cpu_cap",
    "cpu_shares",
    "customer_metadata",
    "firewall_enabled",
    "internal_metadata",
    "limit_priv",
    "max_locked_memory",
    "max_lwps",
    "max_physical_memory",
    "max_swap",
    "quota",
    "ram",
    "resolvers",
    "tags",
    "zfs_io_priority",
];

const UPDATE: &str = "Invalid VM update parameters";
const REPROVISION: &str = "Invalid VM reprovision parameters";

/// The brands whose zones can be reprovisioned.
const REPROVISIONABLE: [&str; 3] = ["joyent", "joyent-minimal", "lx"];

impl Vmapi {
    pub(super) async fn update_vm(
        self: &Arc<Self>,
        request: &ApiRequest,
    ) -> Result<Answer, Answer> {
        let vm = self.find(request)?;
        let parameters = request.merged(Merge::BodyWins);
        let action = match parameters.get("action") {
            None | Some(Value::Null) => return Err(answers::missing("action")),
            Some(action) => action.as_str().unwrap_or_default(),
        };
        let task = match action {
            "update" => JobTask::Update,
            "reprovision" => JobTask::Reprovision,
            "start" => JobTask::Start,
            "stop" => JobTask::Stop,
            "reboot" => JobTask::Reboot,
            "kill" => JobTask::Kill,
            _ => return Err(answers::invalid("action", "Invalid action")),
        };
        let sync = is_sync(&parameters)?;
        refuse_unallocated(&vm)?;
        match task {
            JobTask::Update => self.update(&vm, &parameters, sync).await,
            JobTask::Reprovision => self.reprovision(&vm, &parameters, sync).await,
            JobTask::Start
            | JobTask::Stop
            | JobTask::Reboot
            | JobTask::Kill
            | JobTask::Provision
            | JobTask::Destroy => self.switch(task, &vm, &parameters, sync).await,
        }
    }

    pub(super) async fn delete_vm(
        self: &Arc<Self>,
        request: &ApiRequest,
    ) -> Result<Answer, Answer> {
        let vm = self.find(request)?;
        let sync = is_sync(&request.merged(Merge::BodyWins))?;
        let (vmapi, uuid) = (Arc::clone(self), vm.uuid);
        let act = async move {
            vmapi.must_exist(uuid)?;
            match vmapi.zones.destroy(uuid).await {
                // It was never made.
                Ok(()) | Err(crate::zones::ZoneError::Unknown { .. }) => {}
                Err(error) => return Err(Chain(&error).to_string()),
            }
            vmapi.change(|state| {
                if let Some(vm) = state.vms.get_mut(&uuid) {
                    vm.destroyed();
                }
            });
            Ok(())
        };
        Ok(self.start_job(JobTask::Destroy, uuid, Map::new(), sync, act).await)
    }

    async fn update(
        self: &Arc<Self>,
        vm: &Vm,
        parameters: &Map<String, Value>,
        sync: bool,
    ) -> Result<Answer, Answer> {
        let payload: Map<String, Value> = parameters
            .iter()
            .filter(|(name, _)| UPDATABLE.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if payload.is_empty() {
            return Err(validation("No VM parameters provided", json!([])));
        }
        if let Some(alias) = payload.get("alias") {
            let owner = vm.text("owner_uuid").unwrap_or_default();
            if let Some(error) = alias_error(&self.state(), alias, owner, &self.zones) {
                return Err(validation(UPDATE, json!([error])));
            }
        }
        let (vmapi, uuid, changes) = (Arc::clone(self), vm.uuid, payload.clone());
        let act = async move {
            vmapi.must_exist(uuid)?;
            if let Some(alias) = changes.get("alias").and_then(Value::as_str) {
                vmapi.zones.set_alias(uuid, alias).map_err(|error| Chain(&error).to_string())?;
            }
            vmapi.change_vm(uuid, changes);
            Ok(())
        };
        Ok(self.start_job(JobTask::Update, vm.uuid, payload, sync, act).await)
    }

    async fn reprovision(
        self: &Arc<Self>,
        vm: &Vm,
        parameters: &Map<String, Value>,
        sync: bool,
    ) -> Result<Answer, Answer> {
        let image = match parameters.get("image_uuid") {
            None | Some(Value::Null) => {
                return Err(validation(REPROVISION, json!([answers::missing_error("image_uuid")])));
            }
            Some(image) => image.as_str().and_then(parse_uuid),
        };
        let image = match image {
            Some(image) if self.has_image(image).await => image,
            _ => {
                let error =
                    answers::error("image_uuid", "Invalid", "image_uuid is not a valid image");
                return Err(validation(REPROVISION, json!([error])));
            }
        };
        let brand = vm.text("brand").unwrap_or_default();
        if !REPROVISIONABLE.contains(&brand) {
            let message = format!("Reprovision is not supported for VMs of brand \"{brand}\"");
            let status = hyper::StatusCode::CONFLICT;
            return Err(Answer::error(status, "BrandNotSupported", message));
        }
        let (vmapi, uuid) = (Arc::clone(self), vm.uuid);
        let act = async move {
            vmapi.must_exist(uuid)?;
            vmapi
                .zones
                .reprovision(uuid, image)
                .await
                .map_err(|error| Chain(&error).to_string())?;
            vmapi.change_vm(uuid, [("image_uuid".to_owned(), json!(image))].into_iter().collect());
            Ok(())
        };
        let payload = [("image_uuid".to_owned(), json!(image))].into_iter().collect();
        Ok(self.start_job(JobTask::Reprovision, vm.uuid, payload, sync, act).await)
    }

    /// `start`, `stop`, `reboot`, `kill`: whether the zone is in the state for it, the job finds out.
    async fn switch(
        self: &Arc<Self>,
        task: JobTask,
        vm: &Vm,
        parameters: &Map<String, Value>,
        sync: bool,
    ) -> Result<Answer, Answer> {
        let idempotent = match parameters.get("idempotent") {
            None => false,
            Some(Value::Bool(true)) => true,
            Some(Value::String(text)) if text == "true" => true,
            Some(_) => return Err(answers::invalid("idempotent", "Must be true or absent")),
        };
        let (vmapi, uuid) = (Arc::clone(self), vm.uuid);
        let act = async move {
            vmapi.must_exist(uuid)?;
            switched(&vmapi.zones, task, uuid, idempotent).await
        };
        Ok(self.start_job(task, vm.uuid, Map::new(), sync, act).await)
    }

    fn must_exist(&self, vm: Uuid) -> Result<(), String> {
        let phase = self.state().vms.get(&vm).map(|vm| vm.phase);
        match phase {
            None | Some(Phase::Destroyed) => Err(format!("{vm}: No such zone configured")),
            Some(Phase::Provisioning | Phase::Made | Phase::Failed) => Ok(()),
        }
    }

    fn change_vm(&self, uuid: Uuid, changes: Map<String, Value>) {
        self.change(|state: &mut State| {
            if let Some(vm) = state.vms.get_mut(&uuid) {
                vm.update(changes);
            }
        });
    }
}

async fn switched(
    zones: &Zones,
    task: JobTask,
    uuid: Uuid,
    idempotent: bool,
) -> Result<(), String> {
    let state = zones.status(uuid).map_err(|error| Chain(&error).to_string())?.state;
    let runs = state == ZoneState::Running;
    let outcome = match (task, runs) {
        (JobTask::Start, true) | (JobTask::Stop | JobTask::Kill, false) if idempotent => Ok(()),
        (JobTask::Start, true) => return Err("VM is already running".to_owned()),
        (JobTask::Stop | JobTask::Kill | JobTask::Reboot, false) => {
            return Err("VM is not running".to_owned());
        }
        (JobTask::Start, false) => zones.boot(uuid).await,
        (JobTask::Stop, true) => zones.halt(uuid).await,
        (JobTask::Kill, true) => zones.kill_zone(uuid).await,
        (_, _) => zones.reboot(uuid).await,
    };
    outcome.map_err(|error| Chain(&error).to_string())
}

/// `sync` holds the answer until the job is over. It has to be text.
pub(super) fn is_sync(parameters: &Map<String, Value>) -> Result<bool, Answer> {
    match parameters.get("sync") {
        None => Ok(false),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(answers::invalid("sync", "Must be \"true\" or \"false\"")),
    }
}

fn refuse_unallocated(vm: &Vm) -> Result<(), Answer> {
    if vm.phase != Phase::Provisioning {
        return Ok(());
    }
    let message = format!("VM {} is not allocated to a server yet", vm.uuid);
    Err(Answer::error(hyper::StatusCode::CONFLICT, "UnallocatedVM", message))
}

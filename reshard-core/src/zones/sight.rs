//! The sight of a zone: what is there of it.

use sapi_client::sapi::Instance;
use sapi_client::vmapi::{Vm, VmState};
use sapi_client::{Error, InstanceUuid};
use serde_json::Value;

use super::{PLAN_TAG, ZoneError};
use crate::deployment::Deployment;

/// SAPI's and VMAPI's knowledge of a zone.
#[derive(Clone, Debug, PartialEq)]
pub enum ZoneStatus {
    /// Nothing: it was never made, or it is destroyed and gone.
    Absent,
    /// SAPI has an instance, VMAPI no zone: it is about to be asked for, or never will be.
    InstanceOnly,
    /// VMAPI has a zone, SAPI no instance.
    ZoneOnly,
    /// The zone is being made, or boots.
    BeingMade,
    /// The zone runs, at this primary address.
    Running(String),
    /// The zone does not run.
    Stopped(String),
    /// Making the zone failed, or it was destroyed; SAPI still has its instance. The UUID is used up.
    Failed,
}

pub(super) struct Found {
    pub(super) instance: Option<Instance>,
    pub(super) vm: Option<Vm>,
}

/// Looks at what there is of a zone.
///
/// # Errors
///
/// [`ZoneError`]
pub async fn look(
    deployment: &Deployment,
    datacenter: &str,
    zone: InstanceUuid,
) -> Result<ZoneStatus, ZoneError> {
    Ok(find(deployment, datacenter, zone).await?.sight())
}

pub(super) async fn find(
    deployment: &Deployment,
    datacenter: &str,
    zone: InstanceUuid,
) -> Result<Found, ZoneError> {
    let datacenter = deployment.datacenter(datacenter);
    let datacenter = datacenter.map_err(|source| ZoneError::Datacenter { zone, source })?;
    let failed = |source| ZoneError::Call { doing: "look at", zone, source };
    let (instance, vm) =
        tokio::join!(datacenter.sapi.get_instance(zone), datacenter.vmapi.get_vm(zone));
    Ok(Found { instance: known(instance).map_err(failed)?, vm: known(vm).map_err(failed)? })
}

fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Found {
    pub(super) fn sight(&self) -> ZoneStatus {
        let Some(vm) = &self.vm else {
            return if self.instance.is_some() {
                ZoneStatus::InstanceOnly
            } else {
                ZoneStatus::Absent
            };
        };
        if !vm.exists() {
            // A failed zone without an instance has nothing left to destroy by.
            return if self.instance.is_some() { ZoneStatus::Failed } else { ZoneStatus::Absent };
        }
        if self.instance.is_none() {
            return ZoneStatus::ZoneOnly;
        }
        match (&vm.state, vm.primary_ip()) {
            (Some(VmState::Running), Some(address)) => ZoneStatus::Running(address.to_owned()),
            (Some(VmState::Stopped), _) => ZoneStatus::Stopped("stopped".to_owned()),
            _ => ZoneStatus::BeingMade,
        }
    }

    /// The plan that the zone belongs to. SAPI's tag tells: `tidy-metadata` takes it off when the zone is handed over, and VMAPI
    /// keeps its copy for good. VMAPI's counts only where SAPI has no instance, and so nothing was handed over.
    pub(super) fn plan(&self) -> Option<&str> {
        match (&self.instance, &self.vm) {
            (Some(instance), _) => plan_of(instance),
            (None, Some(vm)) => vm.tags.get(PLAN_TAG).and_then(Value::as_str),
            (None, None) => None,
        }
    }
}

/// The plan whose tag an instance has in SAPI.
pub fn plan_of(instance: &Instance) -> Option<&str> {
    instance.params.as_ref()?.get("tags")?.get(PLAN_TAG)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ZONE: &str = "8a1d0b7e-7b1f-4b6e-9a41-6f3d7f0e2b55";

    fn found(in_sapi: Option<Value>, in_vmapi: Option<Value>) -> Found {
        let service = "3d0e5c1a-7b1f-4b6e-9a41-6f3d7f0e2b55";
        let instance = in_sapi.map(|tags| {
            let instance = json!({"uuid": ZONE, "service_uuid": service, "params": {"tags": tags}});
            serde_json::from_value(instance).unwrap()
        });
        let vm = in_vmapi.map(|tags| {
            serde_json::from_value(json!({"uuid": ZONE, "state": "running", "tags": tags})).unwrap()
        });
        Found { instance, vm }
    }

    #[test]
    fn what_was_handed_over_belongs_to_no_plan_whatever_vmapi_remembers() {
        let (tagged, bare) = (json!({PLAN_TAG: "p"}), json!({"manta_role": "postgres"}));
        let plan = |in_sapi: Option<&Value>, in_vmapi: Option<&Value>| {
            found(in_sapi.cloned(), in_vmapi.cloned()).plan().map(str::to_owned)
        };
        assert_eq!(plan(Some(&tagged), Some(&tagged)).as_deref(), Some("p"));
        assert_eq!(plan(Some(&bare), Some(&tagged)), None, "tidy took it off");
        assert_eq!(plan(None, Some(&tagged)).as_deref(), Some("p"), "half made");
        assert_eq!(plan(Some(&tagged), None).as_deref(), Some("p"), "half made");
        assert_eq!(plan(None, Some(&bare)), None);
    }
}

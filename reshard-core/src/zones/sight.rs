//! What is there of a zone.

use sapi_client::sapi::Instance;
use sapi_client::vmapi::{Vm, VmState};
use sapi_client::{Error, InstanceUuid};

use super::ZoneError;
use crate::deployment::Deployment;

/// What SAPI and VMAPI know of a zone.
#[derive(Clone, Debug, PartialEq)]
pub enum ZoneSight {
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
    Spent,
}

pub(super) struct Found {
    pub(super) instance: Option<Instance>,
    pub(super) vm: Option<Vm>,
}

/// What there is of a zone.
///
/// # Errors
///
/// [`ZoneError`]
pub async fn look(
    deployment: &Deployment,
    datacenter: &str,
    zone: InstanceUuid,
) -> Result<ZoneSight, ZoneError> {
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
    pub(super) fn sight(&self) -> ZoneSight {
        let Some(vm) = &self.vm else {
            return if self.instance.is_some() {
                ZoneSight::InstanceOnly
            } else {
                ZoneSight::Absent
            };
        };
        if !vm.exists() {
            // A failed zone without an instance has nothing left to destroy by.
            return if self.instance.is_some() { ZoneSight::Spent } else { ZoneSight::Absent };
        }
        if self.instance.is_none() {
            return ZoneSight::ZoneOnly;
        }
        match (&vm.state, vm.primary_ip()) {
            (Some(VmState::Running), Some(address)) => ZoneSight::Running(address.to_owned()),
            (Some(VmState::Stopped), _) => ZoneSight::Stopped("stopped".to_owned()),
            _ => ZoneSight::BeingMade,
        }
    }

    /// The value of a tag, as SAPI or else VMAPI has it.
    pub(super) fn tag(&self, name: &str) -> Option<String> {
        let params = self.instance.as_ref().and_then(|instance| instance.params.as_ref());
        let in_sapi = params.and_then(|params| params.get("tags")).and_then(|tags| tags.get(name));
        let in_vmapi = self.vm.as_ref().and_then(|vm| vm.tags.get(name));
        in_sapi.or(in_vmapi).and_then(|value| value.as_str()).map(str::to_owned)
    }
}

//! The electric-moray zones that there are.

use futures_util::future::try_join_all;
use sapi_client::sapi::{InstanceFilter, ServiceFilter};
use sapi_client::vmapi::{Vm, VmState};
use serde::{Deserialize, Serialize};

use super::RouterError;
use crate::deployment::{Deployment, ZonePlace};
use crate::hint::{Operation, hint};

/// The name of SAPI's service.
const SERVICE: &str = "electric-moray";

/// An electric-moray zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Its place.
    #[serde(flatten)]
    pub place: ZonePlace,
    /// Its alias.
    pub alias: String,
    /// Its address.
    pub ip: String,
    /// True if it ran when it was looked for.
    pub running: bool,
}

/// All electric-moray zones, as SAPI and VMAPI know them. They need not run.
///
/// # Errors
///
/// [`RouterError`]: one of the APIs, or an instance of SAPI without a zone.
pub async fn list_routers(deployment: &Deployment) -> Result<Vec<Router>, RouterError> {
    let sapi = deployment.sapi()?;
    let manta = sapi.find_manta().await?;
    let filter = ServiceFilter {
        name: Some(SERVICE.to_owned()),
        application_uuid: Some(manta.uuid()),
        include_master: true,
        ..ServiceFilter::default()
    };
    let services = sapi.list_services(&filter).await?;
    let [service] = services.as_slice() else {
        let count = services.len();
        return Err(RouterError::Unexpected {
            what: format!("SAPI has {count} services named {SERVICE} of the application manta"),
            remedy: hint!(
                "see `sdc-sapi /services?name=electric-moray`: there has to be one; then ",
                Operation::Resume
            ),
        });
    };
    let filter = InstanceFilter {
        service_uuid: Some(service.uuid),
        include_master: true,
        ..InstanceFilter::default()
    };
    let instances = sapi.list_instances(&filter).await?;
    let routers = instances.into_iter().map(|instance| async move {
        let uuid = instance.uuid;
        let odd = |what: &str| RouterError::Unexpected {
            what: format!("the electric-moray instance {uuid} has {what}"),
            remedy: hint!(
                format!("see `sdc-sapi /instances/{uuid}`: put it right, or delete it; then "),
                Operation::Resume
            ),
        };
        let metadata = instance.metadata.as_ref();
        let datacenter = metadata.and_then(|metadata| metadata.text("DATACENTER"));
        let datacenter = datacenter.ok_or_else(|| odd("no metadata DATACENTER"))?;
        let vm = match deployment.datacenter(datacenter)?.vmapi.get_vm(uuid).await {
            Ok(vm) if vm.exists() => vm,
            Ok(_) => return Err(odd("no zone any more")),
            Err(error) if error.is_not_found() => return Err(odd("no zone that VMAPI knows")),
            Err(error) => return Err(error.into()),
        };
        let server = vm.server_uuid.ok_or_else(|| odd("a zone without a server"))?;
        let place = ZonePlace { zone: uuid, server, datacenter: datacenter.to_owned() };
        let ip = vm.primary_ip().ok_or_else(|| odd("a zone without an address"))?.to_owned();
        let running = runs(&vm);
        Ok(Router { place, alias: vm.alias.unwrap_or_default(), ip, running })
    });
    let mut routers = try_join_all(routers).await?;
    if routers.is_empty() {
        return Err(RouterError::Unexpected {
            what: "SAPI has no instance of electric-moray".to_owned(),
            remedy: hint!(
                "provision an electric-moray zone, in which a ring can be installed; then ",
                Operation::Resume
            ),
        });
    }
    routers.sort_by(|a, b| a.alias.cmp(&b.alias));
    Ok(routers)
}

/// Tells whether the zone runs; `None` if there is no such zone any more.
///
/// # Errors
///
/// [`RouterError`]
pub async fn is_running(
    deployment: &Deployment,
    router: &Router,
) -> Result<Option<bool>, RouterError> {
    let vmapi = &deployment.datacenter(&router.place.datacenter)?.vmapi;
    match vmapi.get_vm(router.place.zone).await {
        Ok(vm) if vm.exists() => Ok(Some(runs(&vm))),
        Ok(_) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn runs(vm: &Vm) -> bool {
    vm.state == Some(VmState::Running)
}

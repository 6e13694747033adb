//! The zones of a shard: SAPI's instances with what VMAPI knows better.

use crate::http::Transport;
use crate::http::error::Error;
use crate::ids::{ApplicationUuid, ImageUuid, InstanceUuid, ServerUuid};
use crate::sapi::{Instance, InstanceFilter, Sapi, ServiceFilter};
use crate::vmapi::{Vm, Vmapi};

/// A zone of a shard: one of its peers, or one of its morays.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// Its instance.
    pub instance: Instance,
    /// Its zone.
    pub vm: Vm,
    /// The zone's datacenter.
    pub datacenter: String,
    /// The image that it runs, which SAPI forgets at the first reprovisioning.
    pub image: ImageUuid,
    /// The server that it is on, which SAPI forgets at the first migration.
    pub server: ServerUuid,
}

/// The zones of a shard could not be found, or are not as they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeersError {
    /// There is not one service of the name.
    #[error("the application {application} has {count} services named {name}, not one")]
    NotOneService {
        /// The application.
        application: ApplicationUuid,
        /// The service's name.
        name: String,
        /// The number of them.
        count: usize,
    },
    /// An instance does not say where it is.
    #[error("the instance {0} has no metadata DATACENTER")]
    NoDatacenter(InstanceUuid),
    /// An instance is in a datacenter for which there is no VMAPI.
    #[error(
        "the instance {instance} is in the datacenter {datacenter:?}, whose VMAPI is not known here"
    )]
    UnknownDatacenter {
        /// The instance.
        instance: InstanceUuid,
        /// Its datacenter.
        datacenter: String,
    },
    /// SAPI has an instance whose zone is gone.
    #[error(
        "the instance {0} has no zone any more: VMAPI does not know it, or knows that it was destroyed"
    )]
    NoZone(InstanceUuid),
    /// VMAPI knows no image or server of the zone; it is being made, perhaps.
    #[error("the zone {instance} has no {what} in VMAPI")]
    Incomplete {
        /// The instance.
        instance: InstanceUuid,
        /// The missing part.
        what: &'static str,
    },
    /// SAPI or VMAPI could not be asked.
    #[error("cannot find the zones of {service_name}")]
    Call {
        /// The shard's name.
        service_name: String,
        /// The cause.
        source: Error,
    },
}

/// The zones of one service in one shard, in all datacenters.
///
/// `service` is `postgres` or `moray`; `service_name` is the shard's name, such as `1.moray.coal.joyent.us`, which both
/// have in their metadata. `vmapi` gives the VMAPI of a datacenter. Image and server are VMAPI's.
///
/// # Errors
///
/// [`PeersError`]; an instance without a zone is an error, and not left out.
pub async fn find_peers<'a, S: Transport, V: Transport + 'a>(
    sapi: &Sapi<S>,
    vmapi: impl Fn(&str) -> Option<&'a Vmapi<V>>,
    application: ApplicationUuid,
    service: &str,
    service_name: &str,
) -> Result<Vec<Peer>, PeersError> {
    let failed = |source| PeersError::Call { service_name: service_name.to_owned(), source };
    let filter = ServiceFilter {
        name: Some(service.to_owned()),
        application_uuid: Some(application),
        include_master: true,
        ..ServiceFilter::default()
    };
    let services = sapi.list_services(&filter).await.map_err(failed)?;
    let [only] = services.as_slice() else {
        let (name, count) = (service.to_owned(), services.len());
        return Err(PeersError::NotOneService { application, name, count });
    };
    let filter = InstanceFilter {
        service_uuid: Some(only.uuid),
        include_master: true,
        ..InstanceFilter::default()
    };
    let mut peers = Vec::new();
    for instance in sapi.list_instances(&filter).await.map_err(failed)? {
        let text = |key| instance.metadata.as_ref().and_then(|metadata| metadata.text(key));
        if text("SERVICE_NAME") != Some(service_name) {
            continue;
        }
        let uuid = instance.uuid;
        let datacenter = text("DATACENTER").ok_or(PeersError::NoDatacenter(uuid))?.to_owned();
        let unknown =
            || PeersError::UnknownDatacenter { instance: uuid, datacenter: datacenter.clone() };
        let vm = match vmapi(&datacenter).ok_or_else(unknown)?.get_vm(uuid).await {
            Ok(vm) if vm.exists() => vm,
            Ok(_) => return Err(PeersError::NoZone(uuid)),
            Err(error) if error.is_not_found() => return Err(PeersError::NoZone(uuid)),
            Err(error) => return Err(failed(error)),
        };
        let incomplete = |what| PeersError::Incomplete { instance: uuid, what };
        let image = vm.image_uuid.ok_or_else(|| incomplete("image"))?;
        let server = vm.server_uuid.ok_or_else(|| incomplete("server"))?;
        peers.push(Peer { instance, vm, datacenter, image, server });
    }
    Ok(peers)
}

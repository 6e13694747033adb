//! Zones, in SAPI and in VMAPI.

use futures_util::StreamExt;
use futures_util::future::join_all;
use sapi_client::manta::{INDEX_MORAY_SHARDS, MantaApplication};
use sapi_client::sapi::{Instance, InstanceFilter};
use sapi_client::vmapi::Vm;
use sapi_client::{Attributes, InstanceUuid};

use super::{DEADLINE, Found, Unseen, asking, why, within};
use crate::clock::Clock;
use crate::deployment::{Deployment, ZonePlace};
use crate::inventory::{AT_ONCE, RouterProbe, manta_services, probe_router, router_name};
use crate::morays::{MorayProcess, moray_processes, pending_writes};
use crate::preflight::Subject;

/// Manta's zones.
pub(in crate::preflight) struct Zones {
    /// The source's zones and the routers.
    pub(in crate::preflight) seen: Vec<ZoneSeen>,
    /// The names of all shards' zones.
    pub(in crate::preflight) names: Vec<Named>,
    /// The places where the metadata that routers read of the application is overridden.
    pub(in crate::preflight) overrides: Vec<Override>,
}

/// The metadata that the routers read of the application `manta`, and plans change or go by there.
const ROUTERS_READ: [&str; 3] = [INDEX_MORAY_SHARDS, "HASH_RING_IMAGE", "HASH_RING_IMGAPI_SERVICE"];

/// Metadata of the application that a service or an instance has too: SAPI gives zones that one.
pub(in crate::preflight) struct Override {
    /// The service or instance that has it: `the service electric-moray`.
    pub(in crate::preflight) at: String,
    /// Its path in SAPI: `/services/…`.
    pub(in crate::preflight) path: String,
    /// The metadata's name.
    pub(in crate::preflight) key: &'static str,
}

/// The overrides in this metadata. A `null` overrides too.
fn overrides(metadata: Option<&Attributes>, at: &str, path: &str) -> Vec<Override> {
    let has = |key: &&&str| metadata.is_some_and(|metadata| metadata.get(key).is_some());
    let (at, path) = (|| at.to_owned(), || path.to_owned());
    ROUTERS_READ.iter().filter(has).map(|key| Override { at: at(), path: path(), key }).collect()
}

/// A zone of a shard, by name.
pub(in crate::preflight) struct Named {
    pub(in crate::preflight) uuid: InstanceUuid,
    pub(in crate::preflight) service_name: String,
}

/// The purpose of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::preflight) enum ZoneKind {
    /// A peer of the source.
    Postgres,
    /// A Moray of the source.
    Moray,
    /// An electric-moray.
    Router,
}

/// A zone.
pub(in crate::preflight) struct ZoneSeen {
    pub(in crate::preflight) kind: ZoneKind,
    pub(in crate::preflight) instance: Instance,
    pub(in crate::preflight) datacenter: Option<String>,
    /// VMAPI's record; absent where it does not know the zone.
    pub(in crate::preflight) vm: Found<Option<Vm>>,
}

impl ZoneSeen {
    /// Its alias, or its UUID.
    pub(in crate::preflight) fn label(&self) -> String {
        let alias = self.vm.as_ref().ok().and_then(|vm| vm.as_ref()?.alias.clone());
        alias.unwrap_or_else(|| self.instance.uuid.to_string())
    }

    /// Its address.
    fn ip(&self) -> Result<&str, String> {
        let ip = self.vm.as_ref().ok().and_then(|vm| vm.as_ref()?.primary_ip());
        ip.ok_or_else(|| "VMAPI does not know its address".to_owned())
    }

    /// Its place, as VMAPI knows.
    pub(in crate::preflight) fn place(&self) -> Found<ZonePlace> {
        let vm = self.vm.as_ref().map_err(Unseen::clone)?.as_ref();
        let place = vm.and_then(|vm| {
            let (zone, server) = (vm.uuid, vm.server_uuid?);
            Some(ZonePlace { zone, server, datacenter: self.datacenter.clone()? })
        });
        place.ok_or_else(|| "VMAPI does not say where it is".into())
    }
}

/// An electric-moray zone and what is in it.
pub(in crate::preflight) struct RouterSeen {
    pub(in crate::preflight) label: String,
    pub(in crate::preflight) zone: InstanceUuid,
    pub(in crate::preflight) probe: Found<RouterProbe>,
}

pub(super) async fn look(
    deployment: &Deployment,
    manta: &MantaApplication,
    subject: &Subject,
) -> Found<Zones> {
    let sapi = deployment.sapi().map_err(why)?;
    let listing = async { manta_services(deployment, manta).await.map_err(why) };
    let services = asking(sapi.client(), listing).await?;
    let router = router_name(manta).map_err(why)?;
    let wanted = [
        ("postgres", ZoneKind::Postgres, subject.source.as_str()),
        ("moray", ZoneKind::Moray, subject.source.as_str()),
        ("electric-moray", ZoneKind::Router, router.as_str()),
    ];
    let (mut names, mut found, mut overriding) = (Vec::new(), Vec::new(), Vec::new());
    for (service, kind, of) in wanted {
        let named = services.iter().filter(|one| one.name.as_deref() == Some(service));
        for service in named {
            let is_router = kind == ZoneKind::Router;
            if is_router {
                let path = format!("/services/{}", service.uuid);
                let metadata = service.metadata.as_ref();
                overriding.extend(overrides(metadata, "the service electric-moray", &path));
            }
            let filter = InstanceFilter {
                service_uuid: Some(service.uuid),
                include_master: true,
                ..InstanceFilter::default()
            };
            let listing = async { sapi.list_instances(&filter).await.map_err(why) };
            for instance in asking(sapi.client(), listing).await? {
                if is_router {
                    let (at, path) = ("an instance of electric-moray", instance.uuid);
                    let path = format!("/instances/{path}");
                    overriding.extend(overrides(instance.metadata.as_ref(), at, &path));
                }
                let text = |key| instance.metadata.as_ref()?.text(key).map(str::to_owned);
                let service_name = text("SERVICE_NAME").unwrap_or_default();
                if service_name == of {
                    found.push((kind, text("DATACENTER"), instance.clone()));
                }
                names.push(Named { uuid: instance.uuid, service_name });
            }
        }
    }
    let looking = found.into_iter().map(|(kind, datacenter, instance)| async move {
        let vm = vm(deployment, datacenter.as_deref(), instance.uuid).await;
        ZoneSeen { kind, instance, datacenter, vm }
    });
    Ok(Zones { seen: join_all(looking).await, names, overrides: overriding })
}

async fn vm(
    deployment: &Deployment,
    datacenter: Option<&str>,
    uuid: InstanceUuid,
) -> Found<Option<Vm>> {
    let datacenter = datacenter.ok_or("its instance has no metadata DATACENTER")?;
    let vmapi = &deployment.datacenter(datacenter).map_err(why)?.vmapi;
    let look = async {
        match vmapi.get_vm(uuid).await {
            Ok(vm) => Ok(Some(vm)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(why(error)),
        }
    };
    asking(vmapi.client(), look).await
}

/// The source's Moray processes, by zone, and whether each tells its requests.
pub(in crate::preflight) type Morays = Vec<(String, Found<Vec<(MorayProcess, Found<()>)>>)>;

pub(super) async fn look_at_morays(deployment: &Deployment, zones: &Found<Zones>) -> Found<Morays> {
    let zones = zones.as_ref().map_err(Unseen::clone)?;
    let morays = zones.seen.iter().filter(|zone| zone.kind == ZoneKind::Moray);
    let looking = morays.map(|zone| async move {
        let look = async {
            let place = zone.place()?;
            let processes = moray_processes(deployment, &place, zone.ip()?).await.map_err(why)?;
            let asking = processes.into_iter().map(|process| async move {
                let told = match &process.kang {
                    Some(url) => pending_writes(deployment, url).await.map(drop).map_err(why),
                    None => Err("it has no kang".into()),
                };
                (process, told)
            });
            Ok(join_all(asking).await)
        };
        (zone.label(), within("the zone", DEADLINE, look).await)
    });
    Ok(join_all(looking).await)
}

pub(super) async fn look_at_routers(
    deployment: &Deployment,
    zones: &Found<Zones>,
    clock: &dyn Clock,
) -> Found<Vec<RouterSeen>> {
    let zones = zones.as_ref().map_err(Unseen::clone)?;
    let mut looking = Vec::new();
    for zone in &zones.seen {
        if zone.kind == ZoneKind::Router {
            looking.push(look_at_router(deployment, zone, clock));
        }
    }
    Ok(futures_util::stream::iter(looking).buffered(AT_ONCE).collect().await)
}

async fn look_at_router(deployment: &Deployment, zone: &ZoneSeen, clock: &dyn Clock) -> RouterSeen {
    let look = async {
        let place = zone.place()?;
        probe_router(deployment, &place, zone.ip()?, clock).await.map_err(why)
    };
    let uuid = zone.instance.uuid;
    RouterSeen { label: zone.label(), zone: uuid, probe: within("the zone", DEADLINE, look).await }
}

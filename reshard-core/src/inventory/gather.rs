//! Reading the inventory. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use manatee_client::{Shard, ShardName};
use sapi_client::manta::{self, MantaApplication};
use sapi_client::sapi::{InstanceFilter, Service, ServiceFilter};
use sapi_client::{Attributes, ServiceUuid};
use serde_json::Value;

use super::shard::{zone_facts, zones_of};
use super::{Inventory, InventoryError, RingFacts, Services, ring, routers, servers, shard};
use crate::clock::Clock;
use crate::deployment::Deployment;
use crate::reservation::reserved_names;

/// Reads everything that a plan for this source depends on. The ring's image is kept in the directory `cache`, so that it is
/// downloaded once; `on_progress` is told what is read.
///
/// VMAPI's answer counts for a zone's alias, image, server and address, for SAPI forgets. Rows are not counted: that is
/// [`Inventory::measurement`], which stays empty.
///
/// # Errors
///
/// [`InventoryError`] says what could not be read, or makes no sense.
pub async fn gather(
    deployment: &Deployment,
    source: &ShardName,
    cache: &Path,
    clock: &dyn Clock,
    on_progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Inventory, InventoryError> {
    // The growth takes its time, in which the rest is read.
    let (mut inventory, growth) = tokio::try_join!(
        Box::pin(read(deployment, source, cache, clock, on_progress)),
        shard::wal_growth(deployment, source, clock),
    )?;
    if let Some(facts) = inventory.shards.get_mut(source) {
        facts.wal_bytes_per_second = growth;
    }
    Ok(inventory)
}

/// All but the growth of the source.
async fn read(
    deployment: &Deployment,
    source: &ShardName,
    cache: &Path,
    clock: &dyn Clock,
    on_progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Inventory, InventoryError> {
    let taken = clock.now();
    on_progress("the application manta");
    let manta = deployment.sapi()?.find_manta().await?;
    let services = manta_services(deployment, &manta).await?;
    let index_shards =
        metadata(&manta).get(manta::INDEX_MORAY_SHARDS).cloned().unwrap_or(Value::Null);
    on_progress("the ring");
    let ring = ring::read_ring(deployment, &manta, cache).await?;
    on_progress(&format!("the shard {source}"));
    let postgres = zones_of(deployment, &manta, "postgres", source.as_str()).await?;
    let moray = zones_of(deployment, &manta, "moray", source.as_str()).await?;
    let shard = shard::gather(deployment, source, &postgres, &moray).await?;
    let shard_names = shard_names(deployment, &manta, &services, &ring).await?;
    on_progress("the electric-moray zones");
    let routers = zones_of(deployment, &manta, "electric-moray", &router_name(&manta)?).await?;
    let routers: Result<_, _> = routers.iter().map(zone_facts).collect();
    let routers = routers::gather(deployment, routers?, clock).await?;
    on_progress("the servers");
    let servers = servers::gather(deployment, &shard.peers).await?;
    Ok(Inventory {
        taken,
        region: manta.region()?.to_owned(),
        dns_domain: manta.dns_domain()?.to_owned(),
        application: manta.uuid(),
        poseidon: manta.poseidon()?,
        services: services_among(&services)?,
        ring,
        index_shards,
        storage_shard: manta.storage_moray_shard()?.to_owned(),
        marlin_shard: metadata(&manta).text("MARLIN_MORAY_SHARD").map(str::to_owned),
        shard_names,
        shards: BTreeMap::from([(source.clone(), shard)]),
        routers,
        servers,
        measurement: None,
    })
}

fn metadata(manta: &MantaApplication) -> Attributes {
    manta.application().metadata.clone().unwrap_or_default()
}

/// The `SERVICE_NAME` of electric-moray's instances.
pub(crate) fn router_name(manta: &MantaApplication) -> Result<String, InventoryError> {
    Ok(format!("electric-moray.{}.{}", manta.region()?, manta.dns_domain()?))
}

pub(crate) async fn manta_services(
    deployment: &Deployment,
    manta: &MantaApplication,
) -> Result<Vec<Service>, InventoryError> {
    let filter = ServiceFilter {
        application_uuid: Some(manta.uuid()),
        include_master: true,
        ..ServiceFilter::default()
    };
    let listed = deployment.sapi()?.list_services(&filter).await;
    listed.map_err(InventoryError::api("the services of manta"))
}

/// The services that new instances belong to.
pub(crate) async fn services_of(
    deployment: &Deployment,
    manta: &MantaApplication,
) -> Result<Services, InventoryError> {
    services_among(&manta_services(deployment, manta).await?)
}

fn services_among(services: &[Service]) -> Result<Services, InventoryError> {
    Ok(Services { postgres: only("postgres", services)?, moray: only("moray", services)? })
}

fn only(name: &'static str, services: &[Service]) -> Result<ServiceUuid, InventoryError> {
    let mut named = services.iter().filter(|service| service.name.as_deref() == Some(name));
    match (named.next(), named.count()) {
        (Some(service), 0) => Ok(service.uuid),
        (first, others) => {
            let count = others + usize::from(first.is_some());
            Err(InventoryError::NotOneService { name, count })
        }
    }
}

/// The names of all shards that anybody knows.
async fn shard_names(
    deployment: &Deployment,
    manta: &MantaApplication,
    services: &[Service],
    ring: &RingFacts,
) -> Result<Vec<ShardName>, InventoryError> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    names.extend(manta.index_shards()?.iter().map(|shard| shard.host().to_owned()));
    names.insert(manta.storage_moray_shard()?.to_owned());
    names.extend(ring.pnodes.iter().filter_map(|pnode| pnode.host()).map(str::to_owned));
    let kept = Shard::list(deployment.session()).await?;
    names.extend(kept.iter().map(|name| name.as_str().to_owned()));
    names.extend(reserved_names(deployment).await?.into_keys());
    for name in ["postgres", "moray"] {
        let filter = InstanceFilter {
            service_uuid: Some(only(name, services)?),
            include_master: true,
            ..InstanceFilter::default()
        };
        let listed = deployment.sapi()?.list_instances(&filter).await;
        let listed = listed.map_err(InventoryError::api(format!("the instances of {name}")))?;
        let service_name = |instance: &sapi_client::sapi::Instance| {
            instance.metadata.as_ref()?.text("SERVICE_NAME").map(str::to_owned)
        };
        names.extend(listed.iter().filter_map(service_name));
    }
    // What is no name of a shard cannot collide with one.
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

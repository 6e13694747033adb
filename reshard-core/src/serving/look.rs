//! Reading what a region says for itself.

use std::collections::BTreeMap;

use manatee_client::{Shard, ShardName};
use sapi_client::ServiceUuid;
use sapi_client::manta::MantaApplication;
use sapi_client::sapi::{Instance, InstanceFilter};

use super::{NamedRing, Serving};
use crate::deployment::Deployment;
use crate::inventory::{InventoryError, RingFacts, Services, read_ring};
use crate::plan::PlanUuid;
use crate::zones::plan_of;

/// The ring that SAPI names. An image never changes, so it is downloaded only if it is not that of `known`.
///
/// # Errors
///
/// [`InventoryError`]
pub async fn named_ring(
    deployment: &Deployment,
    known: Option<&RingFacts>,
) -> Result<NamedRing, InventoryError> {
    read(deployment, &deployment.sapi()?.find_manta().await?, known).await
}

async fn read(
    deployment: &Deployment,
    manta: &MantaApplication,
    known: Option<&RingFacts>,
) -> Result<NamedRing, InventoryError> {
    let named = manta.hash_ring_image()?;
    if let Some(known) = known.filter(|known| known.image == named) {
        return Ok(known.clone().into());
    }
    let cache = std::env::temp_dir();
    let work = tempfile::tempdir_in(&cache);
    let work = work.map_err(|source| InventoryError::Cache { path: cache, source })?;
    Ok(read_ring(deployment, manta, work.path()).await?.into())
}

impl Serving {
    /// Looks. Nothing is changed. `known` saves downloading the ring if SAPI still names that one.
    ///
    /// # Errors
    ///
    /// [`InventoryError`], also if the state of a shard cannot be read, whichever: what cannot be read may need anything.
    pub async fn look(
        deployment: &Deployment,
        known: Option<&RingFacts>,
    ) -> Result<Self, InventoryError> {
        let manta = deployment.sapi()?.find_manta().await?;
        let ring = read(deployment, &manta, known).await?;
        let mut states = BTreeMap::new();
        for name in Shard::list(deployment.session()).await? {
            let stored = deployment.shard(name.clone()).read().await;
            let unreadable =
                |source| InventoryError::Shard { shard: name.clone(), source: Box::new(source) };
            if let Some(stored) = stored.map_err(unreadable)? {
                states.insert(name, stored.state);
            }
        }
        let metadata = manta.application().metadata.clone().unwrap_or_default();
        Ok(Self { ring, metadata, states })
    }
}

/// A zone that has a plan's tag in SAPI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedZone {
    /// Its alias.
    pub alias: String,
    /// The shard that it belongs to: for a new peer that is the source until the split.
    pub shard: Option<ShardName>,
}

/// The zones that have a plan's tag in SAPI, where it has not been taken off: they are not handed over yet.
///
/// # Errors
///
/// [`InventoryError`]
pub async fn tagged_zones(
    deployment: &Deployment,
    services: Services,
    plan: PlanUuid,
) -> Result<Vec<TaggedZone>, InventoryError> {
    let mut zones = of_service(deployment, services.postgres).await?;
    zones.extend(of_service(deployment, services.moray).await?);
    let plan = plan.to_string();
    let tagged = zones.iter().filter(|zone| plan_of(zone) == Some(plan.as_str()));
    let seen = |zone: &Instance| {
        let alias = zone.params.as_ref().and_then(|params| params.text("alias"));
        let shard = zone.metadata.as_ref().and_then(|metadata| metadata.text("SERVICE_NAME"));
        TaggedZone {
            alias: alias.map_or_else(|| zone.uuid.to_string(), str::to_owned),
            shard: shard.and_then(|name| name.parse().ok()),
        }
    };
    Ok(tagged.map(seen).collect())
}

async fn of_service(
    deployment: &Deployment,
    service: ServiceUuid,
) -> Result<Vec<Instance>, InventoryError> {
    let filter = InstanceFilter {
        service_uuid: Some(service),
        include_master: true,
        ..InstanceFilter::default()
    };
    let listed = deployment.sapi()?.list_instances(&filter).await;
    listed.map_err(InventoryError::api(format!("the instances of the service {service}")))
}

//! Destroying a zone of a plan.

use super::sight::find;
use super::{ZoneError, ZoneOrder, ZoneStatus, order};
use crate::deployment::Deployment;

/// The outcome of destroying a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// It is gone.
    Now,
    /// It was not there.
    Already,
}

/// Destroys a zone that the plan of the order made, and SAPI's instance with it. Waits until it is gone.
///
/// SAPI destroys by its own instances only, and cannot remove one that VMAPI has no zone for. Where a lost answer has left
/// only one of both, the other is made first.
///
/// # Errors
///
/// [`ZoneError::NotOurs`] if SAPI's instance lacks the plan's tag, as after it was handed over; [`ZoneError`].
pub async fn destroy(deployment: &Deployment, of: &ZoneOrder) -> Result<Destroyed, ZoneError> {
    let zone = of.uuid;
    let found = find(deployment, &of.datacenter, zone).await?;
    let sight = found.sight();
    if sight == ZoneStatus::Absent {
        return Ok(Destroyed::Already);
    }
    let (plan, owner) = (of.plan.to_string(), found.plan());
    if owner != Some(plan.as_str()) {
        return Err(ZoneError::NotOurs { zone, plan, found: owner.map(str::to_owned) });
    }
    if matches!(sight, ZoneStatus::InstanceOnly | ZoneStatus::ZoneOnly) {
        order(deployment, of).await?;
    }
    let datacenter = deployment.datacenter(&of.datacenter);
    let datacenter = datacenter.map_err(|source| ZoneError::Datacenter { zone, source })?;
    match datacenter.sapi.delete_instance(zone).await {
        Ok(()) => Ok(Destroyed::Now),
        Err(error) if error.is_not_found() => {
            if super::look(deployment, &of.datacenter, zone).await? == ZoneStatus::Absent {
                return Ok(Destroyed::Now);
            }
            Err(ZoneError::Call { doing: "destroy", zone, source: error })
        }
        Err(source) => Err(ZoneError::Call { doing: "destroy", zone, source }),
    }
}

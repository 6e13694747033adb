//! Names and tags in SAPI and VMAPI.

use sapi_client::sapi::Change;
use sapi_client::vmapi::{Alias, InvalidAlias, JobError, VmChange, Wait};
use sapi_client::{Attributes, InstanceUuid};
use serde_json::Value;

use crate::deployment::{Deployment, DeploymentError, ZonePlace};
use crate::retryable::Retryable;
use crate::zones::PLAN_TAG;

/// Gives a zone another alias, in VMAPI and in SAPI. `old` is the one that it has from before.
///
/// # Errors
///
/// [`TidyError::Foreign`] if it has neither; [`TidyError`].
pub async fn rename(
    deployment: &Deployment,
    place: &ZonePlace,
    old: &str,
    new: &str,
) -> Result<(), TidyError> {
    let zone = place.zone;
    let datacenter = deployment.datacenter(&place.datacenter)?;
    let failed = |source| TidyError::Call { zone, source };
    let ours = |found: Option<&str>| match found {
        Some(found) if found == old || found == new => Ok(()),
        found => Err(TidyError::Foreign {
            zone,
            found: found.map(str::to_owned),
            old: old.to_owned(),
            new: new.to_owned(),
        }),
    };
    ours(datacenter.vmapi.get_vm(zone).await.map_err(failed)?.alias.as_deref())?;
    let instance = datacenter.sapi.get_instance(zone).await.map_err(failed)?;
    let in_sapi = instance.params.as_ref().and_then(|params| params.text("alias"));
    ours(in_sapi)?;
    let alias: Alias = new.parse()?;
    if let VmChange::Accepted(accepted) =
        datacenter.vmapi.set_alias(zone, &alias).await.map_err(failed)?
    {
        let job = datacenter.vmapi.wait_for_job(accepted.job_uuid, Wait::default()).await;
        job.map_err(|source| TidyError::Job { zone, source })?;
    }
    if in_sapi != Some(new) {
        let change = Change::update().params(Attributes::new().with("alias", new));
        datacenter.sapi.change_instance(zone, &change).await.map_err(failed)?;
    }
    Ok(())
}

/// Takes the plan's tag off an instance: it is a zone like others from now on. (VMAPI's zone keeps its copy of the tag.)
///
/// # Errors
///
/// [`TidyError`]
pub async fn drop_plan_tag(deployment: &Deployment, place: &ZonePlace) -> Result<(), TidyError> {
    let zone = place.zone;
    let sapi = &deployment.datacenter(&place.datacenter)?.sapi;
    let failed = |source| TidyError::Call { zone, source };
    let instance = sapi.get_instance(zone).await.map_err(failed)?;
    let tags = instance.params.as_ref().and_then(|params| params.get("tags"));
    let Some(tags) = tags.and_then(Value::as_object).filter(|tags| tags.contains_key(PLAN_TAG))
    else {
        return Ok(());
    };
    // SAPI replaces the tags as a whole.
    let mut rest = tags.clone();
    rest.shift_remove(PLAN_TAG);
    let change = Change::update().params(Attributes::new().with("tags", Value::Object(rest)));
    sapi.change_instance(zone, &change).await.map_err(failed)?;
    Ok(())
}

/// A name or tag was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TidyError {
    /// Somebody else has changed it.
    #[error(
        "the zone {zone} has the alias {:?}, neither the old {old:?} nor the new {new:?}",
        found.as_deref().unwrap_or_default()
    )]
    Foreign {
        /// The zone.
        zone: InstanceUuid,
        /// Its alias.
        found: Option<String>,
        /// The alias that it was to have before.
        old: String,
        /// The alias that it is to have.
        new: String,
    },
    /// The shard's name makes no alias.
    #[error("no alias can be made of the shard's name")]
    Alias(#[from] InvalidAlias),
    /// SAPI or VMAPI did not do it.
    #[error("cannot change names of the zone {zone}")]
    Call {
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: sapi_client::Error,
    },
    /// VMAPI's job did not end well.
    #[error("the zone {zone} did not get its alias")]
    Job {
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: JobError,
    },
    /// The datacenter is not known.
    #[error("the zone's datacenter cannot be reached")]
    Datacenter(#[from] DeploymentError),
}

impl Retryable for TidyError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Call { source, .. } => source.may_pass(),
            // A job that failed can be asked for again.
            Self::Job { .. } => true,
            Self::Foreign { .. } | Self::Alias(_) | Self::Datacenter(_) => false,
        }
    }
}

//! Zones that a plan makes and destroys: SAPI's instances with VMAPI's zones.
//!
//! SAPI writes its instance first and asks VMAPI for the zone then; an answer that is lost leaves both, one or none. So nothing
//! is ever asked for twice blindly: [`look`] tells what is there, and [`order`] makes whatever is missing, under the same UUID.

mod destroy;
mod order;
mod sight;
mod template;

pub use self::destroy::{Destroyed, destroy};
pub use self::order::{PLAN_TAG, ZoneOrder, order};
pub use self::sight::{ZoneStatus, look, plan_of};
pub use self::template::{TemplateError, shard_metadata};

use sapi_client::{InstanceUuid, JobUuid};
use serde::{Deserialize, Serialize};

use crate::deployment::{DeploymentError, ZonePlace};
use crate::retryable::Retryable;

/// A zone that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeZone {
    /// Its place.
    pub place: ZonePlace,
    /// Its primary address.
    pub address: String,
}

/// A zone cannot be looked at, made or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// SAPI or VMAPI did not do what it was asked.
    #[error("cannot {doing} the zone {zone}")]
    Call {
        /// The thing that was to be done.
        doing: &'static str,
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: sapi_client::Error,
    },
    /// The zone's datacenter is not known.
    #[error("the zone {zone} is in a datacenter that cannot be reached")]
    Datacenter {
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: DeploymentError,
    },
    /// The zone does not have the plan's tag, or no longer: then it was handed over, and is nobody's to destroy.
    #[error(
        "the zone {zone} is not, or no longer, of plan {plan}: SAPI has {} as its tag {PLAN_TAG}; it is not touched",
        found.as_deref().unwrap_or("nothing")
    )]
    NotOurs {
        /// The zone.
        zone: InstanceUuid,
        /// The plan.
        plan: String,
        /// The tag's value.
        found: Option<String>,
    },
    /// The job of making it did not end well.
    #[error("the job {job} that makes the zone {zone} failed")]
    Job {
        /// The job.
        job: JobUuid,
        /// The zone.
        zone: InstanceUuid,
        /// The cause.
        source: sapi_client::vmapi::JobError,
    },
}

impl Retryable for ZoneError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.may_pass())
    }
}

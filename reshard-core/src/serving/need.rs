//! Reasons why something must stay.

use std::fmt;

use manatee_client::{Role, ShardName, ZoneId};
use sapi_client::ImageUuid;

use crate::hint::{Hint, Operation, hint};
use crate::phase::PhaseError;
use crate::retryable::Retryable;

/// A reason why something must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The ring that SAPI names leads clients to a shard.
    Ring {
        /// The ring's image.
        image: ImageUuid,
        /// The shard.
        shard: ShardName,
        /// The number of its vnodes that this is about.
        vnodes: usize,
    },
    /// The ring that SAPI names hashes keys otherwise than the plan knows: whose a row is cannot be told.
    OtherHash {
        /// The ring's image.
        image: ImageUuid,
    },
    /// SAPI's metadata names a shard.
    Listed {
        /// The shard.
        shard: ShardName,
        /// Such as `INDEX_MORAY_SHARDS`.
        key: String,
    },
    /// A shard has a state in ZooKeeper that is not the plan's.
    Established {
        /// The shard.
        shard: ShardName,
        /// Its primary's zone.
        primary: ZoneId,
    },
    /// A shard writes to a zone, or waits for it.
    Peer {
        /// The zone.
        zone: ZoneId,
        /// The shard.
        shard: ShardName,
        /// Its role there.
        role: Role,
    },
    /// SAPI names an image as the ring.
    Image {
        /// The image.
        image: ImageUuid,
    },
    /// A router has a ring that is not the one that SAPI names.
    Router {
        /// The ring's image.
        image: ImageUuid,
        /// The router's alias.
        router: String,
    },
    /// Zones have a plan's tag in SAPI: what they are for is not over.
    Tagged {
        /// The plan.
        plan: String,
        /// The zones' aliases.
        zones: Vec<String>,
    },
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring { image, shard, vnodes } => write!(
                f,
                "the ring {image}, which SAPI's HASH_RING_IMAGE names, has {vnodes} vnodes at {shard}"
            ),
            Self::OtherHash { image } => write!(
                f,
                "the ring {image}, which SAPI's HASH_RING_IMAGE names, hashes keys otherwise than the plan's"
            ),
            Self::Listed { shard, key } => write!(f, "SAPI's {key} lists {shard}"),
            Self::Established { shard, primary } => write!(
                f,
                "{shard} is an established shard: /manatee/{shard}/state has the primary {primary}"
            ),
            Self::Peer { zone, shard, role } => {
                write!(f, "the zone {zone} is the {role} of {shard}")
            }
            Self::Image { image } => {
                write!(f, "the image {image} is the ring that SAPI's HASH_RING_IMAGE names")
            }
            Self::Router { image, router } => {
                write!(f, "the router {router} has the ring {image}, which SAPI does not name")
            }
            Self::Tagged { plan, zones } => {
                write!(f, "SAPI has zones with the tag of plan {plan}: {}", zones.join(", "))
            }
        }
    }
}

/// Something was to be destroyed, emptied, freed or rolled back, and is still needed. Nothing was done to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", causes(.needs))]
pub struct StillNeeded {
    /// The thing that is not done for that, in words: `the peers of 3.moray.coal.joyent.us are not destroyed`.
    pub what: String,
    /// Everything that needs it.
    pub needs: Vec<Need>,
}

fn causes(needs: &[Need]) -> String {
    needs.iter().map(Need::to_string).collect::<Vec<_>>().join("; ")
}

impl StillNeeded {
    /// Nothing if there are no needs.
    ///
    /// # Errors
    ///
    /// [`StillNeeded`] if there are any.
    pub fn check(what: impl Into<String>, needs: Vec<Need>) -> Result<(), Self> {
        if needs.is_empty() { Ok(()) } else { Err(Self { what: what.into(), needs }) }
    }

    /// The remedy for an operator.
    pub fn remedy(&self) -> Hint {
        let is_tagged = |need: &Need| matches!(need, Need::Tagged { .. });
        if self.needs.iter().all(is_tagged) {
            return hint!(
                Operation::Resume,
                " or ",
                Operation::Abort,
                " with the latest file of that plan (",
                Operation::ListPlans,
                " tells its host)"
            );
        }
        hint!(
            "if this plan has gone on with another copy of its file, use that one (",
            Operation::ListPlans,
            " tells its host); what serves goes only after its vnodes were moved to other shards"
        )
    }
}

impl From<StillNeeded> for PhaseError {
    fn from(needed: StillNeeded) -> Self {
        Self::hold(needed.to_string(), needed.remedy())
    }
}

impl Retryable for StillNeeded {
    fn may_pass(&self) -> bool {
        false
    }

    fn remedy(&self) -> Hint {
        Self::remedy(self)
    }
}

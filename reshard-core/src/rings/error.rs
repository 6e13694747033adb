//! The errors about rings.

use std::path::PathBuf;

use fash::{EmptyPnode, ImageError, StoreError};
use manatee_client::LockError;
use sapi_client::ImageUuid;
use sapi_client::imgapi::{ImportError, InvalidManifest};
use sapi_client::manta::{FindError, MetadataError, MetadataProblem};

use super::RingMismatch;
use crate::deployment::DeploymentError;
use crate::hint::{Hint, Operation, hint};
use crate::phase::PhaseError;
use crate::plan::PlanUuid;
use crate::retryable::{Retryable, look};

/// Something about the ring is not as it should be, or could not be asked or done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// SAPI or IMGAPI could not be asked.
    #[error("cannot ask for the ring")]
    Api(#[from] sapi_client::Error),
    /// There is no application `manta`, or SAPI could not be asked.
    #[error("cannot ask SAPI for the ring")]
    Manta(#[from] FindError),
    /// The configuration names no datacenter.
    #[error("SAPI cannot be reached")]
    Deployment(#[from] DeploymentError),
    /// SAPI's metadata is not as it should be.
    #[error("SAPI does not say what the ring is")]
    Metadata(#[from] MetadataError),
    /// A list of shards is not as it should be.
    #[error("SAPI's list of shards cannot be used")]
    Shards(#[from] MetadataProblem),
    /// A ring image could not be made or read.
    #[error("a ring image cannot be made or read")]
    Image(#[from] ImageError),
    /// A ring could not be read or written.
    #[error("a ring cannot be read or written")]
    Store(#[from] StoreError),
    /// A file could not be written here.
    #[error("cannot write {path}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An image could not be imported.
    #[error("a ring image was not imported")]
    Import(#[from] ImportError),
    /// An image cannot be named so.
    #[error("a ring image cannot be described")]
    Manifest(#[from] InvalidManifest),
    /// A shard's name is none.
    #[error("a shard has no name")]
    Pnode(#[from] EmptyPnode),
    /// The rings are not as planned.
    #[error(transparent)]
    Mismatch(#[from] RingMismatch),
    /// The ring's lock is not to be had.
    #[error("the ring cannot be reserved")]
    Lock(#[from] LockError),
    /// An image is not what it should be.
    #[error("the image {image} {problem}")]
    WrongImage {
        /// The image.
        image: ImageUuid,
        /// The fault in it.
        problem: String,
    },
    /// Somebody else changed what the plan is to change.
    #[error("SAPI's {key} is {found}, and neither {old} as planned nor {new} already")]
    Foreign {
        /// The metadata.
        key: &'static str,
        /// The value that it has.
        found: String,
        /// The value that it should have before the change.
        old: String,
        /// The value that it should have after the change.
        new: String,
    },
    /// Somebody else changed the list of shards.
    #[error("SAPI's INDEX_MORAY_SHARDS is not as the plan has found it: {change}")]
    ForeignShards {
        /// The change in words.
        change: String,
    },
    /// A ring is not the one that a plan was made from.
    #[error("this is not the ring that plan {plan} was made from: {difference}")]
    OtherRing {
        /// The plan.
        plan: PlanUuid,
        /// The difference.
        difference: String,
    },
    /// The stamp in an image names no image.
    #[error("the stamp in {path} names the image {names:?}, which is no UUID", path = .path.display())]
    BadStamp {
        /// The file.
        path: PathBuf,
        /// The name in the stamp.
        names: String,
    },
    /// Work on a ring ended in a panic.
    #[error("the work on a ring broke down")]
    Broken(#[from] tokio::task::JoinError),
}

impl Retryable for RingError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Api(error) | Self::Manta(FindError::Call(error)) => error.may_pass(),
            Self::Import(error) => error.may_pass(),
            Self::Lock(error) => error.may_pass(),
            Self::Manta(_)
            | Self::Deployment(_)
            | Self::Metadata(_)
            | Self::Shards(_)
            | Self::Image(_)
            | Self::Store(_)
            | Self::File { .. }
            | Self::Manifest(_)
            | Self::Pnode(_)
            | Self::Mismatch(_)
            | Self::WrongImage { .. }
            | Self::Foreign { .. }
            | Self::ForeignShards { .. }
            | Self::OtherRing { .. }
            | Self::BadStamp { .. }
            | Self::Broken(_) => false,
        }
    }

    fn remedy(&self) -> Hint {
        match self {
            Self::Lock(LockError::Held { .. } | LockError::Abandoned { .. }) => hint!(
                "only one plan at a time may change the ring: finish or abort the plan that the message names as the lock's \
                 owner (",
                Operation::ListPlans,
                " tells where its file is); then ",
                Operation::Resume
            ),
            Self::Foreign { .. } | Self::ForeignShards { .. } => hint!(
                "find out who changed it (manta-adm, manta-shardadm, another plan). If the change stays, ",
                Operation::Abort,
                ", and make a new plan; if not, put the old value back, then ",
                Operation::Resume
            ),
            Self::Mismatch(_) | Self::OtherRing { .. } => {
                hint!(Operation::Abort, ", and make a new plan from the ring as it is now")
            }
            Self::WrongImage { .. } | Self::Import(ImportError::Conflict(_)) => hint!(
                "see what made the image (`sdc-imgadm get IMAGE`), remove it if nothing needs it, then ",
                Operation::Resume
            ),
            Self::Api(_)
            | Self::Manta(_)
            | Self::Deployment(_)
            | Self::Metadata(_)
            | Self::Shards(_)
            | Self::Image(_)
            | Self::Store(_)
            | Self::File { .. }
            | Self::Import(_)
            | Self::Manifest(_)
            | Self::Pnode(_)
            | Self::Lock(_)
            | Self::BadStamp { .. }
            | Self::Broken(_) => look(),
        }
    }
}

impl From<RingError> for PhaseError {
    fn from(error: RingError) -> Self {
        Self::of(&error)
    }
}

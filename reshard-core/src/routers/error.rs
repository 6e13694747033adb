//! The errors about routers.

use sapi_client::InstanceUuid;
use sapi_client::manta::FindError;

use crate::deployment::{DeploymentError, MonitorError, ZoneCommandError};
use crate::hint::Hint;
use crate::phase::PhaseError;
use crate::retryable::Retryable;

/// Something about the routers is not as it should be, or could not be asked or done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// SAPI or VMAPI could not be asked.
    #[error("cannot ask for the electric-moray zones")]
    Api(#[from] sapi_client::Error),
    /// There is no application `manta`, or SAPI could not be asked.
    #[error("cannot ask for the electric-moray zones")]
    Manta(#[from] FindError),
    /// A zone is in a datacenter that the configuration does not name.
    #[error("an electric-moray zone is out of reach")]
    Deployment(#[from] DeploymentError),
    /// SAPI's services or instances are not as they should be.
    #[error("{what}")]
    Unexpected {
        /// The fault.
        what: String,
        /// The remedy.
        remedy: Hint,
    },
    /// A script could not be run in a zone.
    #[error(transparent)]
    Zone(#[from] ZoneCommandError),
    /// A script in a zone met what only the operator can judge.
    #[error("{what}")]
    Refused {
        /// The zone.
        zone: InstanceUuid,
        /// The thing that it met.
        what: String,
        /// The remedy.
        remedy: Hint,
    },
    /// A ring that is to be put in place is not in the zone: it was reprovisioned, perhaps.
    #[error("the ring is not staged in the zone {zone}; was it reprovisioned?")]
    NotStaged {
        /// The zone.
        zone: InstanceUuid,
    },
    /// A script printed something that this program does not understand.
    #[error("the script {script} printed {line:?} in the zone {zone}, which makes no sense")]
    UnexpectedOutput {
        /// The script.
        script: &'static str,
        /// The zone.
        zone: InstanceUuid,
        /// The line that it printed.
        line: String,
    },
    /// An instance does not tell its status.
    #[error(transparent)]
    Status(#[from] MonitorError),
}

impl Retryable for RouterError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Api(error) | Self::Manta(FindError::Call(error)) => error.may_pass(),
            Self::Zone(error) => error.may_pass(),
            Self::NotStaged { .. } | Self::Status(_) => true,
            Self::Manta(_)
            | Self::Deployment(_)
            | Self::Unexpected { .. }
            | Self::Refused { .. }
            | Self::UnexpectedOutput { .. } => false,
        }
    }
}

impl From<RouterError> for PhaseError {
    fn from(error: RouterError) -> Self {
        if let RouterError::Unexpected { what, remedy }
        | RouterError::Refused { what, remedy, .. } = error
        {
            return Self::hold(what, remedy);
        }
        Self::of(&error)
    }
}

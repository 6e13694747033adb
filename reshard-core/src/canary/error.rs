//! Errors of canaries.

use super::choose::Canary;
use crate::region::Moray;
use crate::retryable::Retryable;

/// A canary could not be written, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanaryError {
    /// A router did not do what it was asked.
    #[error("cannot {doing} the canary {key} through the router {router}")]
    Call {
        /// The thing that it was asked to do.
        doing: &'static str,
        /// The router's address.
        router: String,
        /// The canary's key.
        key: String,
        /// The cause.
        source: moray_client::Error,
    },
    /// Something else is there under the canary's name.
    #[error(
        "at {key} is something else than the canary of this plan: somebody else wrote it, and it was not touched"
    )]
    Foreign {
        /// The key.
        key: String,
    },
    /// The answer does not say where the object is, as electric-moray's do.
    #[error(
        "{router} does not say where objects are: it is no electric-moray; see `routers` in the configuration"
    )]
    NoRouter {
        /// Its address.
        router: String,
    },
}

impl CanaryError {
    pub(super) fn call(
        doing: &'static str,
        router: &dyn Moray,
        canary: &Canary,
        source: moray_client::Error,
    ) -> Self {
        let (router, key) = (router.address().to_owned(), canary.key.clone());
        Self::Call { doing, router, key, source }
    }

    pub(super) fn no_router(router: &dyn Moray) -> Self {
        Self::NoRouter { router: router.address().to_owned() }
    }
}

impl Retryable for CanaryError {
    fn may_pass(&self) -> bool {
        match self {
            // A conflict is somebody else's write, or our own whose answer was lost: looking again tells.
            Self::Call { source, .. } => {
                source.is_retryable() || source.outcome_unknown() || source.is_etag_conflict()
            }
            Self::Foreign { .. } | Self::NoRouter { .. } => false,
        }
    }
}

//! The readiness of a shard to take writes.

use manatee_client::{BadPgUrl, ClusterState, PostgresError};

use crate::deployment::Deployment;

/// The reason why a shard's primary does not take writes yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// It still replays.
    #[error("its PostgreSQL still replays")]
    InRecovery,
    /// Its sync has not caught up.
    #[error("it is read-only until its sync has caught up")]
    ReadOnly,
    /// It waits for another sync than the state's.
    #[error("its synchronous standby is {0:?} and not the shard's sync")]
    OtherSync(String),
    /// Its `pgUrl` says nothing.
    #[error("the state does not say where it is")]
    Address(#[from] BadPgUrl),
    /// It does not answer.
    #[error(transparent)]
    Silent(#[from] PostgresError),
}

/// Checks that a shard's primary takes writes, and confirms them by the sync that the state names.
///
/// # Errors
///
/// [`NotReady`] says why not.
pub async fn primary_ready(deployment: &Deployment, state: &ClusterState) -> Result<(), NotReady> {
    let writable = deployment.databases().writability(&state.primary.endpoint()?).await?;
    if writable.in_recovery {
        return Err(NotReady::InRecovery);
    }
    if writable.read_only {
        return Err(NotReady::ReadOnly);
    }
    match &state.sync {
        Some(sync) if !writable.is_writable_with_sync(&sync.pg_url) => {
            Err(NotReady::OtherSync(writable.synchronous_standby_names))
        }
        Some(_) | None => Ok(()),
    }
}

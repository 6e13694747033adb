//! Writing, finding and removing canaries through a router.

use jiff::Timestamp;
use moray_client::{DeleteOptions, EtagCondition, NodeInfo, Object, PutOptions};
use sapi_client::AccountUuid;

use super::choose::{BUCKET, Canary};
use super::error::CanaryError;
use super::value::{revision, value};
use crate::region::Moray;

/// A canary that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The number of times that it was written.
    pub revision: u32,
    /// The place at which the router found it.
    pub node: NodeInfo,
}

/// Writes a canary as this revision, unless it is there as that or a later one. Tells where it is.
///
/// # Errors
///
/// [`CanaryError::Foreign`] if something else is there, which is not touched. Otherwise [`CanaryError`].
pub async fn write_canary(
    router: &dyn Moray,
    canary: &Canary,
    account: AccountUuid,
    tag: &str,
    as_revision: u32,
    now: Timestamp,
) -> Result<NodeInfo, CanaryError> {
    let etag = match look(router, canary, tag).await? {
        Some((object, found)) if found.revision >= as_revision => {
            tracing::debug!(key = object.key, "the canary is there already");
            return Ok(found.node);
        }
        Some((object, _)) => EtagCondition::Is(object.etag),
        None => EtagCondition::Absent,
    };
    let value = value(canary, account, tag, as_revision, now);
    let options = PutOptions { etag, ..PutOptions::default() };
    let put = router.put(BUCKET, &canary.key, &value, &options).await;
    let put = put.map_err(|source| CanaryError::call("write", router, canary, source))?;
    put.node.ok_or_else(|| CanaryError::no_router(router))
}

/// Looks for a canary; `None` if nothing is there.
///
/// # Errors
///
/// [`CanaryError::Foreign`] if something else is there. Otherwise [`CanaryError`].
pub async fn find_canary(
    router: &dyn Moray,
    canary: &Canary,
    tag: &str,
) -> Result<Option<Found>, CanaryError> {
    Ok(look(router, canary, tag).await?.map(|(_, found)| found))
}

/// Removes a canary, if it is there.
///
/// # Errors
///
/// [`CanaryError::Foreign`] if something else is there, which is not touched. Otherwise [`CanaryError`].
pub async fn remove_canary(
    router: &dyn Moray,
    canary: &Canary,
    tag: &str,
) -> Result<(), CanaryError> {
    let Some((object, _)) = look(router, canary, tag).await? else { return Ok(()) };
    let options = DeleteOptions { etag: Some(object.etag), ..DeleteOptions::default() };
    match router.delete(BUCKET, &canary.key, &options).await {
        Err(error) if !error.is_not_found() => {
            Err(CanaryError::call("remove", router, canary, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn look(
    router: &dyn Moray,
    canary: &Canary,
    tag: &str,
) -> Result<Option<(Object, Found)>, CanaryError> {
    let object = match router.get(BUCKET, &canary.key).await {
        Ok(object) => object,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(CanaryError::call("read", router, canary, error)),
    };
    let Some(revision) = revision(&object.value, tag) else {
        return Err(CanaryError::Foreign { key: canary.key.clone() });
    };
    let node = object.node.clone().ok_or_else(|| CanaryError::no_router(router))?;
    Ok(Some((object, Found { revision, node })))
}

//! The same in many zones.

use futures_util::StreamExt;
use futures_util::stream;

use super::{Router, RouterError};

/// Does something in every zone, in `concurrency` of them at a time. A failure in one keeps nothing from being done in the
/// others; `done` hears of each as it ends.
///
/// # Errors
///
/// What failed: what may pass after what does not, so that the first is the one to show.
pub async fn for_each_router<T>(
    routers: &[Router],
    concurrency: u32,
    mut done: impl FnMut(&Router, &Result<T, RouterError>),
    work: impl AsyncFn(&Router) -> Result<T, RouterError>,
) -> Result<Vec<T>, RouterError> {
    let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX).max(1);
    let work = &work;
    let mut running = stream::iter(routers)
        .map(|router| async move { (router, work(router).await) })
        .buffer_unordered(concurrency);
    let mut results = Vec::new();
    let mut failed: Option<RouterError> = None;
    while let Some((router, result)) = running.next().await {
        done(router, &result);
        match result {
            Ok(result) => results.push(result),
            Err(error) => {
                tracing::warn!(zone = %router.place.zone, %error, "a router failed");
                let lasting = !crate::phase::MayPass::may_pass(&error);
                if failed.is_none() || lasting {
                    failed = Some(error);
                }
            }
        }
    }
    failed.map_or(Ok(results), Err)
}

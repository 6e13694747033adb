//! The same in many zones.

use futures_util::StreamExt;
use futures_util::stream;

use super::{Router, RouterError};
use crate::retryable::Retryable;

/// Does something in every zone, in `concurrency` of them at a time. A failure in one keeps nothing from being done in the
/// others; `done` is called as each ends.
///
/// # Errors
///
/// The error that was met; if there are several, rather one that does not pass by itself.
pub async fn for_each_router<T, F, D>(
    routers: Vec<Router>,
    concurrency: u32,
    mut done: impl FnMut() -> D,
    work: impl Fn(Router) -> F,
) -> Result<Vec<T>, RouterError>
where
    F: Future<Output = Result<T, RouterError>>,
    D: Future<Output = ()>,
{
    let concurrency = usize::try_from(concurrency).unwrap_or(usize::MAX).max(1);
    let mut running = stream::iter(routers).map(work).buffer_unordered(concurrency);
    let mut results = Vec::new();
    let mut failed: Option<RouterError> = None;
    while let Some(result) = running.next().await {
        done().await;
        match result {
            Ok(result) => results.push(result),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a router failed");
                if failed.as_ref().is_none_or(Retryable::may_pass) {
                    failed = Some(error);
                }
            }
        }
    }
    failed.map_or(Ok(results), Err)
}

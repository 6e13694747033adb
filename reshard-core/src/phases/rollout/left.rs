//! Routers' zones that did not run when rings were put back: what becomes of them later, no phase sees.

use crate::phase::facts::ROUTERS_LEFT;
use crate::phase::{Context, PhaseError};
use crate::routers::{self, Router};

/// Keeps the names of the zones in which a ring was not put back, for those who look at the plan. Zones that are gone for good are
/// no matter.
pub(super) async fn keep_left(
    context: &Context,
    all: &[Router],
    done: &[Router],
) -> Result<(), PhaseError> {
    let is_done = |router: &Router| done.iter().any(|one| one.place.zone == router.place.zone);
    let mut left = Vec::new();
    for router in all.iter().filter(|router| !is_done(router)) {
        if !matches!(routers::is_running(context.deployment(), router).await, Ok(None)) {
            left.push(format!("{} ({})", router.alias, router.place.zone));
        }
    }
    if left.is_empty() {
        return none_left(context).await;
    }
    context.put(&ROUTERS_LEFT, &left).await
}

/// Forgets them: all zones have been seen to.
pub(super) async fn none_left(context: &Context) -> Result<(), PhaseError> {
    if context.get(&ROUTERS_LEFT).await?.is_some() {
        context.forget(&ROUTERS_LEFT).await?;
    }
    Ok(())
}

//! Read-only checks of whether a shard can be split now, each with a remedy. An operator can ask for them; a plan makes them
//! before it starts and once more before writes are blocked.
//!
//! First everything is looked at, all at once and each thing with a deadline; then the checks judge what was seen. What could
//! not be seen fails the checks that need it, and no others; an API that does not answer is one finding, however many need it.

mod checks;
mod evidence;
mod report;
mod subject;
mod unseen;

use std::path::Path;
use std::time::Duration;

pub use self::report::{Check, Report, Verdict};
pub(crate) use self::subject::own_zones;
pub use self::subject::{Stage, Subject};
use crate::clock::Clock;
use crate::deployment::Deployment;

/// The time after which somebody should look at an open transaction at the source: those of Moray last milliseconds.
pub(crate) const OLD_TRANSACTION: Duration = Duration::from_secs(5);

/// Makes all checks. Nothing is changed. `cache` is the directory in which images of rings are kept.
pub async fn check(
    deployment: &Deployment,
    subject: &Subject,
    cache: &Path,
    clock: &dyn Clock,
) -> Report {
    let taken = clock.now();
    let evidence = Box::pin(evidence::look(deployment, subject, cache, clock)).await;
    let checks = checks::ALL.iter().map(|check| check(&evidence, subject)).collect();
    Report::new(taken, subject.source.clone(), checks)
}

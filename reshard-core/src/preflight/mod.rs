//! Whether a shard can be split now: read-only checks, each with a remedy. `reshard doctor` shows them; a plan makes them
//! before it starts and once more before writes are blocked.
//!
//! First everything is looked at, all at once and each thing with a deadline; then the checks judge what was seen. What could
//! not be seen fails the checks that need it, and no others.

mod checks;
mod evidence;
mod report;
mod subject;

use std::path::Path;

pub use self::report::{Check, Report, Verdict};
pub use self::subject::{Stage, Subject};
use crate::clock::Clock;
use crate::deployment::Deployment;

/// Makes all checks. Nothing is changed. `cache` is the directory in which images of rings are kept.
pub async fn check(
    deployment: &Deployment,
    subject: &Subject,
    cache: &Path,
    clock: &dyn Clock,
) -> Report {
    let taken = clock.now();
    let evidence = evidence::look(deployment, subject, cache, clock).await;
    let checks = checks::ALL.iter().map(|check| check(&evidence, subject)).collect();
    Report { taken, source: subject.source.clone(), checks }
}

//! Deadlines that any span makes, however long.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than any program waits, and short enough to be added to a time.
const NEVER: Duration = Duration::from_hours(30 * 365 * 24);

/// The time when this span is over.
pub(crate) fn after(span: Duration) -> Instant {
    Instant::now() + span.min(NEVER)
}

//! The permission for what clients notice: somebody's approval, and a time at which it may be done.

use std::iter::successors;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Context, PhaseError, Poll, Wait};
use crate::hint::{Operation, hint};
use crate::journal::{Approval, Controls};
use crate::maintenance::Opening;

/// The time in which a window is looked for.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

impl Context {
    /// Waits, for days if need be, until somebody has approved, if that was asked for, and until something that takes so long fits into
    /// a maintenance window. Both may be changed meanwhile.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Stopped`], [`PhaseError::Journal`].
    pub async fn permission(&self, takes: Duration) -> Result<(), PhaseError> {
        let waiting = Wait {
            what: "permission to do what clients may notice".to_owned(),
            hint: if self.controls().await?.approval == Approval::Needed {
                hint!(Operation::Approve)
            } else {
                hint!(Operation::Pause, ", and go on with other windows")
            },
        };
        let look = || async {
            let controls = self.controls().await?;
            Ok(match missing(&controls, self.now(), takes) {
                None => Poll::Ready(()),
                Some(missing) => Poll::Pending(None, missing),
            })
        };
        self.wait(waiting, Duration::MAX, look).await
    }
}

/// The thing that is missing before something that takes so long may be done, in words.
fn missing(controls: &Controls, now: Timestamp, takes: Duration) -> Option<String> {
    if controls.approval == Approval::Needed {
        return Some("nobody has approved yet".to_owned());
    }
    // From one to the next, as long as what is left of one is too short.
    let later = |before: &Opening| {
        let next = controls.maintenance.next(before.until)?;
        (next.until > before.until && next.from.duration_since(now) < YEAR).then_some(next)
    };
    let mut openings = successors(controls.maintenance.next(now), later);
    let fits = |opening: &Opening| {
        opening.until.duration_since(opening.from.max(now)).unsigned_abs() >= takes
    };
    let Some(opening) = openings.find(fits) else {
        return Some("no maintenance window that is long enough opens within a year".to_owned());
    };
    let opens = opening.from.strftime("%Y-%m-%d %H:%M UTC");
    (opening.from > now).then(|| format!("the maintenance window opens at {opens}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maintenance::Maintenance;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn controls(approval: Approval, windows: &[&str]) -> Controls {
        let windows = windows.iter().map(|text| text.parse().unwrap()).collect();
        let maintenance = Maintenance { windows, blackouts: Vec::new() };
        Controls { approval, maintenance, ..Controls::default() }
    }

    #[test]
    fn an_approval_is_waited_for_first() {
        let now = at("2026-12-01T12:00:00Z");
        let needed = controls(Approval::Needed, &[]);
        assert_eq!(missing(&needed, now, Duration::ZERO).unwrap(), "nobody has approved yet");
        let given = Approval::Given { by: "ann@headnode".to_owned(), at: now };
        assert_eq!(missing(&controls(given, &[]), now, Duration::ZERO), None);
    }

    #[test]
    fn what_does_not_fit_any_more_waits_for_the_next_window() {
        let windows = ["daily 01:00-03:00 UTC"];
        let controls = controls(Approval::NotNeeded, &windows);
        let missing = |now, minutes| missing(&controls, at(now), Duration::from_mins(minutes));
        assert_eq!(missing("2026-12-01T01:30:00Z", 90), None);
        assert_eq!(
            missing("2026-12-01T01:31:00Z", 90).unwrap(),
            "the maintenance window opens at 2026-12-02 01:00 UTC"
        );
        assert_eq!(
            missing("2026-12-01T00:00:00Z", 0).unwrap(),
            "the maintenance window opens at 2026-12-01 01:00 UTC"
        );
        assert_eq!(
            missing("2026-12-01T00:00:00Z", 121).unwrap(),
            "no maintenance window that is long enough opens within a year"
        );
    }
}

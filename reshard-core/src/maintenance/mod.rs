//! Maintenance windows: the times at which a plan may do what clients notice, and the dates on which it may not. Pure: the time is
//! given.

mod blackout;
mod window;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::blackout::Blackout;
pub use self::window::MaintenanceWindow;

/// The times at which something may be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {
    /// The windows; at any time if there is none.
    pub windows: Vec<MaintenanceWindow>,
    /// Dates on which nothing is done, in the time zone of each window, or in UTC without one.
    pub blackouts: Vec<Blackout>,
}

/// A time from an instant to another. The end is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub until: Timestamp,
}

impl Maintenance {
    /// The first opening that is not over at a time, and may have begun. `None` if there is none within a year.
    pub fn next(&self, now: Timestamp) -> Option<Opening> {
        if self.windows.is_empty() && self.blackouts.is_empty() {
            return Some(Opening { from: Timestamp::MIN, until: Timestamp::MAX });
        }
        let always = [MaintenanceWindow::always()];
        let windows = if self.windows.is_empty() { &always[..] } else { &self.windows };
        windows.iter().filter_map(|window| window.next(now, &self.blackouts)).min()
    }
}

/// A window or a blackout that was written cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A window has another form.
    #[error(
        "the window {written:?} has not the form `Mon-Fri 01:00-04:00 Europe/Berlin`: days (`daily`, names of days, and ranges of \
         them, separated by commas), a time from and to, and a time zone"
    )]
    Window {
        /// The text.
        written: String,
    },
    /// There is no such time zone.
    #[error("the window {written:?} names no time zone that is known here: {zone:?}")]
    TimeZone {
        /// The text.
        written: String,
        /// The name.
        zone: String,
    },
    /// A blackout has another form.
    #[error(
        "the blackout {written:?} is neither a date, as `2026-12-31`, nor a first and a last one, as `2026-12-24..2027-01-02`"
    )]
    Blackout {
        /// The text.
        written: String,
    },
}

#[cfg(test)]
mod tests;

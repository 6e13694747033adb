//! Dates on which nothing is done.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{MaintenanceError, Opening};

/// Dates on which nothing is done, the first and the last included. Its text is `2026-12-24..2027-01-02`, or one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Blackout {
    first: Date,
    last: Date,
}

impl Blackout {
    /// The time of these dates in a time zone.
    pub(super) fn in_zone(self, zone: &TimeZone) -> Opening {
        let begin = |date: Date| date.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        Opening {
            from: begin(self.first).unwrap_or(Timestamp::MIN),
            until: self.last.tomorrow().and_then(begin).unwrap_or(Timestamp::MAX),
        }
    }
}

impl FromStr for Blackout {
    type Err = MaintenanceError;

    fn from_str(written: &str) -> Result<Self, MaintenanceError> {
        let wrong = || MaintenanceError::Blackout { written: written.to_owned() };
        let date = |text: &str| text.trim().parse::<Date>().map_err(|_| wrong());
        let (first, last) = written.split_once("..").unwrap_or((written, written));
        let (first, last) = (date(first)?, date(last)?);
        if last < first { Err(wrong()) } else { Ok(Self { first, last }) }
    }
}

impl From<Blackout> for String {
    fn from(value: Blackout) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for Blackout {
    type Error = MaintenanceError;

    fn try_from(written: String) -> Result<Self, MaintenanceError> {
        written.parse()
    }
}

impl fmt::Display for Blackout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last == self.first { Ok(()) } else { write!(f, "..{}", self.last) }
    }
}

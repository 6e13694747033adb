//! The times of cron.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, ToSpan, Unit, tz::TimeZone};

/// The times at which cron starts something: the first five fields of its line. Zones keep UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    minutes: BTreeSet<u8>,
    hours: BTreeSet<u8>,
    days: BTreeSet<u8>,
    months: BTreeSet<u8>,
    /// 0 is Sunday.
    weekdays: BTreeSet<u8>,
    /// Both kinds of days are restricted: then either is enough.
    either_day: bool,
}

impl Schedule {
    /// Manta's own, where a zone does not tell: every night at midnight.
    pub fn nightly() -> Self {
        Self {
            text: "0 0 * * *".to_owned(),
            minutes: [0].into(),
            hours: [0].into(),
            days: (1..=31).collect(),
            months: (1..=12).collect(),
            weekdays: (0..=6).collect(),
            either_day: false,
        }
    }

    /// The times after `from` and up to `to`, at most `limit` of them.
    pub fn between(&self, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Timestamp> {
        let mut times = Vec::new();
        let from = from.to_zoned(TimeZone::UTC);
        let Ok(mut minute) = from.round((Unit::Minute, 1)) else { return times };
        while minute <= from {
            minute = minute.saturating_add(1.minute());
        }
        while minute.timestamp() <= to && times.len() < limit {
            if !self.is_day(&minute) {
                let Ok(day) = minute.start_of_day() else { break };
                minute = day.saturating_add(1.day());
                continue;
            }
            if self.has(&self.hours, minute.hour()) && self.has(&self.minutes, minute.minute()) {
                times.push(minute.timestamp());
            }
            minute = minute.saturating_add(1.minute());
        }
        times
    }

    fn is_day(&self, day: &jiff::Zoned) -> bool {
        let of_month = self.has(&self.days, day.day());
        let of_week = self.has(&self.weekdays, day.weekday().to_sunday_zero_offset());
        let fits = if self.either_day { of_month || of_week } else { of_month && of_week };
        fits && self.has(&self.months, day.month())
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the schedule")]
    fn has(&self, field: &BTreeSet<u8>, value: i8) -> bool {
        u8::try_from(value).is_ok_and(|value| field.contains(&value))
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(InvalidSchedule(text.to_owned()));
        };
        let field = |field: &str, low, high| {
            parse_field(field, low, high).ok_or_else(|| InvalidSchedule(text.to_owned()))
        };
        let mut of_week = field(weekdays, 0, 7)?;
        if of_week.remove(&7) {
            of_week.insert(0);
        }
        Ok(Self {
            text: fields.join(" "),
            minutes: field(minutes, 0, 59)?,
            hours: field(hours, 0, 23)?,
            days: field(days, 1, 31)?,
            months: field(months, 1, 12)?,
            weekdays: of_week,
            either_day: *days != "*" && *weekdays != "*",
        })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `*`, `*/10`, `3`, `1-5`, `0-20/10`, and lists of these.
fn parse_field(text: &str, low: u8, high: u8) -> Option<BTreeSet<u8>> {
    let mut values = BTreeSet::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => {
                let only: u8 = range.parse().ok()?;
                (only, if part.contains('/') { high } else { only })
            }
        };
        if first < low || last > high || first > last {
            return None;
        }
        values.extend((first..=last).step_by(step));
    }
    Some(values)
}

/// The text is not the time of a line of cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} are not the five fields of a line of cron")]
pub struct InvalidSchedule(String);

#[cfg(test)]
mod tests {
    use super::*;

    fn times(schedule: &str, from: &str, to: &str) -> Vec<String> {
        let schedule: Schedule = schedule.parse().unwrap();
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        schedule.between(from, to, 10).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_night() {
        let night = times("0 0 * * *", "2024-05-06T23:10:00Z", "2024-05-08T00:00:00Z");
        assert_eq!(night, ["2024-05-07T00:00:00Z", "2024-05-08T00:00:00Z"]);
        assert_eq!(Schedule::nightly(), "0 0 * * *".parse().unwrap());
        // What began before the lock is not missed.
        assert!(times("0 0 * * *", "2024-05-06T00:00:00Z", "2024-05-06T23:59:59Z").is_empty());
        assert!(times("0 0 * * *", "2024-05-06T00:00:30Z", "2024-05-06T23:59:59Z").is_empty());
    }

    #[test]
    fn lists_ranges_and_steps() {
        let quarter = times("*/15 1-2 * * *", "2024-05-06T01:20:00Z", "2024-05-06T02:15:00Z");
        assert_eq!(quarter.len(), 4, "{quarter:?}");
        let listed = times("5,10 0 * * *", "2024-05-06T00:00:00Z", "2024-05-06T12:00:00Z");
        assert_eq!(listed, ["2024-05-06T00:05:00Z", "2024-05-06T00:10:00Z"]);
    }

    #[test]
    fn days_of_week_and_month() {
        // 2024-05-12 is a Sunday.
        for sunday in ["0 0 * * 0", "0 0 * * 7"] {
            let found = times(sunday, "2024-05-06T00:00:00Z", "2024-05-18T00:00:00Z");
            assert_eq!(found, ["2024-05-12T00:00:00Z"], "{sunday}");
        }
        let either = times("0 0 10 * 0", "2024-05-06T00:00:00Z", "2024-05-18T00:00:00Z");
        assert_eq!(either, ["2024-05-10T00:00:00Z", "2024-05-12T00:00:00Z"]);
        assert!(times("0 0 * 6 *", "2024-05-06T00:00:00Z", "2024-05-18T00:00:00Z").is_empty());
    }

    #[test]
    fn other_lines_are_refused() {
        for line in
            ["", "0 0 * *", "60 0 * * *", "0 0 0 * *", "5-1 0 * * *", "*/0 * * * *", "x 0 * * *"]
        {
            assert!(line.parse::<Schedule>().is_err(), "{line:?}");
        }
    }
}

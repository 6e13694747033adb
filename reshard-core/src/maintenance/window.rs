//! A window that comes again every week.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Blackout, MaintenanceError, Opening};

/// The number of days in which an opening is looked for.
const DAYS: usize = 370;

/// A window that comes again every week. Its text is `Mon-Fri 01:00-04:00 Europe/Berlin`: the days on which it begins, its times,
/// and its time zone. It ends on the next day if it ends at no later time than it begins; `24:00` is the end of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MaintenanceWindow {
    written: String,
    /// The days on which it begins, Monday first.
    days: [bool; 7],
    from: Time,
    /// Absent for the end of the day.
    until: Option<Time>,
    zone: TimeZone,
}

impl MaintenanceWindow {
    /// Every time, by the dates of UTC.
    pub(super) fn always() -> Self {
        Self {
            written: "daily 00:00-24:00 UTC".to_owned(),
            days: [true; 7],
            from: Time::midnight(),
            until: None,
            zone: TimeZone::UTC,
        }
    }

    /// The first opening that is not over at a time.
    pub(super) fn next(&self, now: Timestamp, blackouts: &[Blackout]) -> Option<Opening> {
        let closed: Vec<Opening> =
            blackouts.iter().map(|blackout| blackout.in_zone(&self.zone)).collect();
        let today = now.to_zoned(self.zone.clone()).date();
        // Yesterday's may end today.
        let dates = today.yesterday().ok()?.series(1.day()).take(DAYS);
        let openings = dates.filter_map(|date| self.on(date));
        openings.flat_map(|opening| without(opening, &closed)).find(|opening| opening.until > now)
    }

    /// The opening that begins on a date.
    fn on(&self, date: Date) -> Option<Opening> {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !*self.days.get(day)? {
            return None;
        }
        let end = match self.until {
            Some(until) if until > self.from => date.to_datetime(until),
            Some(until) => date.tomorrow().ok()?.to_datetime(until),
            None => date.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        let from = date.to_datetime(self.from).to_zoned(self.zone.clone()).ok()?.timestamp();
        let until = end.to_zoned(self.zone.clone()).ok()?.timestamp();
        // When clocks are put forward there may be nothing left of it.
        (from < until).then_some(Opening { from, until })
    }
}

/// The parts of an opening that are left, in order.
fn without(opening: Opening, closed: &[Opening]) -> Vec<Opening> {
    let mut left = vec![opening];
    for hole in closed {
        left = left
            .into_iter()
            .flat_map(|Opening { from, until }| {
                [
                    Opening { from, until: until.min(hole.from) },
                    Opening { from: from.max(hole.until), until },
                ]
            })
            .filter(|part| part.from < part.until)
            .collect();
    }
    left.sort_unstable();
    left
}

impl FromStr for MaintenanceWindow {
    type Err = MaintenanceError;

    fn from_str(written: &str) -> Result<Self, MaintenanceError> {
        let wrong = || MaintenanceError::Window { written: written.to_owned() };
        let words: Vec<&str> = written.split_whitespace().collect();
        let [days, times, zone] = words[..] else { return Err(wrong()) };
        let (from, until) = times.split_once('-').ok_or_else(wrong)?;
        let until = if until == "24:00" { None } else { Some(time(until).ok_or_else(wrong)?) };
        let zone_is_unknown =
            |_| MaintenanceError::TimeZone { written: written.to_owned(), zone: zone.to_owned() };
        Ok(Self {
            written: words.join(" "),
            days: parsed_days(days).ok_or_else(wrong)?,
            from: time(from).ok_or_else(wrong)?,
            until,
            zone: TimeZone::get(zone).map_err(zone_is_unknown)?,
        })
    }
}

impl From<MaintenanceWindow> for String {
    fn from(value: MaintenanceWindow) -> Self {
        value.to_string()
    }
}

impl TryFrom<String> for MaintenanceWindow {
    type Error = MaintenanceError;

    fn try_from(written: String) -> Result<Self, MaintenanceError> {
        written.parse()
    }
}

impl fmt::Display for MaintenanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// A time of the form `01:30`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// The days in `daily`, `Mon-Fri`, `Sat,Sun`; a range may go past Sunday.
fn parsed_days(text: &str) -> Option<[bool; 7]> {
    if text.eq_ignore_ascii_case("daily") {
        return Some([true; 7]);
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        for day in first.cycle_forward() {
            let number = usize::try_from(day.to_monday_zero_offset()).ok()?;
            *days.get_mut(number)? = true;
            if day == last {
                break;
            }
        }
    }
    Some(days)
}

fn day(text: &str) -> Option<Weekday> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let number = names.iter().position(|name| text.eq_ignore_ascii_case(name))?;
    Weekday::from_monday_zero_offset(i8::try_from(number).ok()?).ok()
}

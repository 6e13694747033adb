//! The age of the newest transaction that a standby has replayed.

use serde_json::{Value, json};

/// An interval of PostgreSQL's, in the parts that its clients make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
}

impl Interval {
    /// Reads PostgreSQL's text, style `postgres`: `1 year 2 mons -3 days -04:05:06.789`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut interval = Self::default();
        let mut words = text.split_ascii_whitespace();
        while let Some(word) = words.next() {
            if word.contains(':') {
                interval.add_time(word)?;
                continue;
            }
            let number: i64 = word.parse().ok()?;
            match words.next()?.trim_end_matches('s') {
                "year" => interval.months += 12 * number,
                "mon" => interval.months += number,
                "day" => interval.days += number,
                _ => return None,
            }
        }
        Some(interval)
    }

    fn add_time(&mut self, time: &str) -> Option<()> {
        let (sign, time) = match time.strip_prefix('-') {
            Some(time) => (-1, time),
            None => (1, time.trim_start_matches('+')),
        };
        let whole = time.split('.').next()?;
        let mut parts = whole.split(':').map(|part| part.parse::<i64>().ok());
        self.hours = sign * parts.next()??;
        self.minutes = sign * parts.next()??;
        self.seconds = sign * parts.next()??;
        Some(())
    }

    /// `%dm%02ds`: hours and days are minutes. Months have no length: `?`.
    pub(super) fn text(self) -> String {
        if self.months != 0 {
            return "?".to_owned();
        }
        let minutes = (self.days * 24 + self.hours) * 60 + self.minutes;
        let seconds = minutes * 60 + self.seconds;
        // The quotient is rounded down, the remainder has the sign of the dividend.
        format!("{}m{:02}s", seconds.div_euclid(60), seconds % 60)
    }

    /// As an object of the parts.
    pub(super) fn json(self) -> Value {
        let mut parts = serde_json::Map::new();
        for (name, part) in [("months", self.months), ("days", self.days), ("hours", self.hours)] {
            if part != 0 {
                parts.insert(name.to_owned(), part.into());
            }
        }
        parts.insert("minutes".to_owned(), json!(self.minutes));
        parts.insert("seconds".to_owned(), json!(self.seconds));
        Value::Object(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_tool_prints_intervals() {
        for (interval, text) in [
            ("00:00:00.4", "0m00s"),
            ("00:00:03.21", "0m03s"),
            ("02:03:09", "123m09s"),
            ("1 day 00:01:05", "1441m05s"),
            ("-00:00:03", "-1m-3s"),
            ("-00:01:05", "-2m-5s"),
            ("1 mon 00:00:01", "?"),
            ("1 year", "?"),
        ] {
            assert_eq!(Interval::parse(interval).unwrap().text(), text, "{interval}");
        }
        assert_eq!(Interval::parse("soon"), None);
    }

    #[test]
    fn small_parts_are_always_there() {
        let json = |text: &str| Interval::parse(text).unwrap().json().to_string();
        assert_eq!(json("00:00:03"), r#"{"minutes":0,"seconds":3}"#);
        assert_eq!(json("2 days 01:00:00"), r#"{"days":2,"hours":1,"minutes":0,"seconds":0}"#);
    }
}

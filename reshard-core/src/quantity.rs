//! Numbers for people, with their units. Programs get plain numbers in JSON.

use std::time::Duration;

/// A size, such as `512 B`, `1.5 MiB` or `48 GiB`.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        // What would be rounded to 1024 has the larger unit.
        if size < 1023.5 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit != "B" && size < 9.95 {
        format!("{size:.1} {unit}")
    } else {
        format!("{size:.0} {unit}")
    }
}

/// A size per second, such as `60 MiB/s`; nothing if no time has passed.
pub fn rate(size: u64, took: Duration) -> Option<String> {
    per_second(size, took).map(|each| format!("{}/s", bytes(each)))
}

/// The number in a second, rounded; nothing if no time has passed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not that precise, and never negative"
)]
pub fn per_second(number: u64, took: Duration) -> Option<u64> {
    let each = number as f64 / took.as_secs_f64();
    each.is_finite().then_some(each as u64)
}

/// A number of things, with commas between thousands: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in milliseconds since 1970, as JavaScript counts, in UTC: `2026-01-31T20:00:00.123Z`.
pub fn time_of_millis(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis);
    time.map_or_else(|_| format!("{millis} ms after 1970"), |time| time.to_string())
}

/// A duration, as precise as it matters: `0.4 s`, `75 s`, `12 min 30 s`, `3 h 5 min`, `2 d 4 h`.
pub fn duration(took: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    if took < Duration::from_millis(9_950) {
        return format!("{:.1} s", took.as_secs_f64());
    }
    let seconds = took.as_secs() + u64::from(took.subsec_millis() >= 500);
    let pair = |large: u64, of: &str, small: u64, rest: &str| {
        let small = seconds % large / small;
        let large = seconds / large;
        if small == 0 { format!("{large} {of}") } else { format!("{large} {of} {small} {rest}") }
    };
    match seconds {
        0..120 => format!("{seconds} s"),
        120..HOUR => pair(MINUTE, "min", 1, "s"),
        HOUR..DAY => pair(HOUR, "h", MINUTE, "min"),
        _ => pair(DAY, "d", HOUR, "h"),
    }
}

/// A duration given in seconds, as [`duration`]. What is negative or no number is none.
pub fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_not_told_in_milliseconds() {
        assert_eq!(time_of_millis(1_769_889_600_123), "2026-01-31T20:00:00.123Z");
        assert_eq!(time_of_millis(i64::MAX), "9223372036854775807 ms after 1970");
    }

    #[test]
    fn sizes_have_the_unit_that_keeps_them_short() {
        for (size, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10 << 10, "10 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (16 << 20, "16 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(size), shown);
        }
        assert_eq!(rate(120 << 20, Duration::from_secs(2)).unwrap(), "60 MiB/s");
        assert_eq!(rate(1, Duration::ZERO), None);
        assert_eq!(per_second(10, Duration::from_secs(4)), Some(2));
    }

    #[test]
    fn counts_can_be_read() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (693_000, "693,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), shown);
        }
    }

    #[test]
    fn durations_are_as_precise_as_matters() {
        for (milliseconds, shown) in [
            (0, "0.0 s"),
            (420, "0.4 s"),
            (9_940, "9.9 s"),
            (9_960, "10 s"),
            (75_400, "75 s"),
            (119_600, "2 min"),
            (750_000, "12 min 30 s"),
            (3_600_000, "1 h"),
            (11_130_000, "3 h 5 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), shown);
        }
        assert_eq!(seconds(2.25), "2.2 s");
        assert_eq!((seconds(-1.0), seconds(f64::NAN)), ("0.0 s".to_owned(), "0.0 s".to_owned()));
    }
}

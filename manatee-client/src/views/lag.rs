//! The `LAG` column.

use std::fmt;
use std::str::FromStr;

/// The time since the commit of the transaction that a standby replayed last. It grows while nothing is written and says
/// nothing about how far a standby is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// `-`: a primary, a peer that does not answer, or one that has replayed nothing since it started.
    None,
    /// `?`: manatee-adm could not tell, because the interval has months.
    Unknown,
    /// `3m05s`: whole seconds, negative if the clocks differ.
    Seconds(i64),
}

impl Lag {
    /// The column's value for an age in seconds, cut to whole ones.
    pub fn from_age(age: Option<f64>) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the column has whole seconds, and `as` saturates"
        )]
        age.map_or(Self::None, |age| Self::Seconds(age.trunc() as i64))
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Unknown => f.write_str("?"),
            // manatee-adm rounds the minutes down and takes the sign of the whole for the seconds: -3 s is "-1m-3s".
            Self::Seconds(seconds) => {
                write!(f, "{}m{:02}s", seconds.div_euclid(60), seconds % 60)
            }
        }
    }
}

impl FromStr for Lag {
    type Err = BadLag;

    fn from_str(text: &str) -> Result<Self, BadLag> {
        let seconds = || {
            let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
            let (minutes, seconds): (i64, i64) = (plain(minutes)?, plain(seconds)?);
            // Minutes rounded down and seconds with the sign of the whole: one minute too many if it is negative.
            let minutes = if seconds < 0 { minutes.checked_add(1)? } else { minutes };
            minutes.checked_mul(60)?.checked_add(seconds)
        };
        match text {
            "-" => Ok(Self::None),
            "?" => Ok(Self::Unknown),
            _ => seconds().map(Self::Seconds).ok_or_else(|| BadLag(text.to_owned())),
        }
    }
}

fn plain(number: &str) -> Option<i64> {
    if number.starts_with('+') { None } else { number.parse().ok() }
}

/// The text is none of manatee-adm's durations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no lag; one looks like 3m05s, - or ?")]
pub struct BadLag(String);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn minutes_fold_and_negatives_are_as_odd_as_the_real_ones() {
        for (seconds, text) in [
            (0.9, "0m00s"),
            (3.0, "0m03s"),
            (64.0, "1m04s"),
            (7389.0, "123m09s"),
            (86_465.0, "1441m05s"),
            (-0.4, "0m00s"),
            (-3.0, "-1m-3s"),
            (-65.0, "-2m-5s"),
        ] {
            let lag = Lag::from_age(Some(seconds));
            assert_eq!(lag.to_string(), text);
            assert_eq!(text.parse(), Ok(lag));
        }
        assert_eq!(Lag::from_age(None).to_string(), "-");
        assert_eq!("?".parse(), Ok(Lag::Unknown));
        for text in ["", "3", "3m", "m3s", "3m+5s", "1h", "0m00s0"] {
            assert!(text.parse::<Lag>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(seconds in -1_000_000i64..1_000_000) {
            let lag = Lag::Seconds(seconds);
            prop_assert_eq!(lag.to_string().parse::<Lag>(), Ok(lag));
        }
    }
}

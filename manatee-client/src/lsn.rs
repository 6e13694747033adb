//! Positions in PostgreSQL's write-ahead log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A position in the write-ahead log, in bytes from its beginning.
///
/// PostgreSQL writes it as two hexadecimal halves, `2C/5A9BB0E0`. It does not pad them with zeros, so positions must never
/// be compared as text: `9/0` is before `10/0`.
///
/// ```
/// use manatee_client::Lsn;
///
/// let start: Lsn = "2C/FFFFFFF0".parse()?;
/// let end: Lsn = "2D/10".parse()?;
/// assert!(start < end);
/// assert_eq!(end.bytes_after(start), 32);
/// assert_eq!(end.to_string(), "2D/10");
/// # Ok::<(), manatee_client::BadLsn>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// The beginning of the log. As a generation's `initWal` it lets a sync take over however far behind it is.
    pub const ZERO: Self = Self(0);

    /// The position that many bytes from the beginning of the log.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes from the beginning of the log.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes that this position is past `earlier`; 0 if it is not past it.
    pub const fn bytes_after(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads a position as the sitters do (`parseInt(half, 16)` on both halves): anything may follow the digits.
    pub(crate) fn parse_as_sitters(text: &str) -> Option<Self> {
        let mut halves = text.split('/');
        let (high, low) = (leading_hex(halves.next()?)?, leading_hex(halves.next()?)?);
        if halves.next().is_some() {
            return None;
        }
        Some(Self((high << 32) | low))
    }
}

/// The number at the beginning of the text, as JavaScript's `parseInt(text, 16)` reads it; no more than 32 bits of it.
fn leading_hex(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    let digits = text.get(..end).filter(|digits| !digits.is_empty())?;
    Some(u64::from(u32::from_str_radix(digits, 16).unwrap_or(u32::MAX)))
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// As PostgreSQL writes it.
impl Serialize for Lsn {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Lsn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Lsn {
    type Err = BadLsn;

    fn from_str(text: &str) -> Result<Self, BadLsn> {
        let half = |half: &str| {
            let plain =
                (1..=8).contains(&half.len()) && half.bytes().all(|b| b.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(half, 16).ok()).flatten()
        };
        text.split_once('/')
            .and_then(|(high, low)| Some(Self((half(high)? << 32) | half(low)?)))
            .ok_or_else(|| BadLsn(text.to_owned()))
    }
}

/// The text is not a position in a write-ahead log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a WAL position; one looks like 2C/5A9BB0E0")]
pub struct BadLsn(String);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_as_numbers_and_not_as_text() {
        let parse = |text: &str| text.parse::<Lsn>().unwrap();
        assert!(parse("9/0") < parse("10/0"));
        assert!(parse("A/FFFFFFFF") < parse("B/0"));
        assert_eq!(parse("0/0000000"), Lsn::ZERO);
        assert_eq!(parse("2c/5a"), parse("2C/0000005A"));
    }

    #[test]
    fn refuses_what_postgresql_never_writes() {
        for text in
            ["", "/", "1", "1/", "/1", "1/zz", "foo", "1/2/3", "-1/0", "1/123456789", "1/ 2"]
        {
            assert!(text.parse::<Lsn>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sitters_read_digits_and_ignore_what_follows() {
        assert_eq!(Lsn::parse_as_sitters("1/2zz"), Some(Lsn((1 << 32) | 2)));
        assert!(Lsn::parse_as_sitters("123456789/0").is_some());
        for text in ["foo", "1/zz", "1", ""] {
            assert_eq!(Lsn::parse_as_sitters(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(bytes: u64) {
            let lsn = Lsn::from_bytes(bytes);
            prop_assert_eq!(lsn.to_string().parse::<Lsn>(), Ok(lsn));
            prop_assert_eq!(Lsn::parse_as_sitters(&lsn.to_string()), Some(lsn));
        }

        #[test]
        fn what_postgresql_writes_sitters_read_alike(text in "[0-9A-Fax ]{0,9}/?[0-9A-Fax ]{0,9}") {
            if let Ok(lsn) = text.parse::<Lsn>() {
                prop_assert_eq!(Lsn::parse_as_sitters(&text), Some(lsn));
            }
        }
    }
}

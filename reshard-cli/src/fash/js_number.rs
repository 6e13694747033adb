//! A count as node-fash's option parser reads it, with JavaScript's `Number()`: [`VnodeCount`].

use std::str::FromStr;

/// The number of vnodes that a ring is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VnodeCount(pub(crate) u32);

/// The text is not a number of vnodes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ring has a whole number of vnodes, from 1 to {max}", max = u32::MAX)]
pub(crate) struct InvalidVnodeCount;

impl FromStr for VnodeCount {
    type Err = InvalidVnodeCount;

    /// Takes `1000`, `+10`, `1e6`, `0x10`, `0o17` and `0b101`; node-fash also took fractions and negative numbers.
    fn from_str(text: &str) -> Result<Self, InvalidVnodeCount> {
        let text = text.trim();
        let radix = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            Some(_) | None => 10,
        };
        let count = match text.get(2..) {
            Some(digits) if radix != 10 && !digits.starts_with('+') => {
                u32::from_str_radix(digits, radix).ok()
            }
            Some(_) | None => decimal(text),
        };
        count.filter(|&count| count >= 1).map(Self).ok_or(InvalidVnodeCount)
    }
}

fn decimal(text: &str) -> Option<u32> {
    if let Ok(count) = text.parse() {
        return Some(count);
    }
    // Keeps out "inf" and "nan", which Rust would take.
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let number = text.parse::<f64>().ok().filter(|_| is_number)?;
    // Printing is the exact way from a float to an integer that the standard library has.
    format!("{number}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_in_any_spelling_of_javascript() {
        for (text, count) in [
            ("1", 1),
            (" 10 ", 10),
            ("+10", 10),
            ("0x10", 16),
            ("0B11", 3),
            ("0o17", 15),
            ("1e1", 10),
            ("1E6", 1_000_000),
            ("2.50e1", 25),
            ("5.", 5),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(text.parse(), Ok(VnodeCount(count)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            "0",
            "-5",
            "2.5",
            "abc",
            "0x",
            "0x+1",
            "1e",
            "inf",
            "NaN",
            "Infinity",
            "1_000",
            "4294967296",
            "1e99",
            "-0x10",
            "1e-3",
        ] {
            assert_eq!(text.parse::<VnodeCount>(), Err(InvalidVnodeCount), "{text}");
        }
    }
}

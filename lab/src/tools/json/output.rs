//! The printed form of values.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;

use super::super::options::usage;
use super::super::session::Failure;

/// `json` prints JSON; `jsony` the same, but a text alone without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    bare_texts: bool,
    /// By how much inner values are indented. 0: all on a line.
    indent: usize,
}

impl Style {
    pub(super) const JSON: Self = Self { bare_texts: false, indent: 2 };
    pub(super) const JSONY: Self = Self { bare_texts: true, indent: 2 };
    pub(super) const COMPACT_JSON: Self = Self { bare_texts: false, indent: 0 };
    pub(super) const COMPACT_JSONY: Self = Self { bare_texts: true, indent: 0 };

    /// Reads the argument of `-o`.
    pub(super) fn parse(mode: &str) -> Result<Self, Failure> {
        let (name, indent) = match mode.split_once('-') {
            Some((name, indent)) => (name, indent.parse().ok().filter(|indent| *indent <= 16)),
            None => (mode, Some(2)),
        };
        match (name, indent) {
            ("json", Some(indent)) => Ok(Self { bare_texts: false, indent }),
            ("jsony", Some(indent)) => Ok(Self { bare_texts: true, indent }),
            _ => usage(format!("json: unknown output mode: {mode}")),
        }
    }

    /// Writes a value.
    pub(super) fn write(self, out: &mut String, value: &Value) {
        match value.as_str().filter(|_| self.bare_texts) {
            Some(text) => out.push_str(text),
            None if self.indent == 0 => out.push_str(&value.to_string()),
            None => out.push_str(&pretty(value, self.indent)),
        }
    }
}

fn pretty(value: &Value, indent: usize) -> String {
    let blanks = vec![b' '; indent];
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(&blanks);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        // Values are always written; a compact text is as good.
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_an_indent() {
        assert_eq!(Style::parse("json-0").unwrap(), Style::COMPACT_JSON);
        assert_eq!(Style::parse("jsony").unwrap(), Style::JSONY);
        assert!(Style::parse("inspect").is_err() && Style::parse("json-x").is_err());
    }
}

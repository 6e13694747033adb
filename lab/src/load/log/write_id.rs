//! The [`WriteId`], which every value carries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of one write: which run of a load it is of, and its number there. As text `5f2a9c01-123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WriteId {
    /// The run.
    pub run: u32,
    /// The number of the write in the run. The numbers of the writes of one key rise.
    pub number: u64,
}

/// The text is no id of a write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no id of a write, such as 5f2a9c01-123")]
pub struct InvalidWriteId(String);

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.run, self.number)
    }
}

impl FromStr for WriteId {
    type Err = InvalidWriteId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (run, number) = text.split_once('-')?;
            let id = Self { run: u32::from_str_radix(run, 16).ok()?, number: number.parse().ok()? };
            // One text for each id.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| InvalidWriteId(text.to_owned()))
    }
}

impl TryFrom<String> for WriteId {
    type Error = InvalidWriteId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WriteId> for String {
    fn from(id: WriteId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_one_text() {
        let id = WriteId { run: 0x5f, number: 123 };
        assert_eq!(id.to_string(), "0000005f-123");
        assert_eq!("0000005f-123".parse(), Ok(id));
        for text in ["", "5f-1", "0000005f", "0000005f-", "0000005f-01", "0000005F-1", "+000005f-1"]
        {
            assert!(text.parse::<WriteId>().is_err(), "{text}");
        }
    }
}

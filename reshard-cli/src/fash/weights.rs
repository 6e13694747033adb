//! How much each vnode weighs, measured in whatever the caller likes: rows, bytes, requests.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use fash::{InvalidVnode, Vnode};

use super::error::{Error, Result};

/// Why a file does not say what vnodes weigh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidWeights {
    #[error("line {line}: {text:?} is not a vnode and its weight")]
    Line { line: usize, text: String },
    #[error("vnode {vnode}: {text:?} is not a weight (a whole number from 0)")]
    Weight { vnode: Vnode, text: String },
    #[error(transparent)]
    Vnode(#[from] InvalidVnode),
    #[error("vnode {0} is listed more than once")]
    Duplicate(Vnode),
    #[error("the file is neither lines of `vnode weight` nor a JSON object")]
    Json(#[source] serde_json::Error),
}

/// The vnodes' weights. A vnode that is not listed weighs nothing.
#[derive(Debug, Default)]
pub(crate) struct Weights(HashMap<Vnode, u64>);

impl Weights {
    pub(crate) fn of(&self, vnode: Vnode) -> u64 {
        self.0.get(&vnode).copied().unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Vnode, u64)> {
        self.0.iter().map(|(&vnode, &weight)| (vnode, weight))
    }

    /// Reads lines of a vnode and its weight, or a JSON object such as `{"0":120,"1":80}`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let from = path.display().to_string();
        let text = if path == Path::new("-") {
            io::read_to_string(io::stdin().lock())
        } else {
            fs::read_to_string(path)
        };
        match text {
            Err(source) => Err(Error::Read { what: "weights", from, source }),
            Ok(text) => Self::parse(&text).map_err(|source| Error::Weights { from, source }),
        }
    }

    fn parse(text: &str) -> std::result::Result<Self, InvalidWeights> {
        let mut weights = HashMap::new();
        let mut add = |vnode: &str, weight: &str| {
            let vnode: Vnode = vnode.parse()?;
            let parsed = weight.parse();
            let weight =
                parsed.map_err(|_| InvalidWeights::Weight { vnode, text: weight.to_owned() })?;
            match weights.insert(vnode, weight) {
                Some(_) => Err(InvalidWeights::Duplicate(vnode)),
                None => Ok(()),
            }
        };
        if text.trim_start().starts_with('{') {
            let members: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(text).map_err(InvalidWeights::Json)?;
            members.iter().try_for_each(|(vnode, weight)| add(vnode, &weight.to_string()))?;
        } else {
            for (number, text) in (1..).zip(text.lines()) {
                let words: Vec<&str> = text.split_whitespace().collect();
                match words.as_slice() {
                    [] => {}
                    [vnode, weight] => add(vnode, weight)?,
                    _ => return Err(InvalidWeights::Line { line: number, text: text.to_owned() }),
                }
            }
        }
        Ok(Self(weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_json_say_the_same() {
        for text in ["0 120\n\n2\t80\n", r#"{"0": 120, "2": 80}"#] {
            let weights = Weights::parse(text).unwrap();
            assert_eq!([0, 1, 2].map(|v| weights.of(Vnode::new(v))), [120, 0, 80], "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("1", "line 1: \"1\" is not a vnode and its weight"),
            ("1 2\n1 3", "vnode 1 is listed more than once"),
            ("1 x", "vnode 1: \"x\" is not a weight (a whole number from 0)"),
            ("{\"1\": -5}", "vnode 1: \"-5\" is not a weight (a whole number from 0)"),
        ] {
            assert_eq!(Weights::parse(text).unwrap_err().to_string(), message);
        }
    }
}

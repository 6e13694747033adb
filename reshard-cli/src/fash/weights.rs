//! The weight of each vnode, measured in whatever the caller likes: rows, bytes, requests.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use fash::{InvalidVnode, Pnode, Vnode};

use super::error::{Error, Result};

/// The reason why a file does not say what vnodes weigh.
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
    #[error("it lists no vnode")]
    Empty,
    #[error(
        "it lists {listed} vnodes, {outside} of them beyond the {vnode_count} of the ring (the first is {first}): it is about \
         another ring"
    )]
    OfAnotherRing { listed: usize, outside: usize, vnode_count: u32, first: Vnode },
    #[error("none of the {listed} vnodes that it lists is one of the {own} of {from}")]
    OfOtherPnodes { listed: usize, own: usize, from: Pnode },
    #[error(
        "the {matching} vnodes of {from} that it lists weigh 0, all of them: --every takes vnodes by their number"
    )]
    Weightless { matching: usize, from: Pnode },
    #[error("the file is neither lines of `vnode weight` nor a JSON object")]
    Json(#[source] serde_json::Error),
}

/// The vnodes' weights. A vnode that is not listed weighs nothing.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The place where they were read.
    from: String,
    weights: HashMap<Vnode, u64>,
}

impl Weights {
    pub(crate) fn of(&self, vnode: Vnode) -> u64 {
        self.weights.get(&vnode).copied().unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Vnode, u64)> {
        self.weights.iter().map(|(&vnode, &weight)| (vnode, weight))
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
            Ok(text) => match parse(&text) {
                Ok(weights) => Ok(Self { from, weights }),
                Err(source) => Err(Error::Weights { from, source }),
            },
        }
    }

    /// Refuses weights that say nothing about a pnode's vnodes, or are about another ring.
    pub(crate) fn check(&self, pnode: &Pnode, vnodes: &[Vnode], vnode_count: u32) -> Result<()> {
        let problem = problem(&self.weights, pnode, vnodes, vnode_count);
        problem.map_or(Ok(()), |source| Err(Error::Weights { from: self.from.clone(), source }))
    }
}

fn problem(
    weights: &HashMap<Vnode, u64>,
    pnode: &Pnode,
    vnodes: &[Vnode],
    vnode_count: u32,
) -> Option<InvalidWeights> {
    let listed = weights.len();
    let outside = || weights.keys().copied().filter(|vnode| vnode.number() >= vnode_count);
    let matching = || vnodes.iter().filter_map(|vnode| weights.get(vnode));
    let from = || pnode.clone();
    if listed == 0 {
        Some(InvalidWeights::Empty)
    } else if let Some(first) = outside().min() {
        let outside = outside().count();
        Some(InvalidWeights::OfAnotherRing { listed, outside, vnode_count, first })
    } else if matching().next().is_none() {
        Some(InvalidWeights::OfOtherPnodes { listed, own: vnodes.len(), from: from() })
    } else if matching().all(|weight| *weight == 0) {
        Some(InvalidWeights::Weightless { matching: matching().count(), from: from() })
    } else {
        None
    }
}

fn parse(text: &str) -> std::result::Result<HashMap<Vnode, u64>, InvalidWeights> {
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
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_json_say_the_same() {
        for text in ["0 120\n\n2\t80\n", r#"{"0": 120, "2": 80}"#] {
            let weights = parse(text).unwrap();
            let of = |vnode| weights.get(&Vnode::new(vnode)).copied();
            assert_eq!([0, 1, 2].map(of), [Some(120), None, Some(80)], "{text}");
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
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn weights_that_say_nothing_are_refused_with_counts() {
        // Vnodes 0, 2, 4 and 6 of eight.
        let pnode: Pnode = "a".parse().unwrap();
        let own: Vec<Vnode> = (0..8).step_by(2).map(Vnode::new).collect();
        let said = |text: &str| {
            problem(&parse(text).unwrap(), &pnode, &own, 8).map(|problem| problem.to_string())
        };
        assert_eq!(said("").unwrap(), "it lists no vnode");
        assert_eq!(said("{}").unwrap(), "it lists no vnode");
        let words = "it lists 3 vnodes, 1 of them beyond the 8 of the ring (the first is 999): it is about another ring";
        assert_eq!(said("1 100\n3 100\n999 7\n").unwrap(), words);
        assert_eq!(
            said("1 100\n3 100").unwrap(),
            "none of the 2 vnodes that it lists is one of the 4 of a"
        );
        let words = "the 2 vnodes of a that it lists weigh 0, all of them: --every takes vnodes by their number";
        assert_eq!(said("0 0\n2 0\n1 5").unwrap(), words);
        assert_eq!(said("0 0\n2 1\n1 5"), None);
    }
}

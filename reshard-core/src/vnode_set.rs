//! Many vnodes in few words: `0-3,7,9-11`.

use std::fmt;
use std::str::FromStr;

use fash::Vnode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of vnodes. As text, and so in plans, it is a list of numbers and ranges in ascending order: `0-3,7,9-11`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct VnodeSet(Vec<Vnode>);

impl VnodeSet {
    /// The vnodes in ascending order.
    pub fn as_slice(&self) -> &[Vnode] {
        &self.0
    }

    /// The number of vnodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether this one is among them.
    pub fn contains(&self, vnode: Vnode) -> bool {
        self.0.binary_search(&vnode).is_ok()
    }

    /// In ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Vnode> {
        self.0.iter().copied()
    }

    /// Those of this set that are not in the other.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.iter().filter(|vnode| !other.contains(*vnode)).collect())
    }
}

impl FromIterator<Vnode> for VnodeSet {
    fn from_iter<I: IntoIterator<Item = Vnode>>(vnodes: I) -> Self {
        let mut vnodes: Vec<Vnode> = vnodes.into_iter().collect();
        vnodes.sort_unstable();
        vnodes.dedup();
        Self(vnodes)
    }
}

impl fmt::Display for VnodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let runs = self.0.chunk_by(|a, b| a.number() + 1 == b.number());
        for run in runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            write!(f, "{separator}{first}")?;
            if first != last {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for VnodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VnodeSet {
    type Err = InvalidVnodeSet;

    /// Any order; spaces around commas are allowed.
    fn from_str(text: &str) -> Result<Self, InvalidVnodeSet> {
        let mut vnodes = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let invalid = || InvalidVnodeSet { part: part.chars().take(64).collect() };
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: Vnode = first.trim().parse().map_err(|_| invalid())?;
            let last: Vnode = last.trim().parse().map_err(|_| invalid())?;
            let (first, last) = (first.number(), last.number());
            // A ring has at most ten million vnodes; a mistyped range shall not take all memory.
            if first > last || last - first >= 100_000_000 {
                return Err(invalid());
            }
            vnodes.extend((first..=last).map(Vnode::from));
        }
        Ok(vnodes.into_iter().collect())
    }
}

/// The text is no list of vnodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is neither a vnode nor a range of vnodes; expected something like 0-3,7,9-11")]
pub struct InvalidVnodeSet {
    /// The part that is wrong.
    pub part: String,
}

impl Serialize for VnodeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VnodeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_short_and_ascending() {
        let set: VnodeSet = [9, 1, 0, 2, 3, 7, 11, 10, 7].into_iter().map(Vnode::from).collect();
        assert_eq!(set.to_string(), "0-3,7,9-11");
        assert_eq!(" 9-11, 7,0-3,".parse::<VnodeSet>().unwrap(), set);
        assert_eq!("".parse::<VnodeSet>().unwrap(), VnodeSet::default());
        for bad in ["a", "3-1", "1-2-3", "-1", "0-4294967295"] {
            assert!(bad.parse::<VnodeSet>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_loses_nothing(vnodes in proptest::collection::vec(0u32..500, 0..200)) {
            let set: VnodeSet = vnodes.iter().copied().map(Vnode::from).collect();
            prop_assert_eq!(set.to_string().parse::<VnodeSet>().unwrap(), set.clone());
            let half: VnodeSet = set.iter().step_by(2).collect();
            let rest = set.minus(&half);
            prop_assert_eq!(rest.len() + half.len(), set.len());
            prop_assert!(rest.iter().all(|vnode| !half.contains(vnode)));
        }
    }
}

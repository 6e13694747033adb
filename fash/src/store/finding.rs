//! The things that an audit can find: [`Finding`].

use std::fmt;

use serde::Serialize;

use super::census::Keys;
use crate::{Pnode, Vnode};

/// The result of [`RingReader::audit`](crate::RingReader::audit).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The number of keys that the ring's database has.
    pub keys: u64,
    /// The findings, the graver first.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Tells whether the ring is whole: no finding is graver than [`Severity::Warning`].
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity() == Severity::Warning)
    }
}

/// The gravity of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Parts of the ring contradict each other or are missing.
    Damage,
    /// The ring works, but is not as node-fash's create would write it.
    Warning,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// Vnodes without a readable owner, key `/VNODE/<vnode>`.
    NoOwner {
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// The key `/PNODE` is missing or unreadable.
    PnodesUnusable {
        /// The cause.
        problem: String,
    },
    /// A pnode owns vnodes, but the key `/PNODE` does not name it.
    PnodeNotNamed {
        /// The pnode.
        pnode: Pnode,
        /// The number of vnodes that it owns.
        vnodes: u32,
    },
    /// The key `/PNODE` names a pnode more than once.
    PnodeNamedTwice {
        /// The pnode.
        pnode: Pnode,
    },
    /// The list of a pnode's vnodes, key `/PNODE/<pnode>`, is missing or unreadable.
    ListUnusable {
        /// The pnode.
        pnode: Pnode,
        /// The cause.
        problem: String,
        /// The number of vnodes that the pnode owns.
        vnodes: u32,
    },
    /// Vnodes that their owner's list lacks.
    NotListed {
        /// The owner.
        pnode: Pnode,
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// Vnodes in the list of a pnode that does not own them.
    WronglyListed {
        /// The pnode.
        pnode: Pnode,
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// Vnodes that are in their owner's list more than once.
    ListedTwice {
        /// The owner.
        pnode: Pnode,
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// A list that has vnodes as text instead of numbers: node-fash does not find them.
    ListHasText {
        /// The pnode.
        pnode: Pnode,
    },
    /// Vnodes without data, not even `1`, at their owner: no key `/PNODE/<owner>/<vnode>`.
    NoData {
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// Data of vnodes at pnodes that do not own them.
    StrayData {
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// Owners or data that are not JSON.
    UnreadableValues {
        /// The keys.
        keys: Keys,
    },
    /// `VNODE_DATA` is unreadable.
    VnodeDataUnusable {
        /// The cause.
        problem: String,
    },
    /// Vnodes that have data, but are not in `VNODE_DATA`.
    DataNotListed {
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// Vnodes in `VNODE_DATA` that have no data.
    DataWronglyListed {
        /// The vnodes.
        vnodes: Vnodes,
    },
    /// There is no `VNODE_DATA`, as in rings of node-fash before 2.0.2.
    NoVnodeData,
    /// `VNODE_DATA` has vnodes as text, as node-fash's deserialize-ring writes it, or more than once.
    VnodeDataUntidy,
    /// The interval is not the one that follows from the number of vnodes.
    UnusualInterval {
        /// The ring's interval.
        interval: String,
        /// The interval that a new ring would have.
        usual: String,
    },
    /// Two pnodes whose names a reader takes for one another: see [`lookalike`](crate::lookalike).
    PnodesLookAlike {
        /// The pnode that is named later.
        pnode: Pnode,
        /// The other.
        like: Pnode,
    },
    /// Keys that rings do not have.
    UnknownKeys {
        /// The keys.
        keys: Keys,
    },
    /// The last writes may be lost.
    LostWrites {
        /// The signs of it.
        problem: String,
    },
}

/// Vnodes: how many, and the first of them, at most ten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Vnodes {
    /// The number of them.
    pub count: u32,
    /// The first of them.
    pub first: Vec<Vnode>,
}

impl FromIterator<Vnode> for Vnodes {
    fn from_iter<I: IntoIterator<Item = Vnode>>(vnodes: I) -> Self {
        let mut sample = Self::default();
        for vnode in vnodes {
            sample.count += 1;
            if sample.first.len() < 10 {
                sample.first.push(vnode);
            }
        }
        sample
    }
}

impl Finding {
    /// The gravity of the finding.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoVnodeData
            | Self::VnodeDataUntidy
            | Self::UnusualInterval { .. }
            | Self::PnodesLookAlike { .. }
            | Self::UnknownKeys { .. } => Severity::Warning,
            Self::NoOwner { .. }
            | Self::PnodesUnusable { .. }
            | Self::PnodeNotNamed { .. }
            | Self::PnodeNamedTwice { .. }
            | Self::ListUnusable { .. }
            | Self::NotListed { .. }
            | Self::WronglyListed { .. }
            | Self::ListedTwice { .. }
            | Self::ListHasText { .. }
            | Self::NoData { .. }
            | Self::StrayData { .. }
            | Self::UnreadableValues { .. }
            | Self::VnodeDataUnusable { .. }
            | Self::DataNotListed { .. }
            | Self::DataWronglyListed { .. }
            | Self::LostWrites { .. } => Severity::Damage,
        }
    }
}

/// `3 vnodes (5, 7, 9)`
impl fmt::Display for Vnodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examples: Vec<String> = self.first.iter().map(ToString::to_string).collect();
        write_examples(f, u64::from(self.count), "vnode", &examples)
    }
}

/// `2 keys (a, b)`
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_examples(f, self.count, "key", &self.examples)
    }
}

fn write_examples(
    f: &mut fmt::Formatter<'_>,
    count: u64,
    noun: &str,
    examples: &[String],
) -> fmt::Result {
    let plural = if count == 1 { "" } else { "s" };
    let more = if count > examples.len() as u64 { ", …" } else { "" };
    write!(f, "{count} {noun}{plural} ({}{more})", examples.join(", "))
}

/// One line, without its severity.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOwner { vnodes } => write!(f, "no pnode owns {vnodes}"),
            Self::PnodesUnusable { problem } => {
                write!(f, "the list of pnodes cannot be used: {problem}")
            }
            Self::PnodeNotNamed { pnode, vnodes } => {
                write!(f, "{pnode} owns {vnodes} vnodes, but the list of pnodes does not name it")
            }
            Self::PnodeNamedTwice { pnode } => {
                write!(f, "the list of pnodes names {pnode} more than once")
            }
            Self::ListUnusable { pnode, problem, vnodes } => write!(
                f,
                "the list of the vnodes of {pnode}, which owns {vnodes}, cannot be used: {problem}"
            ),
            Self::NotListed { pnode, vnodes } => {
                write!(f, "the list of the vnodes of {pnode} lacks {vnodes} that it owns")
            }
            Self::WronglyListed { pnode, vnodes } => {
                write!(f, "the list of the vnodes of {pnode} has {vnodes} that it does not own")
            }
            Self::ListedTwice { pnode, vnodes } => {
                write!(f, "the list of the vnodes of {pnode} has more than once {vnodes}")
            }
            Self::ListHasText { pnode } => write!(
                f,
                "the list of the vnodes of {pnode} has vnodes as text, which node-fash does not find"
            ),
            Self::NoData { vnodes } => write!(f, "there is no data, not even 1, for {vnodes}"),
            Self::StrayData { vnodes } => {
                write!(f, "there is data at pnodes that do not own them for {vnodes}")
            }
            Self::UnreadableValues { keys } => write!(f, "the values cannot be read of {keys}"),
            Self::VnodeDataUnusable { problem } => write!(f, "VNODE_DATA cannot be used: {problem}"),
            Self::DataNotListed { vnodes } => {
                write!(f, "VNODE_DATA lacks, though they have data, {vnodes}")
            }
            Self::DataWronglyListed { vnodes } => {
                write!(f, "VNODE_DATA has, though they have no data, {vnodes}")
            }
            Self::NoVnodeData => {
                f.write_str("there is no VNODE_DATA, as in rings of node-fash before 2.0.2")
            }
            Self::VnodeDataUntidy => f.write_str(
                "VNODE_DATA has vnodes as text or more than once, as node-fash's deserialize-ring and add-data \
                 leave it",
            ),
            Self::UnusualInterval { interval, usual } => write!(
                f,
                "the interval {interval} is not the one that follows from the number of vnodes, {usual}"
            ),
            Self::PnodesLookAlike { pnode, like } => write!(
                f,
                "the pnodes {:?} and {:?} look alike, but are two: electric-moray looks for a shard of each name",
                like.as_str(),
                pnode.as_str()
            ),
            Self::UnknownKeys { keys } => write!(f, "a ring has nothing at {keys}"),
            Self::LostWrites { problem } => {
                write!(f, "the last writes to the ring may be lost: {problem}")
            }
        }
    }
}

//! The unusual things about a ring that could be read all the same.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::Pnode;

/// Something unusual about a ring, which was read all the same: whoever reads it should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The last writes to the ring may be lost; what was read is the ring before them.
    LostWrites(String),
    /// The ring has no `VNODE_DATA` (those of node-fash before 2.0.2 have none): the data of every vnode was read.
    NoVnodeData,
    /// The lists of the pnodes' vnodes contradict each other: the owner of every vnode was read instead.
    ListsDisagree(String),
    /// The list of a pnode cannot be used: its vnodes were found by reading the owner of every vnode.
    NoList(Pnode),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LostWrites(problem) => {
                write!(f, "the last writes to the ring may be lost: {problem}")
            }
            Self::NoVnodeData => f.write_str(
                "the ring has no key VNODE_DATA, as rings of node-fash before 2.0.2: the data of every vnode was read",
            ),
            Self::ListsDisagree(problem) => write!(
                f,
                "the ring is damaged: {problem}; the owner of every vnode was read instead of the pnodes' lists"
            ),
            Self::NoList(pnode) => write!(
                f,
                "the ring is damaged: the list of the vnodes of {pnode} is missing or unreadable; they were found \
                 by reading the owner of every vnode"
            ),
        }
    }
}

/// Notices, each kept once.
#[derive(Default)]
pub(super) struct Notices(Mutex<Vec<Notice>>);

impl Notices {
    pub(super) fn add(&self, notice: Notice) {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }

    pub(super) fn all(&self) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! Things that must not be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of a thing that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// An object that must be at its owner is not.
    Lost,
    /// The owner has a value that an acknowledged write has replaced.
    Stale,
    /// The owner has an object whose deletion was acknowledged.
    Resurrected,
    /// The owner has an object or a value that was never written, or whose write was refused.
    Phantom,
    /// The owner has a value that is not the one that was written, or whose etag is not its own.
    Damaged,
    /// The column `_vnode` is not the vnode of the key, or is null though the object was put by itself.
    WrongVnode,
    /// A shard that does not own it has a row, and must not.
    Ghost,
    /// Writes of one vnode were acknowledged by two shards in turns.
    TwoMasters,
    /// A write was acknowledged by a shard that no ring in force named, or for a vnode that is not the key's.
    Misrouted,
    /// A write was acknowledged whose condition cannot have been true.
    FalseCondition,
    /// A read saw what cannot have been there, or did not see what must.
    WrongRead,
    /// A read failed.
    FailedRead,
    /// The count of a directory's objects is wrong.
    DirectoryCount,
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost objects",
            Self::Stale => "stale values",
            Self::Resurrected => "deleted objects that are back",
            Self::Phantom => "phantom rows",
            Self::Damaged => "damaged values",
            Self::WrongVnode => "rows with a wrong vnode",
            Self::Ghost => "ghost rows where none may be",
            Self::TwoMasters => "vnodes written at two shards in turns",
            Self::Misrouted => "misrouted writes",
            Self::FalseCondition => "writes against their condition",
            Self::WrongRead => "reads that saw the wrong thing",
            Self::FailedRead => "failed reads where none may be",
            Self::DirectoryCount => "wrong directory counts",
        })
    }
}

impl ViolationKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Lost,
        Self::Stale,
        Self::Resurrected,
        Self::Phantom,
        Self::Damaged,
        Self::WrongVnode,
        Self::Ghost,
        Self::TwoMasters,
        Self::Misrouted,
        Self::FalseCondition,
        Self::WrongRead,
        Self::FailedRead,
        Self::DirectoryCount,
    ];
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The kind of the thing.
    pub kind: ViolationKind,
    /// The object's bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its vnode.
    pub vnode: u32,
    /// The shard where it was found, or should have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pnode: Option<String>,
    /// The problem, with ids of writes and times in seconds since the history began.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, bucket, key, vnode, pnode, text } = self;
        write!(f, "{kind}: {bucket} {key:?}, vnode {vnode}")?;
        if let Some(pnode) = pnode {
            write!(f, ", {pnode}")?;
        }
        write!(f, ": {text}")
    }
}

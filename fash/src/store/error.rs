//! The errors of a ring in LevelDB.

use std::error::Error;
use std::path::PathBuf;

use crate::leveldb::{DatabaseError, Holder};
use crate::{EditError, HashOutOfRange, InvalidInterval, Pnode, UnknownVnode, UnsupportedVersion};

/// A ring in a LevelDB directory cannot be read, made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The LevelDB directory itself.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The ring has no `COMPLETE`: making it was begun and never finished, or its last log is lost.
    #[error("the ring {path} is not complete: it has no key COMPLETE")]
    Incomplete {
        /// The ring's directory.
        path: PathBuf,
    },
    /// A key that every ring has is missing.
    #[error("the ring {path} has no key {key}")]
    MissingKey {
        /// The ring's directory.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// The value of a key is not what a ring has there.
    #[error("the ring {path} has a bad value at key {key}")]
    BadValue {
        /// The ring's directory.
        path: PathBuf,
        /// The key.
        key: String,
        /// The problem with the value.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The ring states a version that is not known.
    #[error("the ring {path} cannot be read")]
    Version {
        /// The ring's directory.
        path: PathBuf,
        /// The version that it states.
        #[source]
        source: UnsupportedVersion,
    },
    /// The ring's interval is not a number that can divide hashes.
    #[error("the ring {path} has a bad value at key ALGORITHM")]
    Interval {
        /// The ring's directory.
        path: PathBuf,
        /// The problem with it.
        #[source]
        source: InvalidInterval,
    },
    /// The vnode is not in the ring.
    #[error("cannot look up a vnode in the ring {path}")]
    UnknownVnode {
        /// The ring's directory.
        path: PathBuf,
        /// The vnode, and how many there are.
        #[source]
        source: UnknownVnode,
    },
    /// The pnode is not in the ring.
    #[error("pnode {pnode} is not in the ring {path}")]
    UnknownPnode {
        /// The ring's directory.
        path: PathBuf,
        /// The pnode.
        pnode: Pnode,
    },
    /// A key hashes to a vnode that the ring does not have.
    #[error("cannot look up a key in the ring {path}")]
    Hash {
        /// The ring's directory.
        path: PathBuf,
        /// The vnode that the key would have.
        #[source]
        source: HashOutOfRange,
    },
    /// The edit does not fit the ring; nothing was changed.
    #[error("cannot edit the ring {path}")]
    Edit {
        /// The ring's directory.
        path: PathBuf,
        /// The problem.
        #[source]
        source: EditError,
    },
    /// The ring's parts contradict each other, so that an edit would make it worse; nothing was changed.
    #[error("the ring {path} is damaged: {problem}; nothing was changed")]
    Damaged {
        /// The ring's directory.
        path: PathBuf,
        /// The first contradiction found.
        problem: String,
    },
    /// A damaged ring lacks what cannot be worked out from the rest.
    #[error("the ring {path} cannot be repaired: {problem}; restore it from its image")]
    Unrepairable {
        /// The ring's directory.
        path: PathBuf,
        /// The missing part.
        problem: String,
    },
}

impl StoreError {
    /// The holder of the ring's lock, if that is why the call failed.
    pub fn holder(&self) -> Option<Holder> {
        if let Self::Database(DatabaseError::InUse { holder, .. }) = self {
            Some(*holder)
        } else {
            None
        }
    }

    /// Tells whether the ring is damaged in a way that repairing it may mend.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Incomplete { .. }
            | Self::MissingKey { .. }
            | Self::BadValue { .. }
            | Self::Damaged { .. } => true,
            Self::Database(error) => matches!(error, DatabaseError::TornLog { .. }),
            Self::Version { .. }
            | Self::Interval { .. }
            | Self::UnknownVnode { .. }
            | Self::UnknownPnode { .. }
            | Self::Hash { .. }
            | Self::Edit { .. }
            | Self::Unrepairable { .. } => false,
        }
    }
}

//! The errors of commands, and what to do about them.

use std::io;

use fash::{
    CreateError, DatabaseError, EditError, HashOutOfRange, ImageError, SelectError, StoreError,
    TopologyError, UnknownAlgorithm, UnknownPnode, UnknownVnode,
};

use super::vnode_list::VnodeListError;

const DAMAGED: &str = "fash audit shows all the damage, fash repair mends what can be mended";

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line was understood but asks for something that does not go together.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    VnodeList(#[from] VnodeListError),
    #[error("cannot read {what} from {from}")]
    Read { what: &'static str, from: String, source: io::Error },
    #[error("cannot read a ring from {from}")]
    Topology { from: String, source: TopologyError },
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    #[error("cannot create the ring")]
    Create(#[from] CreateError),
    #[error("cannot change the ring")]
    Edit(#[from] EditError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    UnknownVnode(#[from] UnknownVnode),
    #[error(transparent)]
    UnknownPnode(#[from] UnknownPnode),
    #[error(transparent)]
    HashOutOfRange(#[from] HashOutOfRange),
    #[error("cannot choose the vnodes")]
    Select(#[from] SelectError),
    #[error("cannot use the weights in {from}")]
    Weights { from: String, source: super::weights::InvalidWeights },
    #[error("the ring {ring} is damaged")]
    Damaged { ring: String },
    #[error("cannot make a snapshot beside {image}")]
    Snapshot { image: String, source: io::Error },
    #[error("cannot write man pages to {dir}")]
    Man { dir: String, source: io::Error },
    #[error("cannot write to standard output")]
    Stdout(#[from] io::Error),
}

impl Error {
    /// True if whoever reads our output has read enough, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The remedy, where we know one.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        if let Self::Damaged { .. } = self {
            return Some(DAMAGED);
        }
        if let Self::Image(ImageError::TooManyBytes { .. }) = self {
            return Some("if the image is to be trusted, --max-bytes sets the limit higher");
        }
        if let Self::Image(ImageError::TooManyEntries { .. }) = self {
            return Some("if the image is to be trusted, --max-entries sets the limit higher");
        }
        if let Self::Image(ImageError::Unsound { .. }) = self {
            return Some(
                "fash unpack --allow-damage unpacks it all the same, to look at it or to repair it",
            );
        }
        let Self::Store(error) = self else { return None };
        if error.holder().is_some() {
            Some(
                "stop that process to change the ring; a command that only reads can do so with --live",
            )
        } else if error.is_damage() {
            Some(DAMAGED)
        } else if let StoreError::Database(
            DatabaseError::Corrupt { .. } | DatabaseError::MissingFile { .. },
        ) = error
        {
            Some(
                "what a file held cannot be rebuilt: unpack the ring's image again, or copy another router's ring",
            )
        } else {
            None
        }
    }
}

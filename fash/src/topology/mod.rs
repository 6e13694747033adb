//! node-fash's serialized topology: a ring as one line of JSON.
//!
//! ```json
//! {"vnodes":2,"pnodeToVnodeMap":{"a":{"0":1},"b":{"1":"ro"}},
//!  "algorithm":{"NAME":"md5","MAX":"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
//!               "VNODE_HASH_INTERVAL":"7fffffffffffffffffffffffffffffff"},
//!  "version":"2.1.0"}
//! ```

mod assemble;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::algorithm::{Algorithm, UnknownAlgorithm};
use crate::id::{Pnode, Vnode};
use crate::interval::InvalidInterval;
use crate::pnode_names::CollidingPnodes;
use crate::version::UnsupportedVersion;

/// A text is not the topology of a ring that can be used.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The text is not JSON.
    #[error("the topology is not JSON: line {line}, column {column}")]
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// The column, in bytes counted from 1.
        column: usize,
        /// The JSON parser's error.
        #[source]
        error: serde_json::Error,
    },
    /// The text is JSON, but a field is missing, given twice or of the wrong type.
    #[error("the JSON is not a ring topology as node-fash writes it")]
    NotTopology {
        /// The field, and its place.
        #[source]
        error: serde_json::Error,
    },
    /// The topology was written by fash 1.x.
    #[error(
        "the topology was written by fash 1.x{}, which neither node-fash 2 nor this program reads: list its vnodes with the \
         fash that wrote it, make a ring anew with `fash create` and `fash remap-vnode`, and compare where keys go",
        .version.as_deref().map(|version| format!(" (version {version})")).unwrap_or_default()
    )]
    OfFash1 {
        /// The version that it states, if it states one.
        version: Option<String>,
    },
    /// The topology states a version that cannot be read.
    #[error("the topology is of another version")]
    Version(#[source] UnsupportedVersion),
    /// The algorithm is unknown.
    #[error("the topology's algorithm is unknown")]
    Algorithm(#[source] UnknownAlgorithm),
    /// The largest hash is not that of the algorithm.
    #[error("the topology says MAX is {max:?}, but for {algorithm} it is {expected}", expected = .algorithm.max())]
    Max {
        /// The algorithm.
        algorithm: Algorithm,
        /// The field `MAX`.
        max: String,
    },
    /// The interval is no number or cannot be used.
    #[error("the topology's interval is wrong")]
    Interval(#[source] InvalidInterval),
    /// The ring has no vnodes.
    #[error("the topology says that the ring has no vnodes")]
    NoVnodes,
    /// A pnode has an empty name.
    #[error("the topology has a pnode without a name")]
    EmptyPnode,
    /// A pnode is listed twice.
    #[error("the topology lists pnode {pnode} twice")]
    DuplicatePnode {
        /// The pnode.
        pnode: Pnode,
    },
    /// A LevelDB ring could not tell the pnodes apart.
    #[error(transparent)]
    CollidingPnodes(#[from] CollidingPnodes),
    /// A vnode's key is not a number as JavaScript prints it.
    #[error("pnode {pnode} has {key:?} among its vnodes, which is not a vnode number")]
    VnodeKey {
        /// The pnode.
        pnode: Pnode,
        /// The key.
        key: String,
    },
    /// A vnode is not below the vnode count.
    #[error(
        "pnode {pnode} has vnode {vnode}, but the topology says that the ring has {vnode_count} vnodes"
    )]
    UnknownVnode {
        /// The pnode.
        pnode: Pnode,
        /// The vnode.
        vnode: Vnode,
        /// The number of vnodes that there are to be.
        vnode_count: u32,
    },
    /// A vnode is listed twice.
    #[error("the topology lists vnode {vnode} twice: with pnode {first} and with pnode {second}")]
    DuplicateVnode {
        /// The vnode.
        vnode: Vnode,
        /// The first pnode.
        first: Pnode,
        /// The second pnode, which may be the same.
        second: Pnode,
    },
    /// Vnodes are missing, as happens when node-fash prints a LevelDB ring: its `print-hash` and `-o` sometimes lose
    /// some.
    #[error(
        "{missing} of the topology's {vnode_count} vnodes have no pnode, the first of them is vnode {first}: if \
         node-fash made it from LevelDB, make it again"
    )]
    MissingVnodes {
        /// The number of vnodes that are missing.
        missing: u32,
        /// The lowest one.
        first: Vnode,
        /// The number of vnodes that there are to be.
        vnode_count: u32,
    },
}

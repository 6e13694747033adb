//! Questions about keys, vnodes and pnodes.

use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::interval::HashOutOfRange;

use super::Ring;

/// A vnode with its owner and data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Node<'a> {
    /// The owner.
    pub pnode: &'a Pnode,
    /// The vnode.
    pub vnode: Vnode,
    /// The vnode's data.
    pub data: &'a VnodeData,
}

/// The ring has no such vnode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("vnode {vnode} does not exist: the ring has {vnode_count} vnodes, numbered from 0")]
pub struct UnknownVnode {
    /// The vnode.
    pub vnode: Vnode,
    /// The number of vnodes that the ring has.
    pub vnode_count: u32,
}

/// The ring has no such pnode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pnode {pnode} is not in the ring")]
pub struct UnknownPnode {
    /// The pnode.
    pub pnode: Pnode,
}

impl Ring {
    /// A vnode with its owner and data.
    ///
    /// # Errors
    ///
    /// [`UnknownVnode`] if the vnode is not below the vnode count.
    pub fn node(&self, vnode: Vnode) -> Result<Node<'_>, UnknownVnode> {
        let owner = self.owners.get(vnode.index());
        owner
            .and_then(|&owner| self.pnodes.get(owner as usize))
            .map(|pnode| Node { pnode, vnode, data: self.data.get(vnode) })
            .ok_or_else(|| UnknownVnode { vnode, vnode_count: self.vnode_count() })
    }

    /// The vnode of a key, given as the bytes to hash (see [`KeyEncoding`](crate::KeyEncoding)).
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`] if the key's hash lies beyond the last vnode; see
    /// [`Interval::vnode_of`](crate::Interval::vnode_of).
    pub fn vnode_of(&self, key: &[u8]) -> Result<Vnode, HashOutOfRange> {
        self.interval.vnode_of(key, self.vnode_count())
    }

    /// The vnode of a key with its owner and data.
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`] as [`vnode_of`](Self::vnode_of).
    pub fn lookup(&self, key: &[u8]) -> Result<Node<'_>, HashOutOfRange> {
        let vnode = self.vnode_of(key)?;
        self.node(vnode).map_err(|_| self.interval.out_of_range(key, self.vnode_count()))
    }

    /// The vnodes of a pnode, ascending.
    ///
    /// # Errors
    ///
    /// [`UnknownPnode`] if the ring has no such pnode.
    pub fn vnodes_of(&self, pnode: &Pnode) -> Result<Vec<Vnode>, UnknownPnode> {
        let position = self.position(pnode).ok_or_else(|| UnknownPnode { pnode: pnode.clone() })?;
        let owned =
            (0..).map(Vnode::new).zip(&self.owners).filter(|(_, owner)| **owner == position);
        Ok(owned.map(|(vnode, _)| vnode).collect())
    }

    /// The vnodes that have data, ascending.
    pub fn vnodes_with_data(&self) -> impl Iterator<Item = Vnode> {
        self.data.vnodes_with_data()
    }
}

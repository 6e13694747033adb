//! Changes to a ring. Each is checked as a whole before anything changes.

use std::collections::HashSet;

use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::pnode_names::colliding_pnodes;

use super::lookup::{UnknownPnode, UnknownVnode};
use super::{Ring, count};

/// Vnodes that go to another pnode.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Move {
    /// The vnodes.
    pub vnodes: Vec<Vnode>,
    /// Their new owner, which need not be in the ring yet.
    pub to: Pnode,
}

/// A change to a ring was refused; the ring is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The ring has no such vnode.
    #[error("vnode {vnode} does not exist: the ring has {vnode_count} vnodes, numbered from 0")]
    UnknownVnode {
        /// The vnode.
        vnode: Vnode,
        /// How many vnodes the ring has.
        vnode_count: u32,
    },
    /// A vnode is to move twice.
    #[error("vnode {vnode} is given more than once")]
    DuplicateVnode {
        /// The vnode.
        vnode: Vnode,
    },
    /// A vnode is to move to its present owner.
    #[error("vnode {vnode} already belongs to pnode {pnode}")]
    AlreadyThere {
        /// The vnode.
        vnode: Vnode,
        /// Its owner.
        pnode: Pnode,
    },
    /// The ring has no such pnode.
    #[error("pnode {pnode} is not in the ring")]
    UnknownPnode {
        /// The pnode.
        pnode: Pnode,
    },
    /// A pnode that is to be removed still owns vnodes.
    #[error("pnode {pnode} still owns {vnodes} vnodes: move them to other pnodes first")]
    PnodeNotEmpty {
        /// The pnode.
        pnode: Pnode,
        /// How many vnodes it owns.
        vnodes: u32,
    },
    /// A LevelDB ring could not tell a new pnode from another one.
    #[error(
        "pnodes {pnode} and {owner} cannot be in one ring: in LevelDB the vnode list of the one has the same key as \
         a vnode of the other"
    )]
    CollidingPnodes {
        /// The pnode whose name is the other's followed by `/` and digits.
        pnode: Pnode,
        /// The other pnode.
        owner: Pnode,
    },
    /// There are no vnodes to change.
    #[error("no vnodes are given")]
    NoVnodes,
}

impl From<UnknownVnode> for EditError {
    fn from(UnknownVnode { vnode, vnode_count }: UnknownVnode) -> Self {
        Self::UnknownVnode { vnode, vnode_count }
    }
}

impl From<UnknownPnode> for EditError {
    fn from(UnknownPnode { pnode }: UnknownPnode) -> Self {
        Self::UnknownPnode { pnode }
    }
}

impl Ring {
    /// Gives data to vnodes, in place of what they had; [`VnodeData::NONE`] takes it away. A vnode may be given more
    /// than once.
    ///
    /// # Errors
    ///
    /// [`EditError`] if there is no vnode or one that the ring does not have; then nothing has changed.
    pub fn set_data(&mut self, vnodes: &[Vnode], data: VnodeData) -> Result<(), EditError> {
        if vnodes.is_empty() {
            return Err(EditError::NoVnodes);
        }
        for &vnode in vnodes {
            self.node(vnode)?;
        }
        self.data.set(vnodes, data, self.owners.len());
        Ok(())
    }

    /// Moves vnodes, with their data, to other pnodes. Pnodes that are not in the ring are added at its end.
    ///
    /// # Errors
    ///
    /// [`EditError`] if a move has no vnodes, or a vnode is unknown, given twice or already where it is to go, or a
    /// new pnode's name collides with another's; then nothing has changed.
    pub fn remap(&mut self, moves: &[Move]) -> Result<(), EditError> {
        if moves.is_empty() || moves.iter().any(|step| step.vnodes.is_empty()) {
            return Err(EditError::NoVnodes);
        }
        let mut seen = HashSet::new();
        for step in moves {
            for &vnode in &step.vnodes {
                let owner = self.node(vnode)?.pnode;
                if !seen.insert(vnode) {
                    return Err(EditError::DuplicateVnode { vnode });
                }
                if *owner == step.to {
                    return Err(EditError::AlreadyThere { vnode, pnode: step.to.clone() });
                }
            }
        }
        let pnodes = self.pnodes_after(moves)?;

        self.pnodes = pnodes;
        for step in moves {
            let Some(to) = self.position(&step.to) else { continue };
            for vnode in &step.vnodes {
                if let Some(owner) = self.owners.get_mut(vnode.index()) {
                    *owner = to;
                }
            }
        }
        Ok(())
    }

    /// The ring's pnodes and the new ones of the moves.
    fn pnodes_after(&self, moves: &[Move]) -> Result<Vec<Pnode>, EditError> {
        let mut pnodes = self.pnodes.clone();
        for step in moves {
            if !pnodes.contains(&step.to) {
                pnodes.push(step.to.clone());
            }
        }
        match colliding_pnodes(&pnodes).map(|pair| pair.map(Pnode::clone)) {
            Some([pnode, owner]) => Err(EditError::CollidingPnodes { pnode, owner }),
            None => Ok(pnodes),
        }
    }

    /// Removes a pnode that owns no vnodes.
    ///
    /// # Errors
    ///
    /// [`EditError`] if the ring has no such pnode or the pnode owns vnodes; then nothing has changed.
    pub fn remove_pnode(&mut self, pnode: &Pnode) -> Result<(), EditError> {
        let unknown = || EditError::UnknownPnode { pnode: pnode.clone() };
        let position = self.position(pnode).ok_or_else(unknown)?;
        let vnodes = self.owners.iter().filter(|&&owner| owner == position).count();
        if vnodes > 0 {
            return Err(EditError::PnodeNotEmpty { pnode: pnode.clone(), vnodes: count(vnodes) });
        }
        self.pnodes.retain(|kept| kept != pnode);
        for owner in &mut self.owners {
            *owner -= u32::from(*owner > position);
        }
        Ok(())
    }
}

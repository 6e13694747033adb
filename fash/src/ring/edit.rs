//! Changes to a ring. Each is checked as a whole before anything changes.

use std::collections::HashSet;

use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::pnode_names::{CollidingPnodes, check_collisions};

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
        /// The number of vnodes that the ring has.
        vnode_count: u32,
    },
    /// A vnode is given twice.
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
        /// The number of vnodes that it owns.
        vnodes: u32,
    },
    /// A LevelDB ring could not tell the pnodes apart.
    #[error(transparent)]
    CollidingPnodes(#[from] CollidingPnodes),
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
    /// Gives data to vnodes, in place of what they had; [`VnodeData::NONE`] takes it away.
    ///
    /// # Errors
    ///
    /// [`EditError`] if there is no vnode, one that the ring does not have, or one twice; then nothing has changed.
    pub fn set_data(&mut self, vnodes: &[Vnode], data: VnodeData) -> Result<(), EditError> {
        if vnodes.is_empty() {
            return Err(EditError::NoVnodes);
        }
        let mut seen = HashSet::new();
        for &vnode in vnodes {
            self.node(vnode)?;
            if !seen.insert(vnode) {
                return Err(EditError::DuplicateVnode { vnode });
            }
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
        check_collisions(&pnodes)?;
        Ok(pnodes)
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

#[cfg(test)]
mod tests {
    use super::super::test_ring;
    use super::*;

    fn vnodes(numbers: &[u32]) -> Vec<Vnode> {
        numbers.iter().copied().map(Vnode::new).collect()
    }

    fn pnode(name: &str) -> Pnode {
        name.parse().unwrap()
    }

    fn to(name: &str, numbers: &[u32]) -> Move {
        Move { vnodes: vnodes(numbers), to: pnode(name) }
    }

    #[test]
    fn vnodes_move_with_their_data_and_new_pnodes_come_last() {
        let mut ring = test_ring(6, "b,c");
        ring.set_data(&vnodes(&[0, 1]), VnodeData::read_only()).unwrap();
        ring.remap(&[to("a", &[0]), to("b", &[1]), to("a", &[3])]).unwrap();
        assert_eq!(ring.pnodes(), [pnode("b"), pnode("c"), pnode("a")]);
        assert_eq!(ring.vnodes_of(&pnode("a")), Ok(vnodes(&[0, 3])));
        assert_eq!(ring.vnodes_of(&pnode("b")), Ok(vnodes(&[1, 2, 4])));
        assert!(ring.node(Vnode::new(0)).unwrap().data.is_read_only());
        assert_eq!(ring.vnodes_with_data().collect::<Vec<_>>(), vnodes(&[0, 1]));
    }

    #[test]
    fn a_refused_remap_changes_nothing() {
        let mut ring = test_ring(6, "a,b");
        let before = ring.clone();
        let unknown = EditError::UnknownVnode { vnode: Vnode::new(6), vnode_count: 6 };
        let twice = EditError::DuplicateVnode { vnode: Vnode::new(0) };
        let there = EditError::AlreadyThere { vnode: Vnode::new(1), pnode: pnode("b") };
        for (moves, error) in [
            (vec![], EditError::NoVnodes),
            (vec![to("b", &[0]), to("c", &[])], EditError::NoVnodes),
            (vec![to("b", &[0, 6])], unknown),
            (vec![to("b", &[0, 2, 0])], twice.clone()),
            (vec![to("b", &[0]), to("c", &[0])], twice),
            (vec![to("b", &[0, 1])], there),
        ] {
            assert_eq!(ring.remap(&moves), Err(error), "{moves:?}");
        }
        let collision = ring.remap(&[to("a/7", &[0])]);
        assert!(matches!(collision, Err(EditError::CollidingPnodes(_))));
        assert_eq!((ring.pnodes(), &ring), (before.pnodes(), &before));
    }

    #[test]
    fn data_is_set_on_all_vnodes_or_none() {
        let mut ring = test_ring(6, "a,b");
        let before = ring.clone();
        let unknown = EditError::UnknownVnode { vnode: Vnode::new(6), vnode_count: 6 };
        assert_eq!(ring.set_data(&vnodes(&[0, 6]), VnodeData::read_only()), Err(unknown));
        assert_eq!(ring.set_data(&[], VnodeData::read_only()), Err(EditError::NoVnodes));
        assert_eq!(ring, before);
        let twice = EditError::DuplicateVnode { vnode: Vnode::new(5) };
        assert_eq!(ring.set_data(&vnodes(&[5, 1, 5]), VnodeData::read_only()), Err(twice));
        assert_eq!(ring, before);
        ring.set_data(&vnodes(&[5, 1]), VnodeData::from_text("x")).unwrap();
        assert_eq!(ring.vnodes_with_data().collect::<Vec<_>>(), vnodes(&[1, 5]));
    }

    #[test]
    fn only_empty_pnodes_can_be_removed() {
        let mut ring = test_ring(6, "a,b,c");
        let full = EditError::PnodeNotEmpty { pnode: pnode("b"), vnodes: 2 };
        assert_eq!(ring.remove_pnode(&pnode("b")), Err(full));
        let unknown = EditError::UnknownPnode { pnode: pnode("zz") };
        assert_eq!(ring.remove_pnode(&pnode("zz")), Err(unknown));
        ring.remap(&[to("c", &[1, 4])]).unwrap();
        ring.remove_pnode(&pnode("b")).unwrap();
        assert_eq!(ring.pnodes(), [pnode("a"), pnode("c")]);
        assert_eq!(ring.vnodes_of(&pnode("c")), Ok(vnodes(&[1, 2, 4, 5])));
    }
}

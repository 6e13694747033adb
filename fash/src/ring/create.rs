//! New rings, allocated as node-fash allocates them.

use crate::algorithm::Algorithm;
use crate::id::Pnode;
use crate::interval::Interval;
use crate::pnode_names::{colliding_pnodes, object_key_rank, sort_by_utf16};

use super::{Ring, count};

/// A ring cannot be created from what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// The ring would have no vnodes.
    #[error("a ring needs at least one vnode")]
    NoVnodes,
    /// The ring would have no pnodes.
    #[error("a ring needs at least one pnode")]
    NoPnodes,
    /// A pnode is given twice.
    #[error("pnode {pnode} is given more than once")]
    DuplicatePnode {
        /// The pnode.
        pnode: Pnode,
    },
    /// A LevelDB ring could not tell the pnodes apart.
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
}

impl Ring {
    /// A new ring without data, with the owners that node-fash's `create` gives: the pnodes are sorted by UTF-16 code
    /// unit, and vnode *v* of a ring with *n* pnodes goes to pnode *v* mod *n*. There may be more pnodes than vnodes;
    /// the last ones then own none.
    ///
    /// # Errors
    ///
    /// [`CreateError`] if there are no vnodes or no pnodes, or a pnode is given twice, or the names of two pnodes
    /// would collide in LevelDB.
    pub fn create(
        algorithm: Algorithm,
        vnode_count: u32,
        pnodes: impl IntoIterator<Item = Pnode>,
    ) -> Result<Self, CreateError> {
        let mut allocated: Vec<Pnode> = pnodes.into_iter().collect();
        sort_by_utf16(&mut allocated);
        if let Some([pnode, _]) = allocated.array_windows().find(|[a, b]| a == b) {
            return Err(CreateError::DuplicatePnode { pnode: pnode.clone() });
        }
        if let Some([pnode, owner]) =
            colliding_pnodes(&allocated).map(|pair| pair.map(Pnode::clone))
        {
            return Err(CreateError::CollidingPnodes { pnode, owner });
        }
        if allocated.is_empty() {
            return Err(CreateError::NoPnodes);
        }
        if vnode_count == 0 {
            return Err(CreateError::NoVnodes);
        }

        // node-fash allocates in sorted order but lists pnodes in the order of a JavaScript object's keys.
        let mut listed: Vec<usize> = (0..allocated.len()).collect();
        listed.sort_by_key(|&i| allocated.get(i).map(|pnode| object_key_rank(pnode.as_str())));
        let mut position = vec![0; allocated.len()];
        for (at, &i) in listed.iter().enumerate() {
            if let Some(position) = position.get_mut(i) {
                *position = count(at);
            }
        }
        let pnodes = listed.iter().filter_map(|&i| allocated.get(i).cloned()).collect();
        let owners = position.into_iter().cycle().take(vnode_count as usize).collect();
        Ok(Self::from_parts(Interval::new(algorithm, vnode_count), pnodes, owners, []))
    }
}

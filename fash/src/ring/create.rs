//! New rings, allocated as node-fash allocates them.

use crate::algorithm::Algorithm;
use crate::id::Pnode;
use crate::interval::Interval;
use crate::pnode_names::{CollidingPnodes, check_collisions, object_key_rank, sort_by_utf16};

use super::{Ring, count};

/// A ring cannot be created from what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// The ring would have no vnodes.
    #[error("a ring needs at least one vnode")]
    NoVnodes,
    /// The ring would have more vnodes than [`Ring::MAX_VNODES`].
    #[error("a ring of {vnode_count} vnodes is too large: at most {max} are created", max = Ring::MAX_VNODES)]
    TooManyVnodes {
        /// The number that was asked for.
        vnode_count: u32,
    },
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
    #[error(transparent)]
    CollidingPnodes(#[from] CollidingPnodes),
}

impl Ring {
    /// The most vnodes that [`Ring::create`] gives a ring. The largest in use have some ten million; ten times
    /// that takes 400 MB of memory.
    pub const MAX_VNODES: u32 = 100_000_000;

    /// A new ring without data, with the owners that node-fash's `create` gives: the pnodes are sorted by UTF-16 code
    /// unit, and vnode *v* of a ring with *n* pnodes goes to pnode *v* mod *n*. There may be more pnodes than vnodes;
    /// the last ones then own none.
    ///
    /// # Errors
    ///
    /// [`CreateError`] if there are no vnodes, too many, or no pnodes, or a pnode is given twice, or the names of two pnodes
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
        check_collisions(&allocated)?;
        if allocated.is_empty() {
            return Err(CreateError::NoPnodes);
        }
        if vnode_count == 0 {
            return Err(CreateError::NoVnodes);
        }
        if vnode_count > Self::MAX_VNODES {
            return Err(CreateError::TooManyVnodes { vnode_count });
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

#[cfg(test)]
mod tests {
    use super::super::test_ring;
    use super::*;
    use crate::id::Vnode;

    /// The allocation of node-fash 3.0.1 for these names.
    #[test]
    fn a_ring_that_would_take_all_memory_is_refused() {
        let vnode_count = Ring::MAX_VNODES + 1;
        assert_eq!(
            Ring::create(crate::Algorithm::Sha256, vnode_count, ["a".parse().unwrap()]),
            Err(CreateError::TooManyVnodes { vnode_count })
        );
    }

    #[test]
    fn allocation_goes_by_utf_16_order_and_the_list_by_object_key_order() {
        let ring = test_ring(8, "b,B,a,10,9,é,Z,ﬁ,😀");
        let names: Vec<&str> = ring.pnodes().iter().map(Pnode::as_str).collect();
        assert_eq!(names, ["9", "10", "B", "Z", "a", "b", "é", "😀", "ﬁ"]);
        let owners = (0..8).map(|vnode| ring.node(Vnode::new(vnode)).unwrap().pnode.as_str());
        assert_eq!(owners.collect::<Vec<_>>(), ["10", "9", "B", "Z", "a", "b", "é", "😀"]);
    }

    #[test]
    fn a_ring_needs_vnodes_and_distinct_pnodes() {
        let create = |vnodes, names: &[&str]| {
            Ring::create(Algorithm::Sha1, vnodes, names.iter().map(|name| name.parse().unwrap()))
        };
        assert_eq!(create(0, &["a"]), Err(CreateError::NoVnodes));
        assert_eq!(create(4, &[]), Err(CreateError::NoPnodes));
        let pnode = "b".parse().unwrap();
        assert_eq!(create(4, &["b", "a", "b"]), Err(CreateError::DuplicatePnode { pnode }));
        let collision = create(6, &["x", "x/0"]).unwrap_err();
        assert!(collision.to_string().starts_with("pnodes x/0 and x cannot"), "{collision}");
    }
}

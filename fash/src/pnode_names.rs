//! The order in which node-fash lists pnodes, and the names that its LevelDB keys cannot tell apart.

use std::collections::HashMap;

use crate::id::Pnode;

/// Sorts as JavaScript sorts strings, which is how node-fash orders the pnodes of a new ring: by UTF-16 code unit.
pub(crate) fn sort_by_utf16(pnodes: &mut [Pnode]) {
    pnodes.sort_by(|a, b| a.as_str().encode_utf16().cmp(b.as_str().encode_utf16()));
}

/// A sort key for the order in which JavaScript lists an object's keys: array indices first and ascending, all other
/// names after them (a stable sort leaves those in the order in which they were added).
pub(crate) fn object_key_rank(name: &str) -> u64 {
    let index = name.parse::<u32>().ok();
    index.filter(|index| *index < u32::MAX && index.to_string() == name).map_or(u64::MAX, u64::from)
}

/// Two pnodes cannot be in one ring: the name of the one is the other's followed by `/` and digits.
///
/// node-fash keeps the vnode list of pnode `x/7` and the data of vnode 7 of pnode `x` under the same LevelDB key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "pnodes {pnode} and {owner} cannot be in one ring: in LevelDB the vnode list of the one would have the same key \
     as a vnode of the other"
)]
pub struct CollidingPnodes {
    /// The pnode with the longer name.
    pub pnode: Pnode,
    /// The other pnode.
    pub owner: Pnode,
}

/// Refuses pnodes whose names collide.
pub(crate) fn check_collisions(pnodes: &[Pnode]) -> Result<(), CollidingPnodes> {
    let names: HashMap<&str, &Pnode> = pnodes.iter().map(|pnode| (pnode.as_str(), pnode)).collect();
    for pnode in pnodes {
        let Some((owner, digits)) = pnode.as_str().rsplit_once('/') else { continue };
        let is_vnode = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(&owner) = names.get(owner).filter(|_| is_vnode) {
            return Err(CollidingPnodes { pnode: pnode.clone(), owner: owner.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pnodes(names: &[&str]) -> Vec<Pnode> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn surrogate_pairs_sort_before_later_characters_of_one_unit() {
        let mut sorted = pnodes(&["b", "B", "a", "10", "9", "é", "Z", "ﬁ", "😀"]);
        sort_by_utf16(&mut sorted);
        assert_eq!(sorted, pnodes(&["10", "9", "B", "Z", "a", "b", "é", "😀", "ﬁ"]));
        sorted.sort_by_key(|pnode| object_key_rank(pnode.as_str()));
        assert_eq!(sorted, pnodes(&["9", "10", "B", "Z", "a", "b", "é", "😀", "ﬁ"]));
    }

    #[test]
    fn only_canonical_array_indices_come_first() {
        assert_eq!(object_key_rank("0"), 0);
        assert_eq!(object_key_rank("4294967294"), 4_294_967_294);
        for other in ["4294967295", "01", "+1", "-1", "1.0", "", "a"] {
            assert_eq!(object_key_rank(other), u64::MAX, "{other}");
        }
    }

    #[test]
    fn names_collide_when_one_is_the_other_and_a_number() {
        let [pnode, owner] = ["x/0", "x"].map(|name| name.parse().unwrap());
        let colliding = pnodes(&["y", "x/0", "x"]);
        assert_eq!(check_collisions(&colliding), Err(CollidingPnodes { pnode, owner }));
        assert_eq!(check_collisions(&pnodes(&["x", "y/0", "x/", "x/a", "tcp://h:1"])), Ok(()));
    }
}

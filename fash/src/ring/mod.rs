//! The ring in memory: [`Ring`].

mod create;
mod data_table;
mod diff;
mod edit;
mod lookup;
mod statistics;

use std::collections::HashMap;
use std::fmt;

use crate::algorithm::Algorithm;
use crate::data::VnodeData;
use crate::id::{Pnode, Vnode};
use crate::interval::Interval;

use data_table::DataTable;

pub use create::CreateError;
pub use diff::{Changed, DataChange, Diff, NodeFashDiff, OwnedVnode, OwnerChange};
pub use edit::{EditError, Move};
pub use lookup::{Node, UnknownPnode, UnknownVnode};
pub use statistics::{PnodeStatistics, Statistics};

/// A consistent-hash ring: which pnode owns each vnode, and what data the vnodes carry.
///
/// A ring has at least one vnode, and every vnode has exactly one owner. It takes four bytes of memory a vnode, and
/// four more once any vnode has data.
#[derive(Clone)]
pub struct Ring {
    interval: Interval,
    /// In ring order: as node-fash lists them.
    pnodes: Vec<Pnode>,
    /// For each vnode the position of its owner in `pnodes`.
    owners: Vec<u32>,
    data: DataTable,
}

impl Ring {
    /// A ring of checked parts: the owners are positions in `pnodes`, of which no two are equal or collide. Vnodes
    /// that are left out of `data` have none.
    pub(crate) fn from_parts(
        interval: Interval,
        pnodes: Vec<Pnode>,
        owners: Vec<u32>,
        data: impl IntoIterator<Item = (Vnode, VnodeData)>,
    ) -> Self {
        let mut table = DataTable::default();
        for (vnode, data) in data.into_iter().filter(|(_, data)| !data.is_none()) {
            table.set(&[vnode], data, owners.len());
        }
        Self { interval, pnodes, owners, data: table }
    }

    /// The hash function that places keys.
    pub const fn algorithm(&self) -> Algorithm {
        self.interval.algorithm()
    }

    /// The number of vnodes.
    pub fn vnode_count(&self) -> u32 {
        count(self.owners.len())
    }

    /// The width of a vnode's share of the hash range.
    pub const fn interval(&self) -> &Interval {
        &self.interval
    }

    /// The pnodes in ring order: sorted in a new ring, with pnodes that were added later at the end.
    pub fn pnodes(&self) -> &[Pnode] {
        &self.pnodes
    }

    /// The same ring with the interval that follows from its vnode count, which node-fash's memory backend uses
    /// whatever the ring says.
    #[must_use]
    pub fn canonical(self) -> Self {
        Self { interval: Interval::new(self.algorithm(), self.vnode_count()), ..self }
    }

    /// The position of a vnode's owner in [`pnodes`](Self::pnodes).
    #[cfg(feature = "leveldb")]
    pub(crate) fn owner_index(&self, vnode: Vnode) -> Option<usize> {
        self.owners.get(vnode.index()).and_then(|&index| usize::try_from(index).ok())
    }

    /// The data of a vnode.
    pub(crate) fn data(&self, vnode: Vnode) -> &VnodeData {
        self.data.get(vnode)
    }

    /// Every vnode with its owner, ascending.
    fn owned_vnodes(&self) -> impl Iterator<Item = (Vnode, &Pnode)> {
        let owners = self.owners.iter().filter_map(|&owner| self.pnodes.get(owner as usize));
        (0..).map(Vnode::new).zip(owners)
    }

    /// Every pnode's vnodes, ascending, in the order of [`pnodes`](Self::pnodes).
    pub(crate) fn vnodes_by_pnode(&self) -> Vec<Vec<Vnode>> {
        let mut lists = vec![Vec::new(); self.pnodes.len()];
        for (vnode, &owner) in (0..).map(Vnode::new).zip(&self.owners) {
            if let Some(list) = lists.get_mut(owner as usize) {
                list.push(vnode);
            }
        }
        lists
    }

    /// The position of a pnode in `pnodes`.
    fn position(&self, pnode: &Pnode) -> Option<u32> {
        self.pnodes.iter().position(|known| known == pnode).map(count)
    }

    /// For each of this ring's pnodes its position in the other ring.
    fn positions_in(&self, other: &Self) -> Vec<Option<u32>> {
        let positions: HashMap<&Pnode, u32> = other.pnodes.iter().zip(0..).collect();
        self.pnodes.iter().map(|pnode| positions.get(pnode).copied()).collect()
    }

    /// The data of the vnodes for which it differs between the rings, ascending.
    fn data_differences<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (Vnode, &'a VnodeData, &'a VnodeData)> {
        let empty = self.data.is_empty() && other.data.is_empty();
        let compared = if empty { 0 } else { self.vnode_count().min(other.vnode_count()) };
        (0..compared)
            .map(Vnode::new)
            .map(|vnode| (vnode, self.data.get(vnode), other.data.get(vnode)))
            .filter(|(_, here, there)| here != there)
    }
}

/// Two rings are equal if they have the same algorithm, interval and set of pnodes, and every vnode has the same
/// owner and data in both. The order of the pnodes does not matter.
impl PartialEq for Ring {
    fn eq(&self, other: &Self) -> bool {
        let positions = self.positions_in(other);
        let same_owner = |(here, there): (&u32, &u32)| {
            positions.get(*here as usize).copied().flatten() == Some(*there)
        };
        self.interval == other.interval
            && self.owners.len() == other.owners.len()
            && self.pnodes.len() == other.pnodes.len()
            && positions.iter().all(Option::is_some)
            && self.owners.iter().zip(&other.owners).all(same_owner)
            && self.data_differences(other).next().is_none()
    }
}

impl Eq for Ring {}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("interval", &self.interval)
            .field("vnode_count", &self.vnode_count())
            .field("pnodes", &self.pnodes)
            .finish_non_exhaustive()
    }
}

/// A number of vnodes or pnodes; a ring never has more than fit.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A ring of MD5 with the pnodes of a list with commas.
#[cfg(test)]
pub(crate) fn test_ring(vnode_count: u32, pnodes: &str) -> Ring {
    let pnodes = pnodes.split(',').map(|name| name.parse().unwrap());
    Ring::create(Algorithm::Md5, vnode_count, pnodes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_equal_whatever_the_order_of_their_pnodes() {
        let ring = test_ring(4, "a,b");
        let [a, b] = ["a", "b"].map(|name| name.parse().unwrap());
        let swapped = Ring::from_parts(ring.interval.clone(), vec![b, a], vec![1, 0, 1, 0], []);
        assert_eq!(ring, swapped);
        assert_ne!(ring, test_ring(5, "a,b"));
        assert_ne!(ring, test_ring(4, "a,c"));
        assert_ne!(test_ring(2, "a,b,c"), test_ring(2, "a,b"));
    }

    #[test]
    fn data_counts_for_equality() {
        let mut ring = test_ring(4, "a,b");
        let plain = ring.clone();
        ring.set_data(&[Vnode::new(3)], VnodeData::read_only()).unwrap();
        assert_ne!(ring, plain);
        ring.set_data(&[Vnode::new(3)], VnodeData::NONE).unwrap();
        assert_eq!(ring, plain);
        assert!(ring.data.is_empty());
    }

    #[test]
    fn canonical_rings_have_the_interval_of_their_vnode_count() {
        let ring = test_ring(4, "a,b");
        let narrow = Interval::parse(Algorithm::Md5, "1f").unwrap();
        let odd = Ring { interval: narrow, ..ring.clone() };
        assert_ne!(odd, ring);
        assert_eq!(odd.canonical(), ring);
    }
}

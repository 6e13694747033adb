//! The spread of a ring's vnodes over its pnodes.

use crate::algorithm::Algorithm;
use crate::id::Pnode;
use crate::skew::skew;

use super::{Ring, count};

/// The spread of a ring's vnodes over its pnodes.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Statistics {
    /// The ring's hash function.
    pub algorithm: Algorithm,
    /// The number of vnodes that the ring has.
    pub vnodes: u32,
    /// The number of them that have data.
    pub with_data: u32,
    /// The number of them that have the data `"ro"`, which makes electric-moray refuse writes.
    pub read_only: u32,
    /// The number of vnodes of the fullest pnode, over the mean: 1 is perfectly even.
    pub skew: f64,
    /// The same of each pnode, in ring order.
    pub pnodes: Vec<PnodeStatistics>,
}

/// A pnode's part in the [`Statistics`] of its ring.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PnodeStatistics {
    /// The pnode.
    pub pnode: Pnode,
    /// The number of vnodes that it owns.
    pub vnodes: u32,
    /// Its share of the ring's vnodes, from 0 to 1.
    pub share: f64,
    /// The number of its vnodes that have data.
    pub with_data: u32,
    /// The number of its vnodes that have the data `"ro"`.
    pub read_only: u32,
}

impl Ring {
    /// Counts vnodes, a pnode at a time.
    pub fn statistics(&self) -> Statistics {
        let pnodes: Vec<PnodeStatistics> = self
            .pnodes
            .iter()
            .zip(self.vnodes_by_pnode())
            .map(|(pnode, vnodes)| {
                let data = || vnodes.iter().map(|vnode| self.data.get(*vnode));
                PnodeStatistics {
                    pnode: pnode.clone(),
                    vnodes: count(vnodes.len()),
                    share: f64::from(count(vnodes.len())) / f64::from(self.vnode_count()),
                    with_data: count(data().filter(|data| !data.is_none()).count()),
                    read_only: count(data().filter(|data| data.is_read_only()).count()),
                }
            })
            .collect();
        Statistics {
            algorithm: self.algorithm(),
            vnodes: self.vnode_count(),
            with_data: pnodes.iter().map(|pnode| pnode.with_data).sum(),
            read_only: pnodes.iter().map(|pnode| pnode.read_only).sum(),
            skew: skew(pnodes.iter().map(|pnode| u64::from(pnode.vnodes))),
            pnodes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_ring;
    use crate::data::VnodeData;
    use crate::id::Vnode;

    #[test]
    fn vnodes_and_data_are_counted_a_pnode_at_a_time() {
        let mut ring = test_ring(5, "a,b");
        ring.set_data(&[Vnode::new(0), Vnode::new(1)], VnodeData::read_only()).unwrap();
        ring.set_data(&[Vnode::new(2)], VnodeData::from_text("x")).unwrap();
        let json = serde_json::to_string(&ring.statistics()).unwrap();
        assert_eq!(
            json,
            r#"{"algorithm":"md5","vnodes":5,"with_data":3,"read_only":2,"skew":1.2,"pnodes":["#
                .to_owned()
                + r#"{"pnode":"a","vnodes":3,"share":0.6,"with_data":2,"read_only":1},"#
                + r#"{"pnode":"b","vnodes":2,"share":0.4,"with_data":1,"read_only":1}]}"#
        );
    }
}

//! From the fields of a topology to a checked ring.

use std::ops::Range;

use crate::algorithm::Algorithm;
use crate::id::{Pnode, Vnode};
use crate::interval::Interval;
use crate::pnode_names::{check_collisions, object_key_rank};
use crate::ring::Ring;
use crate::version::check_version;

use super::TopologyError;
use super::read::{AlgorithmFields, Listing, Topology};

impl Topology {
    pub(super) fn assemble(self) -> Result<Ring, TopologyError> {
        check_version(&self.version).map_err(TopologyError::Version)?;
        let interval = self.algorithm.interval()?;
        let Listing { mut pnodes, vnodes, data, problem } = self.listing;
        if let Some(problem) = problem {
            return Err(problem);
        }
        pnodes.sort_by_key(|(pnode, _)| object_key_rank(pnode.as_str()));
        let owners = owners(self.vnodes, &pnodes, &vnodes)?;
        let pnodes: Vec<Pnode> = pnodes.into_iter().map(|(pnode, _)| pnode).collect();
        check_collisions(&pnodes)?;
        Ok(Ring::from_parts(interval, pnodes, owners, data))
    }
}

impl AlgorithmFields {
    fn interval(&self) -> Result<Interval, TopologyError> {
        let algorithm: Algorithm = self.name.parse().map_err(TopologyError::Algorithm)?;
        if !self.max.eq_ignore_ascii_case(algorithm.max()) {
            return Err(TopologyError::Max { algorithm, max: self.max.clone() });
        }
        Interval::parse(algorithm, &self.vnode_hash_interval).map_err(TopologyError::Interval)
    }
}

/// For each vnode the position of its pnode.
fn owners(
    vnode_count: u32,
    pnodes: &[(Pnode, Range<usize>)],
    vnodes: &[Vnode],
) -> Result<Vec<u32>, TopologyError> {
    /// There are never that many pnodes: their names would not fit in memory.
    const NONE: u32 = u32::MAX;

    if vnode_count == 0 {
        return Err(TopologyError::NoVnodes);
    }
    // Checked before memory is taken for as many vnodes as the topology says it has.
    if vnodes.len() < vnode_count as usize {
        return Err(missing(vnode_count, vnodes));
    }
    let mut owners = vec![NONE; vnode_count as usize];
    for (position, (pnode, range)) in (0..).zip(pnodes) {
        for &vnode in vnodes.get(range.clone()).unwrap_or_default() {
            let Some(owner) = owners.get_mut(vnode.index()) else {
                return Err(TopologyError::UnknownVnode {
                    pnode: pnode.clone(),
                    vnode,
                    vnode_count,
                });
            };
            if let Some((first, _)) = pnodes.get(*owner as usize) {
                let (first, second) = (first.clone(), pnode.clone());
                return Err(TopologyError::DuplicateVnode { vnode, first, second });
            }
            *owner = position;
        }
    }
    // As many different vnodes as there are to be: none is missing.
    Ok(owners)
}

fn missing(vnode_count: u32, vnodes: &[Vnode]) -> TopologyError {
    let mut vnodes: Vec<u32> =
        vnodes.iter().map(|vnode| vnode.number()).filter(|&vnode| vnode < vnode_count).collect();
    vnodes.sort_unstable();
    vnodes.dedup();
    let present = u32::try_from(vnodes.len()).unwrap_or(vnode_count);
    let first = (0..).zip(&vnodes).find(|(expected, vnode)| expected != *vnode);
    let first = Vnode::new(first.map_or(present, |(expected, _)| expected));
    TopologyError::MissingVnodes { missing: vnode_count - present, first, vnode_count }
}

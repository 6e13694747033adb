//! The shard that owns a key, and when.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use fash::{HashOutOfRange, Pnode, Ring, Vnode};

use super::databases::Databases;

/// The text that electric-moray makes of a bucket and a key before it hashes it.
type Transform = dyn Fn(&str, &str) -> String + Send + Sync;

/// A ring, and when some router may have used it. Times are in microseconds since 1970.
#[derive(Clone, Debug)]
pub struct RingInForce {
    /// The ring.
    pub ring: Arc<Ring>,
    /// No router used it before. Zero if it was used always.
    pub from: u64,
    /// No router used it after. `u64::MAX` if it is still used.
    pub until: u64,
}

/// The rings of the time that is checked, the oldest first. While routers change from one to the next, both are in
/// force.
#[derive(Clone)]
pub struct Rings {
    transform: Arc<Transform>,
    in_force: Vec<RingInForce>,
    databases: Databases,
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rings").field("rings", &self.in_force.len()).finish_non_exhaustive()
    }
}

impl Rings {
    /// These rings, the oldest first, which differ in nothing but who owns which vnode. `transform` is electric-moray's:
    /// from a bucket and a key, the text that is hashed.
    pub fn new(
        rings: Vec<RingInForce>,
        transform: impl Fn(&str, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { transform: Arc::new(transform), in_force: rings, databases: Databases::default() }
    }

    /// One ring all the time.
    pub fn always(
        ring: impl Into<Arc<Ring>>,
        transform: impl Fn(&str, &str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self::new(vec![RingInForce { ring: ring.into(), from: 0, until: u64::MAX }], transform)
    }

    /// The same, where names may have been aliases of other shards for a while.
    #[must_use]
    pub fn with_databases(self, databases: Databases) -> Self {
        Self { databases, ..self }
    }

    /// The shard in whose database a request of these times to a shard was carried out. `None` if that cannot be told.
    pub(super) fn database(&self, pnode: &str, start: u64, end: u64) -> Option<String> {
        let name = pnode.trim_start_matches("tcp://");
        let name = name.split(':').next().unwrap_or(name);
        let behind = self.databases.behind(name, start, end)?;
        Some(pnode.replacen(name, behind, 1))
    }

    /// The rings.
    pub fn rings(&self) -> &[RingInForce] {
        &self.in_force
    }

    /// Tells whether a ring that names a shard is still used.
    pub(crate) fn is_in_force(&self, pnode: &Pnode) -> bool {
        let names = |ring: &Ring| ring.pnodes().contains(pnode);
        self.in_force.iter().any(|in_force| in_force.until == u64::MAX && names(&in_force.ring))
    }

    /// The text of a key that is hashed.
    pub(super) fn hashed(&self, bucket: &str, key: &str) -> String {
        (self.transform)(bucket, key)
    }

    /// The vnode of a text that [`Self::hashed`] gives. `None` if there is no ring.
    pub(super) fn vnode(&self, hashed: &str) -> Result<Option<u32>, HashOutOfRange> {
        let Some(first) = self.in_force.first() else { return Ok(None) };
        first.ring.vnode_of(hashed.as_bytes()).map(|vnode| Some(vnode.number()))
    }

    /// The owners of a vnode by the rings that were in force at any time from `from` until `until`, without
    /// repetitions. The newest is the last.
    pub(super) fn owners(&self, vnode: u32, from: u64, until: u64) -> Vec<&Pnode> {
        let mut owners: Vec<&Pnode> = Vec::new();
        for in_force in &self.in_force {
            if in_force.from <= until
                && from <= in_force.until
                && let Ok(node) = in_force.ring.node(Vnode::new(vnode))
            {
                owners.retain(|owner| *owner != node.pnode);
                owners.push(node.pnode);
            }
        }
        owners
    }

    /// The owners that a vnode had, one after another.
    pub(super) fn succession(&self, vnode: u32) -> Vec<&Pnode> {
        let mut owners: Vec<&Pnode> = Vec::new();
        for pnode in self.in_force.iter().filter_map(|in_force| in_force.owner(vnode)) {
            if owners.last() != Some(&pnode) {
                owners.push(pnode);
            }
        }
        owners
    }

    /// The vnodes that have had more than one owner.
    pub(super) fn moved(&self) -> BTreeSet<u32> {
        let Some((first, rest)) = self.in_force.split_first() else { return BTreeSet::new() };
        let count = first.ring.vnode_count();
        let moved =
            |vnode: &u32| rest.iter().any(|in_force| in_force.owner(*vnode) != first.owner(*vnode));
        if rest.is_empty() { BTreeSet::new() } else { (0..count).filter(moved).collect() }
    }

    /// The pairs of shards of which the first gave a vnode to the second.
    pub(super) fn handovers(&self) -> BTreeSet<(String, String)> {
        let mut pairs = BTreeSet::new();
        for (older, newer) in self.in_force.iter().zip(self.in_force.iter().skip(1)) {
            for vnode in 0..older.ring.vnode_count() {
                if let (Some(from), Some(to)) = (older.owner(vnode), newer.owner(vnode))
                    && from != to
                {
                    pairs.insert((from.as_str().to_owned(), to.as_str().to_owned()));
                }
            }
        }
        pairs
    }

    /// Tells whether the rings differ in nothing but owners.
    pub(super) fn are_alike(&self) -> bool {
        let shape =
            |in_force: &RingInForce| (in_force.ring.vnode_count(), in_force.ring.algorithm());
        self.in_force.windows(2).all(|pair| match pair {
            [older, newer] => shape(older) == shape(newer),
            _ => true,
        })
    }
}

impl RingInForce {
    fn owner(&self, vnode: u32) -> Option<&Pnode> {
        self.ring.node(Vnode::new(vnode)).ok().map(|node| node.pnode)
    }
}

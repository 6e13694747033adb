//! The places where writes were acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Check;
use super::history::{Attempt, ObjectHistory};
use super::object::between;
use super::single_writer::{Acknowledged, one_change_too_many};
use super::{Violation, ViolationKind};
use crate::load::log::Outcome;

impl Check<'_> {
    /// Judges where writes were acknowledged.
    pub(super) fn routing(&mut self, vnodes: &[u32]) {
        let mut pnodes: Vec<String> = Vec::new();
        let mut by_vnode: BTreeMap<u32, Vec<Acknowledged>> = BTreeMap::new();
        for (index, attempt) in self.history.attempts.iter().enumerate() {
            let Some(&vnode) = vnodes.get(attempt.object) else { continue };
            let Some(Outcome::Acknowledged { node: Some(node), .. }) = &attempt.outcome else {
                continue;
            };
            let (start, end) = (attempt.start, attempt.end.unwrap_or(attempt.start));
            let (from, until) = (start.saturating_sub(self.slack), end.saturating_add(self.slack));
            let owners = self.rings.owners(vnode, from, until);
            let named = owners.iter().any(|owner| owner.as_str() == node.pnode);
            if node.vnode != vnode || !named {
                let owners: Vec<_> = owners.iter().map(|owner| owner.as_str()).collect();
                let text = format!(
                    "a write of {} was acknowledged for vnode {} by {}; the owner was {}",
                    between(self.history, start, attempt.end),
                    node.vnode,
                    node.pnode,
                    owners.join(" or ")
                );
                self.add_attempt(ViolationKind::Misrouted, attempt, vnode, &node.pnode, text);
            }
            let Some(database) = self.rings.database(&node.pnode, start, end) else { continue };
            let known = pnodes.iter().position(|pnode| *pnode == database);
            let pnode = known.unwrap_or_else(|| {
                pnodes.push(database);
                pnodes.len() - 1
            });
            let write = Acknowledged { start, end, pnode, attempt: index };
            by_vnode.entry(vnode).or_default().push(write);
        }
        for (vnode, writes) in by_vnode {
            self.single_writer(vnode, &writes, &pnodes);
        }
    }

    /// Judges whether two shards took writes of a vnode in turns. Every two of its shards are looked at by themselves.
    fn single_writer(&mut self, vnode: u32, writes: &[Acknowledged], pnodes: &[String]) {
        let shards: BTreeSet<usize> = writes.iter().map(|write| write.pnode).collect();
        let succession = self.rings.succession(vnode);
        for (first, second) in
            shards.iter().flat_map(|a| shards.range(a + 1..).map(move |b| (*a, *b)))
        {
            let name = |shard: usize| pnodes.get(shard).map_or("", String::as_str);
            let mut of_both: Vec<_> = succession
                .iter()
                .map(|owner| owner.as_str())
                .filter(|owner| [name(first), name(second)].contains(owner))
                .collect();
            of_both.dedup();
            let of_rings = of_both.len().saturating_sub(1);
            // What never moved has no more either.
            let more = if of_rings > 0 { self.options.more_handovers } else { 0 };
            let allowed = of_rings + more;
            let writes: Vec<_> =
                writes.iter().filter(|it| [first, second].contains(&it.pnode)).copied().collect();
            let Some(excess) = one_change_too_many(&writes, allowed) else { continue };
            let Some(attempt) = self.history.attempts.get(excess.attempt) else { continue };
            let other = if excess.pnode == first { second } else { first };
            let before = writes
                .iter()
                .filter(|write| write.pnode == other && write.end <= excess.end)
                .max_by_key(|write| write.end);
            let text = format!(
                "a write of {} was acknowledged by {} after one of {} by {}; there were {allowed} changes of owner",
                between(self.history, excess.start, Some(excess.end)),
                name(excess.pnode),
                before.map_or_else(String::new, |it| between(self.history, it.start, Some(it.end))),
                name(other),
            );
            self.add_attempt(ViolationKind::TwoMasters, attempt, vnode, name(excess.pnode), text);
        }
    }

    fn add_attempt(
        &mut self,
        kind: ViolationKind,
        attempt: &Attempt,
        vnode: u32,
        pnode: &str,
        text: String,
    ) {
        let object = self.history.objects.get(attempt.object);
        let name = |of: fn(&ObjectHistory) -> &str| object.map(of).unwrap_or_default().to_owned();
        let (bucket, key) = (name(|object| &object.bucket), name(|object| &object.key));
        let pnode = Some(pnode.to_owned());
        self.found.add(Violation { kind, bucket, key, vnode, pnode, text });
    }
}

//! The findings of a check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Outages, Violation, ViolationKind, WriteBlock};
use crate::load::Latency;

/// The findings of a check. Its `Display` is a table for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// All that was looked at.
    pub checked: Checked,
    /// The number of violations of each kind. Kinds of which there are none are left out.
    pub violations: BTreeMap<ViolationKind, u64>,
    /// The first violations of each kind.
    pub listed: Vec<Violation>,
    /// The number of rows of each vnode that are at shards that do not own it.
    pub ghosts: BTreeMap<u32, u64>,
    /// The times at which writes to vnodes failed that were moved.
    pub moved_writes: Outages,
    /// The times at which writes to other vnodes failed.
    pub untouched_writes: Outages,
    /// The time for which moved vnodes took no writes.
    pub write_block: WriteBlock,
    /// The times at which reads failed.
    pub reads: Outages,
    /// The time that acknowledged writes took from when they were due.
    pub write_latency: Latency,
    /// The time that answered reads took from when they were due.
    pub read_latency: Latency,
}

/// All that a check has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Objects of the history and its seeds.
    pub objects: u64,
    /// Of these: objects that may have changed their owner just when a shard was read. What the shards have is not judged.
    pub in_transit: u64,
    /// Rows.
    pub rows: u64,
    /// Rows with a null in the column `_vnode`.
    pub null_vnodes: u64,
    /// Rows of moved vnodes at shards that do not own them.
    pub ghosts_of_moved: u64,
    /// Rows at their owners of objects that are not in the history.
    pub strangers: u64,
    /// Attempts to write.
    pub writes: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Refused.
    pub refused: u64,
    /// Of unknown outcome.
    pub unknown: u64,
    /// Under way.
    pub open: u64,
    /// Of the writes: those that went on to another router, because they could not be sent to one.
    #[serde(default)]
    pub retried_writes: u64,
    /// Reads.
    pub reads: u64,
    /// Of these: those that went on to another router, because they could not be sent to one or their connection broke.
    #[serde(default)]
    pub retried_reads: u64,
    /// Reads that saw what cannot have been there, or did not see what must.
    pub wrong_reads: u64,
}

impl Report {
    /// Tells whether nothing is as it must not be.
    pub fn is_green(&self) -> bool {
        self.violations.is_empty()
    }

    /// The number of violations of a kind.
    pub fn count(&self, kind: ViolationKind) -> u64 {
        self.violations.get(&kind).copied().unwrap_or_default()
    }
}

/// A report that is being made.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) checked: Checked,
    violations: Vec<Violation>,
    pub(super) ghosts: BTreeMap<u32, u64>,
    pub(super) moved_writes: Outages,
    pub(super) untouched_writes: Outages,
    pub(super) write_block: WriteBlock,
    pub(super) reads: Outages,
    pub(super) write_latency: crate::load::Latency,
    pub(super) read_latency: crate::load::Latency,
}

impl Findings {
    pub(super) fn add(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    pub(super) fn report(self, list: usize) -> Report {
        let mut found = self.violations;
        found.sort();
        let mut violations: BTreeMap<_, u64> = BTreeMap::new();
        for violation in &found {
            *violations.entry(violation.kind).or_default() += 1;
        }
        // A few of each kind first, so that one kind does not hide the others.
        let each = list / violations.len().max(1);
        let mut of_kind: BTreeMap<_, usize> = BTreeMap::new();
        let mut rest = Vec::new();
        let mut listed = Vec::new();
        for violation in found {
            let number = of_kind.entry(violation.kind).or_default();
            *number += 1;
            if *number <= each { &mut listed } else { &mut rest }.push(violation);
        }
        let room = list.saturating_sub(listed.len());
        listed.extend(rest.into_iter().take(room));
        listed.sort();
        Report {
            checked: self.checked,
            violations,
            listed,
            ghosts: self.ghosts,
            moved_writes: self.moved_writes,
            untouched_writes: self.untouched_writes,
            write_block: self.write_block,
            reads: self.reads,
            write_latency: self.write_latency,
            read_latency: self.read_latency,
        }
    }
}

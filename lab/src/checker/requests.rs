//! The number of requests, how long they took, and when they failed.

use std::collections::BTreeMap;

use super::block::{Answered, WriteBlock};
use super::check::Check;
use super::object::between;
use super::outages::{Outages, Sample};
use super::{Violation, ViolationKind};
use crate::load::Latencies;
use crate::load::log::{Outcome, ReadResult};

impl Check<'_> {
    /// Counts requests and their outages and latencies.
    pub(super) fn requests(&mut self, vnodes: &[u32]) {
        let history = self.history;
        let mut latencies = Latencies::default();
        let mut samples = Vec::new();
        let (writes, reads) = history.retried;
        (self.found.checked.retried_writes, self.found.checked.retried_reads) = (writes, reads);
        for attempt in &history.attempts {
            let checked = &mut self.found.checked;
            checked.writes += 1;
            let error = match &attempt.outcome {
                Some(Outcome::Acknowledged { .. }) => {
                    checked.acknowledged += 1;
                    latencies.add(attempt.end.unwrap_or_default().saturating_sub(attempt.due));
                    None
                }
                Some(Outcome::Refused { error }) => {
                    checked.refused += 1;
                    Some(&**error).filter(|error| !is_answer(error))
                }
                Some(Outcome::Unknown { error }) => {
                    checked.unknown += 1;
                    Some(&**error)
                }
                None => {
                    checked.open += 1;
                    continue;
                }
            };
            if let (Some(&vnode), Some(end)) = (vnodes.get(attempt.object), attempt.end) {
                samples.push(Sample { vnode, start: attempt.start, end, error });
            }
        }
        self.found.write_latency = latencies.summary();
        self.found.write_block = WriteBlock::of(&self.answered(vnodes));
        let (moved, untouched): (Vec<_>, Vec<_>) =
            samples.into_iter().partition(|sample| self.moved.contains(&sample.vnode));
        self.found.moved_writes = Outages::of(moved.into_iter());
        self.found.untouched_writes = Outages::of(untouched.into_iter());
        self.reads(vnodes);
    }

    /// The writes of each moved vnode that were acknowledged or failed.
    fn answered(&self, vnodes: &[u32]) -> BTreeMap<u32, Vec<Answered<'_>>> {
        let mut answered: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for attempt in &self.history.attempts {
            let vnode = vnodes.get(attempt.object).filter(|vnode| self.moved.contains(vnode));
            let (Some(vnode), Some(end)) = (vnode, attempt.end) else { continue };
            let (failed, pnode) = match &attempt.outcome {
                Some(Outcome::Acknowledged { node, .. }) => {
                    (false, node.as_ref().map(|node| &*node.pnode))
                }
                Some(Outcome::Refused { error }) if is_answer(error) => (false, None),
                Some(Outcome::Refused { .. } | Outcome::Unknown { .. }) => (true, None),
                None => continue,
            };
            let write = Answered { start: attempt.start, end, failed, pnode };
            answered.entry(*vnode).or_default().push(write);
        }
        answered
    }

    fn reads(&mut self, vnodes: &[u32]) {
        let mut latencies = Latencies::default();
        let mut samples = Vec::new();
        for (object, &vnode) in self.history.objects.iter().zip(vnodes) {
            for read in &object.reads {
                let error = match &read.result {
                    ReadResult::Failed { error } => Some(&**error),
                    ReadResult::Found { .. } | ReadResult::Absent => None,
                };
                samples.push(Sample { vnode, start: read.start, end: read.end, error });
                if error.is_none() {
                    latencies.add(read.end.saturating_sub(read.due));
                } else if !self.options.allow_failed_reads {
                    let text = format!(
                        "the read of {} failed: {}",
                        between(self.history, read.start, Some(read.end)),
                        error.unwrap_or_default()
                    );
                    let kind = ViolationKind::FailedRead;
                    let (bucket, key) = (object.bucket.to_string(), object.key.to_string());
                    self.found.add(Violation { kind, bucket, key, vnode, pnode: None, text });
                }
            }
        }
        self.found.checked.reads = samples.len() as u64;
        self.found.read_latency = latencies.summary();
        self.found.reads = Outages::of(samples.into_iter());
    }
}

/// Tells whether an error is the shard's answer to what was asked, and not a failure.
fn is_answer(error: &str) -> bool {
    ["EtagConflictError", "ObjectNotFoundError", "UniqueAttributeError"].contains(&error)
}

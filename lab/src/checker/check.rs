//! The check.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fash::HashOutOfRange;

use super::history::{Attempt, History, ObjectHistory};
use super::masters::{Acknowledged, one_change_too_many};
use super::object::{Look, between, judge};
use super::outages::{Outages, Sample};
use super::report::Findings;
use super::{
    CheckOptions, Ghosts, Report, Rings, Row, Shard, Violation, ViolationKind, World, counts,
};
use crate::load::Latencies;
use crate::load::log::{Outcome, ReadResult};

/// A check cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no ring.
    #[error("there is no ring that says which shard owns what")]
    NoRing,
    /// The rings differ in more than in who owns what.
    #[error("the rings do not have the same number of vnodes and the same hash function")]
    DifferentRings,
    /// A key belongs to no vnode.
    #[error("the object {key:?} of the bucket {bucket} has no vnode")]
    NoVnode {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Why not.
        source: HashOutOfRange,
    },
    /// A ring names a shard that was not read.
    #[error("a ring gives vnodes to {0}, whose rows were not read")]
    UnreadShard(String),
}

/// Checks what became of every write.
///
/// The world must have been read before the logs of the history, unless no load was running.
///
/// # Errors
/// There is not all that a check needs.
pub fn check(
    history: &History,
    world: &World,
    rings: &Rings,
    options: &CheckOptions,
) -> Result<Report, CheckError> {
    if rings.rings().is_empty() {
        return Err(CheckError::NoRing);
    }
    if !rings.are_alike() {
        return Err(CheckError::DifferentRings);
    }
    let slack = micros(options.clock_slack);
    let moved = options.moved.clone().unwrap_or_else(|| rings.moved());
    let rows = RowsByKey::new(world);
    let mut check =
        Check { history, world, rings, options, slack, moved, rows, found: Findings::default() };
    let vnodes = check.objects()?;
    check.strangers()?;
    for shard in &world.shards {
        counts::check(shard, rings, slack, &mut |violation| check.found.add(violation));
    }
    check.routing(&vnodes);
    check.requests(&vnodes);
    Ok(check.found.report(options.list))
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Where the rows of each object are.
struct RowsByKey<'a>(HashMap<(&'a str, &'a str), Vec<(&'a Shard, &'a Row)>>);

impl<'a> RowsByKey<'a> {
    fn new(world: &'a World) -> Self {
        let count = world.shards.iter().map(|shard| shard.rows.len()).sum();
        let mut rows: HashMap<_, Vec<_>> = HashMap::with_capacity(count);
        for shard in &world.shards {
            for row in &shard.rows {
                rows.entry((&*row.bucket, &*row.key)).or_default().push((shard, row));
            }
        }
        Self(rows)
    }
}

/// The shards that owned a vnode when they were read.
struct Ownership<'a> {
    /// Those that certainly did: objects must be there.
    certain: Vec<&'a Shard>,
    /// Those that may have: then, objects may be there or not yet, or no longer be written there.
    perhaps: Vec<&'a Shard>,
    /// The last owner by the rings.
    newest: &'a str,
}

impl Ownership<'_> {
    fn is_certain(&self, shard: &Shard) -> bool {
        self.certain.iter().any(|owner| std::ptr::eq(*owner, shard))
    }

    fn is_none(&self, shard: &Shard) -> bool {
        !self.is_certain(shard) && !self.perhaps.iter().any(|owner| std::ptr::eq(*owner, shard))
    }
}

struct Check<'a> {
    history: &'a History,
    world: &'a World,
    rings: &'a Rings,
    options: &'a CheckOptions,
    slack: u64,
    moved: BTreeSet<u32>,
    rows: RowsByKey<'a>,
    found: Findings,
}

impl<'a> Check<'a> {
    fn vnode(&self, bucket: &str, key: &str) -> Result<u32, CheckError> {
        let vnode = self.rings.vnode(&self.rings.hashed(bucket, key)).map_err(|source| {
            CheckError::NoVnode { bucket: bucket.to_owned(), key: key.to_owned(), source }
        })?;
        vnode.ok_or(CheckError::NoRing)
    }

    /// Who owned a vnode when its shards were read.
    fn ownership(&self, vnode: u32) -> Result<Ownership<'a>, CheckError> {
        let mut ownership = Ownership { certain: Vec::new(), perhaps: Vec::new(), newest: "" };
        for shard in &self.world.shards {
            let from = shard.read_from.saturating_sub(self.slack);
            let until = shard.read_until.saturating_add(self.slack);
            let owners = self.rings.owners(vnode, from, until);
            for owner in &owners {
                if !self.world.shards.iter().any(|shard| shard.pnode == owner.as_str()) {
                    return Err(CheckError::UnreadShard(owner.as_str().to_owned()));
                }
            }
            let owns = owners.iter().any(|owner| owner.as_str() == shard.pnode);
            match (owns, owners.len()) {
                (true, 1) => ownership.certain.push(shard),
                (true, _) => ownership.perhaps.push(shard),
                (false, _) => {}
            }
        }
        let newest = self.rings.succession(vnode).pop();
        ownership.newest = newest.map(fash::Pnode::as_str).unwrap_or_default();
        Ok(ownership)
    }

    /// Judges all objects of the history. Returns their vnodes.
    fn objects(&mut self) -> Result<Vec<u32>, CheckError> {
        let history = self.history;
        let mut vnodes = Vec::with_capacity(history.objects.len());
        for object in &history.objects {
            let vnode = self.vnode(&object.bucket, &object.key)?;
            vnodes.push(vnode);
            let rows = self.rows.0.remove(&(&*object.bucket, &*object.key)).unwrap_or_default();
            self.object(object, vnode, &rows)?;
        }
        self.found.checked.objects = history.objects.len() as u64;
        Ok(vnodes)
    }

    fn object(
        &mut self,
        object: &ObjectHistory,
        vnode: u32,
        rows: &[(&'a Shard, &'a Row)],
    ) -> Result<(), CheckError> {
        let ownership = self.ownership(vnode)?;
        self.found.checked.in_transit += u64::from(ownership.certain.is_empty());
        let looks: Vec<_> = ownership
            .certain
            .iter()
            .map(|owner| Look {
                pnode: &owner.pnode,
                from: owner.read_from.saturating_sub(self.slack),
                until: owner.read_until.saturating_add(self.slack),
                row: at(rows, owner),
            })
            .collect();
        let unknown_within = self.options.unknown_within.map(micros);
        for wrong in judge(self.history, object, &looks, unknown_within) {
            if wrong.kind == ViolationKind::WrongRead {
                self.found.checked.wrong_reads += 1;
                if self.options.allow_wrong_reads {
                    continue;
                }
            }
            let mut text = wrong.text;
            if wrong.kind == ViolationKind::Lost {
                for (shard, _) in rows {
                    text = format!("{text}; there is a row at {}", shard.pnode);
                }
            }
            self.found.add(Violation {
                kind: wrong.kind,
                bucket: object.bucket.to_string(),
                key: object.key.to_string(),
                vnode,
                pnode: wrong.pnode,
                text,
            });
        }
        for (shard, row) in rows {
            self.row(shard, row, vnode, &ownership, Some(object));
        }
        Ok(())
    }

    /// Judges where a row is, and its vnode.
    fn row(
        &mut self,
        shard: &Shard,
        row: &Row,
        vnode: u32,
        ownership: &Ownership<'_>,
        object: Option<&ObjectHistory>,
    ) {
        self.found.checked.rows += 1;
        self.found.checked.null_vnodes += u64::from(row.vnode.is_none());
        let put_alone = object.is_some_and(|object| self.was_put_alone(object, row));
        let mut wrong = |kind, text| {
            let (bucket, key) = (row.bucket.to_string(), row.key.to_string());
            let pnode = Some(shard.pnode.clone());
            self.found.add(Violation { kind, bucket, key, vnode, pnode, text });
        };
        if ownership.is_none(shard) {
            let allowed = match self.options.ghosts {
                Ghosts::Anywhere => true,
                Ghosts::OfMoved => self.moved.contains(&vnode),
                Ghosts::Nowhere => false,
            };
            if !allowed {
                wrong(ViolationKind::Ghost, format!("the owner is {}", ownership.newest));
            }
            *self.found.ghosts.entry(vnode).or_default() += 1;
            return;
        }
        match row.vnode {
            Some(number) if number != i64::from(vnode) => {
                let text = format!("the column _vnode is {number}");
                wrong(ViolationKind::WrongVnode, text);
            }
            None if put_alone => {
                let text = "the column _vnode is null, but the object was not put by a batch";
                wrong(ViolationKind::WrongVnode, text.to_owned());
            }
            Some(_) | None => {}
        }
    }

    /// Whether the row's value is of a put that was no batch.
    fn was_put_alone(&self, object: &ObjectHistory, row: &Row) -> bool {
        let write = object.writes.iter().find(|write| Some(write.id) == row.write);
        let attempt = write.and_then(|write| self.history.attempts.get(write.attempt));
        attempt.is_some_and(|attempt| !attempt.batch)
    }

    /// Judges the rows of objects that are not in the history.
    fn strangers(&mut self) -> Result<(), CheckError> {
        for ((bucket, key), rows) in std::mem::take(&mut self.rows.0) {
            let vnode = self.vnode(bucket, key)?;
            let ownership = self.ownership(vnode)?;
            let of_load = self.history.prefixes.iter().any(|prefix| key.contains(&**prefix));
            for (shard, row) in rows {
                self.row(shard, row, vnode, &ownership, None);
                if !ownership.is_certain(shard) {
                    continue;
                }
                let text = if of_load {
                    "the key is one of a load, but no write of it is in the log"
                } else if !self.options.allow_strangers {
                    "no log and no seed tells of it"
                } else {
                    self.found.checked.strangers += 1;
                    continue;
                };
                let (kind, pnode) = (ViolationKind::Phantom, Some(shard.pnode.clone()));
                let (bucket, key) = (bucket.to_owned(), key.to_owned());
                self.found.add(Violation {
                    kind,
                    bucket,
                    key,
                    vnode,
                    pnode,
                    text: text.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Judges where writes were acknowledged, and reads answered.
    fn routing(&mut self, vnodes: &[u32]) {
        let mut pnodes: Vec<&str> = Vec::new();
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
            let known = pnodes.iter().position(|pnode| *pnode == node.pnode);
            let pnode = known.unwrap_or_else(|| {
                pnodes.push(&node.pnode);
                pnodes.len() - 1
            });
            let write = Acknowledged { start, end, pnode, attempt: index };
            by_vnode.entry(vnode).or_default().push(write);
        }
        for (vnode, writes) in by_vnode {
            self.masters(vnode, &writes, &pnodes);
        }
    }

    /// Judges whether two shards took writes of a vnode in turns. Every two of its shards are looked at by themselves.
    fn masters(&mut self, vnode: u32, writes: &[Acknowledged], pnodes: &[&str]) {
        let shards: BTreeSet<usize> = writes.iter().map(|write| write.pnode).collect();
        let succession = self.rings.succession(vnode);
        for (first, second) in
            shards.iter().flat_map(|a| shards.range(a + 1..).map(move |b| (*a, *b)))
        {
            let name = |shard: usize| pnodes.get(shard).copied().unwrap_or_default();
            let mut of_both: Vec<_> = succession
                .iter()
                .map(|owner| owner.as_str())
                .filter(|owner| [name(first), name(second)].contains(owner))
                .collect();
            of_both.dedup();
            let allowed = of_both.len().saturating_sub(1);
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
                "a write of {} was acknowledged by {} after one of {} by {}; the rings allow {allowed} changes of owner",
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

    /// Counts requests and their outages and latencies.
    fn requests(&mut self, vnodes: &[u32]) {
        let history = self.history;
        let mut latencies = Latencies::default();
        let mut samples = Vec::new();
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
        let (moved, untouched): (Vec<_>, Vec<_>) =
            samples.into_iter().partition(|sample| self.moved.contains(&sample.vnode));
        self.found.moved_writes = Outages::of(moved.into_iter());
        self.found.untouched_writes = Outages::of(untouched.into_iter());
        self.reads(vnodes);
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

fn at<'a>(rows: &[(&'a Shard, &'a Row)], owner: &Shard) -> Option<&'a Row> {
    rows.iter().find(|(shard, _)| std::ptr::eq(*shard, owner)).map(|(_, row)| *row)
}

/// Whether an error is the shard's answer to what was asked, and not a failure.
fn is_answer(error: &str) -> bool {
    ["EtagConflictError", "ObjectNotFoundError", "UniqueAttributeError"].contains(&error)
}

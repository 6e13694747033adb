//! The check.

use std::collections::{BTreeSet, HashMap};

use fash::HashOutOfRange;

use super::history::{History, ObjectHistory};
use super::object::{Look, judge};
use super::report::Findings;
use super::{CheckOptions, Report, Rings, Row, Shard, Violation, ViolationKind, World, counts};

/// The problem with a row of a load that the load has not written.
pub(super) const NEVER_WRITTEN: &str = "the key is one of a load, but no write of it is in the log";

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
        /// The cause.
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
    let mut check = Check {
        history,
        world,
        rings,
        options,
        slack,
        moved,
        handovers: rings.handovers(),
        rows: RowsByKey::new(world),
        found: Findings::default(),
    };
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

/// The rows of each object, with the shards that they are in.
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

/// A check under way.
pub(super) struct Check<'a> {
    pub(super) history: &'a History,
    world: &'a World,
    pub(super) rings: &'a Rings,
    pub(super) options: &'a CheckOptions,
    pub(super) slack: u64,
    pub(super) moved: BTreeSet<u32>,
    pub(super) handovers: BTreeSet<(String, String)>,
    rows: RowsByKey<'a>,
    pub(super) found: Findings,
}

impl<'a> Check<'a> {
    fn vnode(&self, bucket: &str, key: &str) -> Result<u32, CheckError> {
        let vnode = self.rings.vnode(&self.rings.hashed(bucket, key)).map_err(|source| {
            CheckError::NoVnode { bucket: bucket.to_owned(), key: key.to_owned(), source }
        })?;
        vnode.ok_or(CheckError::NoRing)
    }

    /// The owners of a vnode when its shards were read.
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
        if ownership.is_none(shard) {
            self.ghost(shard, row, vnode, ownership.newest, object);
            return;
        }
        let mut wrong = |kind, text| self.found.add(at_row(kind, shard, row, vnode, text));
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

    /// Tells whether the row's value is of a put that was no batch.
    fn was_put_alone(&self, object: &ObjectHistory, row: &Row) -> bool {
        let write = object.writes.iter().find(|write| Some(write.id) == row.write);
        let attempt = write.and_then(|write| self.history.attempts.get(write.attempt));
        attempt.is_some_and(|attempt| !attempt.batch)
    }

    /// Tells whether a key is one of the history's loads.
    pub(super) fn is_of_load(&self, key: &str) -> bool {
        self.history.prefixes.iter().any(|prefix| key.contains(&**prefix))
    }

    /// Judges the rows of objects that are not in the history.
    fn strangers(&mut self) -> Result<(), CheckError> {
        for ((bucket, key), rows) in std::mem::take(&mut self.rows.0) {
            let vnode = self.vnode(bucket, key)?;
            let ownership = self.ownership(vnode)?;
            let of_load = self.is_of_load(key);
            for (shard, row) in rows {
                self.row(shard, row, vnode, &ownership, None);
                if !ownership.is_certain(shard) {
                    continue;
                }
                let text = if of_load {
                    NEVER_WRITTEN
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
}

/// A violation that is a row.
pub(super) fn at_row(
    kind: ViolationKind,
    shard: &Shard,
    row: &Row,
    vnode: u32,
    text: String,
) -> Violation {
    let (bucket, key) = (row.bucket.to_string(), row.key.to_string());
    Violation { kind, bucket, key, vnode, pnode: Some(shard.pnode.clone()), text }
}

fn at<'a>(rows: &[(&'a Shard, &'a Row)], owner: &Shard) -> Option<&'a Row> {
    rows.iter().find(|(shard, _)| std::ptr::eq(*shard, owner)).map(|(_, row)| *row)
}

//! The attempts of loads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::world::hash_of;
use super::{Rings, World};
use crate::load::log::{
    Action, Condition, Header, Intent, Line, LogError, LogReader, Outcome, OutcomeLine, ReadLine,
    ReadResult, WriteId,
};

/// The attempts of the loads of one or several logs, and what was there before. All times are in microseconds since
/// 1970.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(super) objects: Vec<ObjectHistory>,
    index: HashMap<(Arc<str>, Arc<str>), usize>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) prefixes: Vec<String>,
    pub(super) began: Option<u64>,
    pub(super) reads: u64,
    /// Writes and reads that were tried at more than one router.
    pub(super) retried: (u64, u64),
    buckets: Vec<Arc<str>>,
}

/// All that was tried with one object.
#[derive(Clone, Debug)]
pub(super) struct ObjectHistory {
    pub(super) bucket: Arc<str>,
    pub(super) key: Arc<str>,
    /// The etag and hash that it had before.
    pub(super) seed: Option<(Box<str>, u64)>,
    pub(super) writes: Vec<Write>,
    pub(super) reads: Vec<Read>,
}

/// One attempt to change one object.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) id: WriteId,
    pub(super) attempt: usize,
    pub(super) action: Action,
    pub(super) condition: Condition,
    /// The one of the attempt's changes that it is.
    pub(super) change: usize,
}

/// One attempt, of one or several changes.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) due: u64,
    pub(super) start: u64,
    /// None: it is under way, or its load was killed.
    pub(super) end: Option<u64>,
    pub(super) outcome: Option<Outcome>,
    pub(super) batch: bool,
    /// The first of the objects that it changes. All have the same vnode.
    pub(super) object: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) due: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) result: ReadResult,
}

impl History {
    /// Adds a log, which may still be written.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn add_log(&mut self, path: &Path) -> Result<(), LogError> {
        let lines = LogReader::open(path)?;
        let header = lines.header().clone();
        let mut adding = Adding::new(self, header);
        for line in lines {
            adding.add(line?);
        }
        Ok(())
    }

    /// Adds the lines of a log, of which this is the header.
    pub fn add_lines(&mut self, header: Header, lines: impl IntoIterator<Item = Line>) {
        let mut adding = Adding::new(self, header);
        for line in lines {
            adding.add(line);
        }
    }

    /// Adds an object that was there before all logs.
    pub fn add_seed(&mut self, bucket: &str, key: &str, etag: &str, hash: u64) {
        let index = self.object(bucket, key);
        if let Some(object) = self.objects.get_mut(index) {
            object.seed = Some((etag.into(), hash));
        }
    }

    /// As [`Self::add_seed`], with the value itself.
    pub fn add_seed_value(&mut self, bucket: &str, key: &str, etag: &str, value: &str) {
        self.add_seed(bucket, key, etag, hash_of(value));
    }

    /// Adds all objects that were at their owners when the world was read. It must have been read before all logs
    /// began. Rows that cannot be routed are left out.
    pub fn add_seeds(&mut self, world: &World, rings: &Rings) {
        for shard in &world.shards {
            for row in &shard.rows {
                let vnode = rings.vnode(&rings.hashed(&row.bucket, &row.key)).ok().flatten();
                let owners = vnode.map(|it| rings.owners(it, shard.read_from, shard.read_until));
                let owner = owners.unwrap_or_default().last().map(|owner| owner.as_str());
                if owner == Some(&*shard.pnode) {
                    self.add_seed(&row.bucket, &row.key, &row.etag, row.hash);
                }
            }
        }
    }

    fn object(&mut self, bucket: &str, key: &str) -> usize {
        let bucket = match self.buckets.iter().find(|known| ***known == *bucket) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = bucket.into();
                self.buckets.push(Arc::clone(&new));
                new
            }
        };
        let key: Arc<str> = key.into();
        let next = self.objects.len();
        let index = *self.index.entry((Arc::clone(&bucket), Arc::clone(&key))).or_insert(next);
        if index == next {
            let (writes, reads) = (Vec::new(), Vec::new());
            self.objects.push(ObjectHistory { bucket, key, seed: None, writes, reads });
        }
        index
    }
}

/// The lines of one log on their way into the history.
struct Adding<'a> {
    history: &'a mut History,
    epoch: u64,
    /// The attempts whose outcome is not known yet.
    open: HashMap<u64, usize>,
}

impl<'a> Adding<'a> {
    fn new(history: &'a mut History, header: Header) -> Self {
        history.prefixes.extend(header.prefixes);
        let epoch = header.epoch;
        history.began = Some(history.began.map_or(epoch, |began| began.min(epoch)));
        Self { history, epoch, open: HashMap::new() }
    }

    fn add(&mut self, line: Line) {
        match line {
            Line::Header(_) => {}
            Line::Intent(intent) => self.intent(intent),
            Line::Outcome(outcome) => self.outcome(outcome),
            Line::Read(read) => self.read(read),
        }
    }

    fn intent(&mut self, intent: Intent) {
        let Intent { id, due, start, batch, changes } = intent;
        let attempt = self.history.attempts.len();
        let mut first = None;
        for (number, change) in changes.into_iter().enumerate() {
            let object = self.history.object(&change.bucket, &change.key);
            first.get_or_insert(object);
            let (id, action, condition) = (change.write, change.action, change.condition);
            if let Some(object) = self.history.objects.get_mut(object) {
                object.writes.push(Write { id, attempt, action, condition, change: number });
            }
        }
        let Some(object) = first else { return };
        let (due, start) = (self.epoch + due, self.epoch + start);
        let attempted = Attempt { due, start, end: None, outcome: None, batch, object };
        self.history.attempts.push(attempted);
        self.open.insert(id, attempt);
    }

    fn outcome(&mut self, line: OutcomeLine) {
        let OutcomeLine { id, end, outcome, retries } = line;
        self.history.retried.0 += u64::from(retries > 0);
        let Some(index) = self.open.remove(&id) else { return };
        let Some(attempt) = self.history.attempts.get_mut(index) else { return };
        attempt.end = Some(self.epoch + end);
        attempt.outcome = Some(outcome);
    }

    fn read(&mut self, line: ReadLine) {
        let ReadLine { due, start, end, bucket, key, result, retries } = line;
        let (due, start, end) = (self.epoch + due, self.epoch + start, self.epoch + end);
        self.history.reads += 1;
        self.history.retried.1 += u64::from(retries > 0);
        let object = self.history.object(&bucket, &key);
        if let Some(object) = self.history.objects.get_mut(object) {
            object.reads.push(Read { due, start, end, result });
        }
    }
}

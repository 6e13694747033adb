//! Comparing the rows of a move at its source and at its target.

mod judge;
mod outcome;
mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use manatee_client::PgEndpoint;
use tokio::sync::Mutex;

use self::judge::Judge;
use self::outcome::Findings;
use self::page::{Reader, page_suspects};
use super::buckets::{Bucket, buckets};
use super::error::GuardError;
use super::key_range::KeyRange;
use super::members::Members;
use super::moves::MoveNumber;
use super::pace::Pace;
use super::replay::Touched;
use super::watch::{Piece, give_way};
use crate::deployment::Database;
use crate::keys::KeyHash;

pub use self::outcome::{Age, Difference, SeenVersion, Verified, VerifyProgress};
#[cfg(test)]
pub(super) use self::page::{PINNED, Side};

/// The longest that a page may take to be read (rule R11).
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of times in a row that a page of one row is given up before it is an error.
const PATIENCE: u32 = 50;
/// The wait before a page that was given up is read again.
const AFTER_GIVING_UP: Duration = Duration::from_millis(100);
/// Keys that differed in a page and are looked at together.
const TOGETHER: usize = 10_000;

/// The servers of a move that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyPlaces {
    /// The source's primary, which has the log.
    pub source: PgEndpoint,
    /// The target's primary.
    pub target: PgEndpoint,
    /// The server of the source whose rows are all read: a standby, where there is one. What it has not replayed yet is looked
    /// at again at the primary.
    pub read_source: PgEndpoint,
    /// The same of the target.
    pub read_target: PgEndpoint,
}

impl VerifyPlaces {
    /// Everything is read from the primaries.
    pub fn primaries(source: &PgEndpoint, target: &PgEndpoint) -> Self {
        Self {
            source: source.clone(),
            target: target.clone(),
            read_source: source.clone(),
            read_target: target.clone(),
        }
    }
}

/// The tunables of [`Verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The ranges of keys that are compared at the same time, each with a connection to either side. Default 1, with which each
    /// side uses one core.
    pub ranges: usize,
    /// The most rows of the source, of whatever vnodes, that one comparison is about. Default 20,000.
    pub page: u32,
    /// Of so many pages one is compared whole, with all columns; of the others keys, etags, times, vnodes, and lengths of
    /// values. Default 50. 1 compares everything, 0 none.
    pub whole_every: u32,
    /// The number of differences after which it ends, for then there are many. Default 1000.
    pub most: usize,
    /// The time for which a row that differs is looked at again, while it is written or waits in the log. Default 3 s.
    pub settle: Duration,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        let settle = Duration::from_secs(3);
        Self { ranges: 1, page: 20_000, whole_every: 50, most: 1_000, settle }
    }
}

/// Compares the rows of a move at both of its databases, while they are written and replayed (rule R22).
///
/// Rows are compared a page of keys at a time, by checksums that each server computes. Where these differ, rows are looked at
/// one by one: a row that differs though nothing of it waits in the log, and though it did not change meanwhile, is a
/// difference.
pub struct Verify {
    readers: Vec<Reader>,
    judge: Judge,
    members: Members,
    buckets: BTreeMap<String, Bucket>,
    options: VerifyOptions,
}

/// The place in a bucket where the next page begins.
struct Pager {
    after: Option<String>,
    is_done: bool,
    pages: u64,
    pace: Pace,
}

impl Verify {
    /// Connects.
    ///
    /// # Errors
    ///
    /// [`GuardError::OtherVnodes`], [`GuardError::OtherHash`] and [`GuardError::Columns`] if the two cannot mean the same rows;
    /// otherwise [`GuardError`].
    pub async fn connect(
        number: MoveNumber,
        hash: &KeyHash,
        places: &VerifyPlaces,
        options: VerifyOptions,
    ) -> Result<Self, GuardError> {
        let source = Database::connect(&places.source, READ_TIMEOUT).await?;
        let target = Database::connect(&places.target, READ_TIMEOUT).await?;
        let members = Members::read(&source, number, hash).await?;
        members.compare(&source, &Members::read(&target, number, hash).await?, &target)?;
        let buckets = buckets(&source, &target).await?;
        let judge = Judge::new(source, target).await?;
        let mut readers = Vec::new();
        for _ in 0..options.ranges.max(1) {
            readers.push(Reader::connect(&places.read_source, &places.read_target).await?);
        }
        Ok(Self { readers, judge, members, buckets, options })
    }

    /// Compares all rows of the move. `on_progress` is told of each page.
    ///
    /// # Errors
    ///
    /// [`GuardError`]
    pub async fn run(
        &self,
        on_progress: &(dyn Fn(&VerifyProgress) + Send + Sync),
    ) -> Result<Verified, GuardError> {
        let findings = Mutex::new(Findings::new(self.options.most));
        for bucket in self.buckets.values() {
            let pace = Pace::new(self.options.page.div_ceil(10), self.options.page);
            let pager = Mutex::new(Pager { after: None, is_done: false, pages: 0, pace });
            let work = self
                .readers
                .iter()
                .map(|reader| Box::pin(self.read(reader, bucket, &pager, &findings, on_progress)));
            try_join_all(work).await?;
            let mut findings = findings.lock().await;
            self.settle(bucket, &mut findings).await?;
            if findings.is_full() {
                break;
            }
        }
        Ok(findings.into_inner().verified())
    }

    /// Compares the rows of these keys whole: those that [`Replay::drain`](super::Replay::drain) has touched, for example.
    ///
    /// # Errors
    ///
    /// [`GuardError`]
    pub async fn keys(&self, keys: &Touched) -> Result<Verified, GuardError> {
        let mut findings = Findings::new(self.options.most);
        for (name, keys) in keys {
            let Some(bucket) = self.buckets.get(name) else {
                let host = self.judge.source_host();
                return Err(GuardError::UnknownBucket { bucket: name.clone(), host });
            };
            findings.count(u64::try_from(keys.len()).unwrap_or(0), true);
            findings.suspect(keys.iter().cloned());
            self.settle(bucket, &mut findings).await?;
        }
        Ok(findings.verified())
    }

    /// Looks at what differed one by one.
    async fn settle(&self, bucket: &Bucket, findings: &mut Findings) -> Result<(), GuardError> {
        let keys = findings.take_suspects();
        self.judge.settle(&self.members, bucket, keys, self.options.settle, findings).await
    }

    /// Compares pages until there is none left.
    async fn read(
        &self,
        reader: &Reader,
        bucket: &Bucket,
        pager: &Mutex<Pager>,
        findings: &Mutex<Findings>,
        on_progress: &(dyn Fn(&VerifyProgress) + Send + Sync),
    ) -> Result<(), GuardError> {
        while let Some((range, is_whole)) = self.next_page(reader, bucket, pager).await? {
            let mut ranges = vec![range];
            let mut given_up = 0;
            while let Some(range) = ranges.pop() {
                let begun = std::time::Instant::now();
                let page = page_suspects(reader, &self.members, bucket, &range, is_whole);
                match give_way(page, &reader.watches()).await? {
                    Piece::Done(page) => {
                        given_up = 0;
                        pager.lock().await.pace.took(begun.elapsed());
                        let mut findings = findings.lock().await;
                        findings.count(page.rows, is_whole);
                        findings.suspect(page.suspects);
                        on_progress(&findings.progress(&bucket.name, range.through));
                        if findings.has_suspects(TOGETHER) {
                            self.settle(bucket, &mut findings).await?;
                        }
                        if findings.is_full() {
                            return Ok(());
                        }
                    }
                    Piece::GivenUp => {
                        given_up += 1;
                        if given_up > PATIENCE {
                            let (bucket, host) = (bucket.name.clone(), reader.host());
                            return Err(GuardError::NoPeace { bucket, host, times: given_up });
                        }
                        tokio::time::sleep(AFTER_GIVING_UP).await;
                        let rows = {
                            let mut pager = pager.lock().await;
                            pager.pace.was_too_long();
                            pager.pace.size()
                        };
                        ranges.extend(reader.parts(bucket, range, rows).await?);
                    }
                }
            }
        }
        Ok(())
    }

    /// The next page, and whether it is compared whole.
    async fn next_page(
        &self,
        reader: &Reader,
        bucket: &Bucket,
        pager: &Mutex<Pager>,
    ) -> Result<Option<(KeyRange, bool)>, GuardError> {
        let mut pager = pager.lock().await;
        if pager.is_done {
            return Ok(None);
        }
        let after = pager.after.take();
        let range = KeyRange { after, through: None };
        let through = reader.nth_key(bucket, &range, pager.pace.size()).await?;
        pager.after.clone_from(&through);
        pager.is_done = through.is_none();
        pager.pages += 1;
        let every = u64::from(self.options.whole_every);
        // The first page is one: a small bucket is compared whole.
        let is_whole = every > 0 && (pager.pages - 1).is_multiple_of(every);
        Ok(Some((KeyRange { through, ..range }, is_whole)))
    }
}

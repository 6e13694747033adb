//! Deleting the ghost rows of one table of one shard, and looking whether one is left.

use std::collections::BTreeMap;
use std::time::Duration;

use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::facts::GHOSTS;
use super::unneeded::OwnersWatch;
use crate::hint::{Operation, hint};
use crate::journal::Progress;
use crate::phase::{Context, PhaseError, PhaseResultExt, Poll, Wait};
use crate::quantity::bytes;
use crate::retryable::Retryable;
use crate::rows::{
    Ghost, GhostSweep, Keepers, RowsError, Split, Table, count_rows, delete_proven, sync_lag,
};

/// The interval between two looks at the sync's lag.
const LAG_INTERVAL: Duration = Duration::from_secs(1);
/// The interval between two looks at who owns the rows, which a new ring changes.
const OWNERS_INTERVAL: Duration = Duration::from_secs(10);

/// The progress in a table of a shard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Swept {
    /// The next page.
    page: u64,
    /// True once the last page was reached. Rows may have come since.
    is_done: bool,
    /// Rows deleted; after a crash those of one batch may be missing.
    deleted: u64,
    /// Those of them that had no `_vnode`.
    without_vnode: u64,
    /// Rows that are left, all of which the shard owns; absent until that was verified.
    verified: Option<u64>,
}

/// One table of one shard.
pub(super) struct Sweeper<'a> {
    pub(super) context: &'a Context,
    pub(super) split: &'a Split,
    pub(super) keepers: &'a Keepers<'a>,
    pub(super) holder: &'a ShardName,
    pub(super) table: &'a Table,
    pub(super) owners: &'a OwnersWatch,
}

impl Sweeper<'_> {
    /// Deletes ghost rows, unless the table was swept to its end already. After a crash or a hold it goes on where it was.
    pub(super) async fn run(&self) -> Result<(), PhaseError> {
        if self.swept().await?.is_done {
            return Ok(());
        }
        let what = format!("delete the ghost rows of {} at {}", self.table, self.holder);
        self.context.act(&what, self.sweep()).await
    }

    /// Deletes from the page that was reached to the last.
    async fn sweep(&self) -> Result<(), PhaseError> {
        let (context, table) = (self.context, self.table);
        let mut swept = self.swept().await?;
        let sweep = GhostSweep::begin(self.keepers, self.holder, self.table, swept.page).await;
        let mut sweep = sweep.or_phase_error(self.failing())?;
        let mut looked_at_lag = None;
        let mut looked_at_owners = None;
        while let Some(ghosts) = sweep.next().await.or_phase_error(self.failing())? {
            let mut ghosts: &[Ghost] = &ghosts;
            while !ghosts.is_empty() {
                context.checkpoint().await?;
                let tuning = context.tuning().await?;
                let now = context.monotonic();
                if looked_at_lag.is_none_or(|then| now.saturating_sub(then) >= LAG_INTERVAL) {
                    self.wait_for_sync(tuning.wait_seconds).await?;
                    looked_at_lag = Some(now);
                }
                if looked_at_owners.is_none_or(|then| now.saturating_sub(then) >= OWNERS_INTERVAL) {
                    self.owners.check(context, self.split).await?;
                    looked_at_owners = Some(now);
                }
                let size = usize::try_from(tuning.delete_batch.max(1)).unwrap_or(usize::MAX);
                let (batch, rest) = ghosts.split_at(size.min(ghosts.len()));
                context.still_leased().await?;
                let deleted = delete_proven(self.keepers, self.holder, self.table, batch).await;
                swept.deleted += deleted.or_phase_error(self.failing())?;
                let without = batch.iter().filter(|ghost| ghost.vnode.is_none()).count();
                swept.without_vnode += u64::try_from(without).unwrap_or(0);
                self.remember(&swept).await?;
                ghosts = rest;
                context.sleep(Duration::from_millis(tuning.delete_pause_ms)).await;
            }
            let (done, total) = sweep.place();
            swept.page = done;
            self.remember(&swept).await?;
            let what = format!(
                "deleting ghost rows of {table} at {}: {} deleted",
                self.holder, swept.deleted
            );
            context.progress(&what, Progress { done, total, unit: "pages".to_owned() }).await?;
            context.checkpoint().await?;
        }
        swept.is_done = true;
        self.remember(&swept).await
    }

    /// Reads the whole table again and tells how many ghosts there are. If there are any, it has to be swept again.
    pub(super) async fn verify(&self) -> Result<u64, PhaseError> {
        let (context, table, holder) = (self.context, self.table, self.holder);
        let database = self.keepers.database(holder, holder).or_phase_error(self.failing())?;
        let what = format!("verifying that {holder} has no ghost rows in {table}");
        let progress = |done, total| {
            let progress = Progress { done, total, unit: "pages".to_owned() };
            let what = &what;
            async move {
                context.checkpoint().await.map_err(Stop::PhaseError)?;
                context.progress(what, progress).await.map_err(Stop::PhaseError)
            }
        };
        let counted = count_rows(database, self.table, self.split, progress).await;
        let counted = counted.map_err(|stop| match stop {
            Stop::PhaseError(trouble) => trouble,
            Stop::Rows(error) => PhaseError::because(self.failing(), error.remedy(), error),
        })?;
        let ghosts = counted.ghosts_at(holder);
        let mut swept = self.swept().await?;
        if ghosts > 0 {
            (swept.page, swept.is_done) = (0, false);
        }
        swept.verified = (ghosts == 0).then(|| counted.kept_at(holder));
        self.remember(&swept).await?;
        if counted.without_key > 0 {
            context.note(format!(
                "{} rows of {table} at {holder} have no _key: nobody can find them, and they stay where they are",
                counted.without_key
            )).await?;
        }
        if ghosts == 0 {
            context.note(format!(
                "{holder} has no ghost rows in {table}: {} were deleted, {} of them without a _vnode; {} rows are left, \
                 all its own",
                swept.deleted,
                swept.without_vnode,
                counted.kept_at(holder)
            )).await?;
        }
        Ok(ghosts)
    }

    async fn wait_for_sync(&self, wait_seconds: u64) -> Result<(), PhaseError> {
        let (context, holder) = (self.context, self.holder);
        let waiting = Wait {
            what: format!("the sync of {holder} to catch up, before more rows are deleted"),
            hint: hint!(
                "see `manatee-adm show` in a postgres zone; ",
                Operation::Tune { setting: "delete_max_lag_bytes".to_owned(), value: None },
                " lets it be further behind"
            ),
        };
        let look = async || {
            let lag = sync_lag(context.deployment(), holder).await;
            let lag = lag.or_phase_error(format!("the sync of {holder} cannot be looked at"))?;
            let most = context.tuning().await?.delete_max_lag_bytes;
            Ok(match lag {
                Some(u64::MAX) => Poll::Pending(None, "it is away".to_owned()),
                Some(lag) if lag > most => Poll::Pending(None, format!("{} behind", bytes(lag))),
                Some(_) | None => Poll::Ready(()),
            })
        };
        context.wait(waiting, Duration::from_secs(wait_seconds), look).await
    }

    fn failing(&self) -> String {
        format!("ghost rows of {} cannot be deleted at {}", self.table, self.holder)
    }

    async fn swept(&self) -> Result<Swept, PhaseError> {
        Ok(self.all().await?.remove(&self.key()).unwrap_or_default())
    }

    async fn remember(&self, swept: &Swept) -> Result<(), PhaseError> {
        let mut all = self.all().await?;
        all.insert(self.key(), swept.clone());
        self.context.put(&GHOSTS, &all).await
    }

    async fn all(&self) -> Result<BTreeMap<String, Swept>, PhaseError> {
        Ok(self.context.get(&GHOSTS).await?.unwrap_or_default())
    }

    fn key(&self) -> String {
        format!("{}/{}", self.holder, self.table)
    }
}

/// The reason why a count ended early.
enum Stop {
    Rows(RowsError),
    PhaseError(PhaseError),
}

impl From<RowsError> for Stop {
    fn from(error: RowsError) -> Self {
        Self::Rows(error)
    }
}

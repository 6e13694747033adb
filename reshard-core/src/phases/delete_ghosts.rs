//! Deletes the rows that a shard does not own any more: at the source those of the vnodes that moved, at each new shard all
//! others.
//!
//! * Reads: all keys of every sharded table at the source and the new shards, some pages at a time, and the rows of the same
//!   keys at their owners; the facts `split-point` and `copies-end`.
//! * Writes: deletes rows, `delete_batch` in a transaction, with pauses, and only while the sync is not far behind; first the
//!   counters of directories. At new shards of a source that is the storage shard it drops the copies of the tables that
//!   are listed in the plan. The facts `ghosts` (per shard and table, how far it is) and `unsharded`.
//! * Done when: a reading of every table has found no row that another shard keeps.
//! * Undo: none: what is deleted is gone. It is after the point of no return.
//! * Pause: between two batches.
//!
//! A row is deleted only if its owner has the same or a newer one, or certainly had this one: see [`crate::rows`].

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ShardName;
use serde::{Deserialize, Serialize};

use super::verify_routing::COPIES_END;
use crate::executor::{Context, Seen, Waiting};
use crate::journal::Progress;
use crate::phase::{About, MayPass, Phase, Trouble, Undone};
use crate::rows::{
    Ghost, GhostSweep, Keepers, ProofPoints, RowsError, Snapshot, Split, Table, Tables,
    UnshardedTable, connect_primary, copies_of_unsharded, count_rows, delete_proven, drop_copy,
    list_tables, sync_lag,
};

/// The fact that [`Swept`] is kept in, by shard and table.
const GHOSTS: &str = "ghosts";
/// The fact with the tables that are not sharded, by shard.
const UNSHARDED: &str = "unsharded";
/// How long one statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);
/// How often the sync's lag is looked at.
const LAG_INTERVAL: Duration = Duration::from_secs(1);
/// How often a table is swept before the plan holds because rows come back.
const SWEEPS: u32 = 5;

/// What is left of the fact `split-point`.
#[derive(Deserialize)]
struct SplitPoint {
    snapshot: Snapshot,
}

/// How far a table of a shard is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Swept {
    /// The next page.
    page: u64,
    /// Rows deleted.
    deleted: u64,
    /// Those of them that had no `_vnode`.
    without_vnode: u64,
    /// Rows that are left, all of which the shard owns; absent until that was verified.
    verified: Option<u64>,
}

/// Deletes the rows that a shard does not own any more.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeleteGhosts;

#[async_trait]
impl Phase for DeleteGhosts {
    fn name(&self) -> &'static str {
        "delete-ghosts"
    }

    fn about(&self) -> About {
        About {
            title: "delete the rows that each side no longer owns",
            rfd103: "12",
            reads: "all keys of the sharded tables at the source and the new shards",
            writes: "deletes rows of which the owner has, or had, the same or a newer version",
            done_when: "no table has a row that another shard owns",
            undo: "none: what is deleted is gone",
            pause: "between two batches",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), Trouble> {
        let split = Split::of(context.plan());
        let points = proof_points(context)?;
        let mut databases = BTreeMap::new();
        for shard in split.shards() {
            let primary = connect_primary(context.deployment(), shard, STATEMENT_TIMEOUT).await;
            let primary = primary.or_rows(format!("the primary of {shard} cannot be reached"))?;
            databases.insert(shard.clone(), primary);
        }
        let keepers = Keepers::new(&split, points, databases).await;
        let keepers = keepers.or_rows("the databases cannot be compared")?;
        let mut unsharded: BTreeMap<ShardName, Vec<UnshardedTable>> = BTreeMap::new();
        for holder in split.shards() {
            let tables = tables_of(&keepers, holder).await?;
            for table in &tables.sharded {
                Sweeper { context, split: &split, keepers: &keepers, holder, table }.run().await?;
            }
            unsharded.insert(holder.clone(), tables.unsharded);
        }
        drop_copies(context, &split, &keepers).await?;
        context.remember(UNSHARDED, &unsharded)?;
        let names = unsharded.values().flatten().map(|table| table.name.as_str());
        let names: std::collections::BTreeSet<&str> = names.collect();
        let names: Vec<&str> = names.into_iter().collect();
        context.note(format!("tables that are not sharded stay as they are: {}", names.join(", ")))
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, Trouble> {
        Err(Trouble::hold(
            "ghost rows that were deleted cannot be put back",
            "the rows are at their owners: move the vnodes back with a plan of its own",
        ))
    }
}

fn proof_points(context: &Context) -> Result<ProofPoints, Trouble> {
    let missing = |fact: &str, phase: &str| {
        Trouble::hold(
            format!("the fact {fact} is missing, without which nothing can be deleted safely"),
            format!("the phase {phase} remembers it, before this one"),
        )
    };
    let point: SplitPoint =
        context.fact("split-point")?.ok_or_else(|| missing("split-point", "drain"))?;
    let ends = context.fact(COPIES_END)?.ok_or_else(|| missing(COPIES_END, "verify-routing"))?;
    Ok(ProofPoints { split: point.snapshot.xmin, ends })
}

async fn tables_of(keepers: &Keepers<'_>, holder: &ShardName) -> Result<Tables, Trouble> {
    let doing = || format!("the tables of {holder} cannot be listed");
    let database = keepers.database(holder, holder).or_rows(doing())?;
    list_tables(database).await.or_rows(doing())
}

/// One table of one shard.
struct Sweeper<'a> {
    context: &'a Context,
    split: &'a Split,
    keepers: &'a Keepers<'a>,
    holder: &'a ShardName,
    table: &'a Table,
}

impl Sweeper<'_> {
    async fn run(&self) -> Result<(), Trouble> {
        if self.swept()?.verified.is_some() {
            return Ok(());
        }
        let what = format!("delete the ghost rows of {} at {}", self.table.name, self.holder);
        for _ in 0..SWEEPS {
            self.context.act(&what, self.sweep()).await?;
            let ghosts = self.verify().await?;
            if ghosts == 0 {
                return Ok(());
            }
            self.context.note(format!("{ghosts} ghost rows came meanwhile, or were changed"))?;
        }
        Err(Trouble::hold(
            format!("ghost rows keep coming to {} at {}", self.table.name, self.holder),
            "something writes there and bypasses electric-moray (the rebalancer?): stop it; then `reshard resume`",
        ))
    }

    /// Deletes from the page that was reached to the last.
    async fn sweep(&self) -> Result<(), Trouble> {
        let (context, table) = (self.context, &self.table.name);
        let mut swept = self.swept()?;
        let sweep = GhostSweep::begin(self.keepers, self.holder, self.table, swept.page).await;
        let mut sweep = sweep.or_rows(self.failing())?;
        let mut looked_at_lag = None;
        while let Some(ghosts) = sweep.next().await.or_rows(self.failing())? {
            let mut ghosts: &[Ghost] = &ghosts;
            while !ghosts.is_empty() {
                context.checkpoint()?;
                let knobs = context.knobs()?;
                let now = context.now();
                if looked_at_lag.is_none_or(|then| crate::clock::elapsed(now, then) >= LAG_INTERVAL)
                {
                    self.wait_for_sync(knobs.wait_seconds).await?;
                    looked_at_lag = Some(now);
                }
                let size = usize::try_from(knobs.delete_batch.max(1)).unwrap_or(usize::MAX);
                let (batch, rest) = ghosts.split_at(size.min(ghosts.len()));
                let deleted = delete_proven(self.keepers, self.holder, self.table, batch).await;
                swept.deleted += deleted.or_rows(self.failing())?;
                let without = batch.iter().filter(|ghost| ghost.vnode.is_none()).count();
                swept.without_vnode += u64::try_from(without).unwrap_or(0);
                ghosts = rest;
                context.sleep(Duration::from_millis(knobs.delete_pause_ms)).await;
            }
            let (done, total) = sweep.place();
            swept.page = done;
            self.remember(&swept)?;
            let what = format!(
                "deleting ghost rows of {table} at {}: {} deleted",
                self.holder, swept.deleted
            );
            context.progress(&what, Progress { done, total, unit: "pages".to_owned() })?;
            context.checkpoint()?;
        }
        Ok(())
    }

    /// Reads the whole table again and tells how many ghosts there are.
    async fn verify(&self) -> Result<u64, Trouble> {
        let (context, table, holder) = (self.context, &self.table.name, self.holder);
        let database = self.keepers.database(holder, holder).or_rows(self.failing())?;
        let what = format!("verifying that {holder} has no ghost rows in {table}");
        let progress = |done, total| {
            let progress = Progress { done, total, unit: "pages".to_owned() };
            let shown = context.checkpoint().and_then(|()| context.progress(&what, progress));
            std::future::ready(shown.map_err(Stop::Trouble))
        };
        let counted = count_rows(database, self.table, self.split, progress).await;
        let counted = counted.map_err(|stop| match stop {
            Stop::Trouble(trouble) => trouble,
            Stop::Rows(error) => rows_trouble(self.failing(), error),
        })?;
        let ghosts = counted.ghosts_at(holder);
        let mut swept = self.swept()?;
        // If there are any, the next sweep begins at the beginning.
        swept.page = 0;
        swept.verified = (ghosts == 0).then(|| counted.kept_at(holder));
        self.remember(&swept)?;
        if ghosts == 0 {
            context.note(format!(
                "{holder} has no ghost rows in {table}: {} were deleted, {} of them without a _vnode; {} rows are left, \
                 all its own",
                swept.deleted,
                swept.without_vnode,
                counted.kept_at(holder)
            ))?;
        }
        Ok(ghosts)
    }

    async fn wait_for_sync(&self, wait_seconds: u64) -> Result<(), Trouble> {
        let (context, holder) = (self.context, self.holder);
        let waiting = Waiting {
            what: format!("the sync of {holder} to catch up, before more rows are deleted"),
            you_can: "see `manatee-adm show` in a postgres zone; `reshard tune delete_max_lag_bytes=…` lets it be \
                      further behind"
                .to_owned(),
        };
        let look = async || {
            let lag = sync_lag(context.deployment(), holder).await;
            let lag = lag.or_rows(format!("the sync of {holder} cannot be looked at"))?;
            let most = context.knobs()?.delete_max_lag_bytes;
            Ok(match lag {
                Some(u64::MAX) => Seen::NotYet(None, "it is away".to_owned()),
                Some(lag) if lag > most => Seen::NotYet(None, format!("{lag} bytes behind")),
                Some(_) | None => Seen::Ready(()),
            })
        };
        context.wait(waiting, Duration::from_secs(wait_seconds), look).await
    }

    fn failing(&self) -> String {
        format!("ghost rows of {} cannot be deleted at {}", self.table.name, self.holder)
    }

    fn swept(&self) -> Result<Swept, Trouble> {
        Ok(self.all()?.remove(&self.key()).unwrap_or_default())
    }

    fn remember(&self, swept: &Swept) -> Result<(), Trouble> {
        let mut all = self.all()?;
        all.insert(self.key(), swept.clone());
        self.context.remember(GHOSTS, &all)
    }

    fn all(&self) -> Result<BTreeMap<String, Swept>, Trouble> {
        Ok(self.context.fact(GHOSTS)?.unwrap_or_default())
    }

    fn key(&self) -> String {
        format!("{}/{}", self.holder, self.table.name)
    }
}

/// At the new shards of the region's storage shard, drops what the plan lists, and nothing else.
async fn drop_copies(
    context: &Context,
    split: &Split,
    keepers: &Keepers<'_>,
) -> Result<(), Trouble> {
    let (request, inventory) = (&context.plan().request, &context.plan().inventory);
    let source = request.source.as_str();
    let holds_them =
        source == inventory.storage_shard || inventory.marlin_shard.as_deref() == Some(source);
    if !holds_them || !request.allow_storage_shard {
        return Ok(());
    }
    let unsharded = inventory.source.unsharded_tables.clone();
    let listed = copies_of_unsharded(&Tables { sharded: vec![], unsharded });
    for shard in split.shards().iter().skip(1) {
        for table in &listed {
            let what = format!("drop the copy of {} at {shard}", table.name);
            let database = keepers.database(shard, shard).or_rows(&what)?;
            let dropping = async { drop_copy(database, table).await.or_rows(&what) };
            context.act(&what, dropping).await?;
        }
    }
    Ok(())
}

/// Why a count ended early.
enum Stop {
    Rows(RowsError),
    Trouble(Trouble),
}

impl From<RowsError> for Stop {
    fn from(error: RowsError) -> Self {
        Self::Rows(error)
    }
}

fn rows_trouble(what: impl std::fmt::Display, error: RowsError) -> Trouble {
    let remedy = error.remedy();
    let what = what.to_string();
    if error.may_pass() {
        return Trouble::Passing { what, source: Some(Box::new(error)) };
    }
    Trouble::Hold { what, remedy, source: Some(Box::new(error)) }
}

/// As [`crate::phase::OrTrouble`], with the error's own remedy.
trait OrRows<T> {
    fn or_rows(self, what: impl std::fmt::Display) -> Result<T, Trouble>;
}

impl<T> OrRows<T> for Result<T, RowsError> {
    fn or_rows(self, what: impl std::fmt::Display) -> Result<T, Trouble> {
        self.map_err(|error| rows_trouble(what, error))
    }
}

//! Deletes the rows that a shard does not own any more: at the source those of the vnodes that moved, at each new shard all
//! others.
//!
//! * Reads: all keys of the tables that the plan names, at the source and the new shards, some pages at a time, and the rows of
//!   the same keys at their owners; the facts `split-point` and `copies-end`.
//! * Writes: deletes rows, `delete_batch` in a transaction, with pauses, and only while the sync is not far behind; first the
//!   counters of directories. At new shards of a source that is the storage shard it drops the copies of the tables that
//!   are listed in the plan. The facts `ghosts` (per shard and table, how far it is), `told-new-tables` and
//!   `unsharded`.
//! * Done when: a reading of every table, begun after all were swept, has found no row that another shard keeps.
//! * Undo: none: what is deleted is gone. It is after the point of no return.
//! * Pause: between two batches.
//!
//! A row is deleted only if its owner has the same or a newer one, or certainly had this one: see [`crate::rows`]. A bucket that
//! the plan does not name, or that is not as it was, is not touched. And nothing is deleted where the ring that SAPI names by now
//! has the row's vnode: see [`crate::serving`].

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use manatee_client::ShardName;

use super::copies_end;
use super::facts::{COPIES_END, SPLIT_POINT, UNSHARDED};
use super::ghost_tables::{tables_of, tables_to_sweep};
use super::sweep::Sweeper;
use super::unneeded::{OwnersWatch, tables_unneeded};
use crate::hint::{Operation, hint};
use crate::phase::{About, Context, Phase, PhaseError, PhaseResultExt, Undone};
use crate::rows::{
    InvalidSnapshot, Keepers, LeftAlone, ProofPoints, Snapshot, Split, Table, connect_primary,
    drop_copy,
};

/// The number of times that everything is swept before the plan holds because rows come back.
const SWEEPS: u32 = 5;
/// The longest that one statement may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

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
            reads: "all keys of the tables that the plan names, at the source and the new shards",
            writes: "deletes rows of which the owner has, or had, the same or a newer version",
            done_when: "no table has a row that another shard owns",
            undo: "none: what is deleted is gone",
            pause: "between two batches",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        let split = Split::of(context.plan());
        let points = proof_points(context).await?;
        let mut databases = BTreeMap::new();
        for shard in split.shards() {
            let primary = connect_primary(context.deployment(), shard, STATEMENT_TIMEOUT).await;
            let primary =
                primary.or_phase_error(format!("the primary of {shard} cannot be reached"))?;
            databases.insert(shard.clone(), primary);
        }
        let keepers = Keepers::new(&split, points, databases).await;
        let keepers = keepers.or_phase_error("the databases cannot be compared")?;
        let owners = &OwnersWatch::default();
        let mut tables: Vec<(&ShardName, Table)> = Vec::new();
        for holder in split.shards() {
            let of_holder = tables_to_sweep(context, &split, &keepers, holder).await?;
            tables.extend(of_holder.into_iter().map(|table| (holder, table)));
        }
        let sweepers = tables.iter().map(|(holder, table)| {
            let (split, keepers) = (&split, &keepers);
            Sweeper { context, split, keepers, holder, table, owners }
        });
        sweep_until_clean(context, &sweepers.collect::<Vec<_>>()).await?;
        drop_copies(context, &split, &keepers).await?;
        let mut unsharded = BTreeMap::new();
        for holder in split.shards() {
            let tables = tables_of(&keepers, holder).await?;
            let names = tables.unsharded.iter().map(|unsharded| unsharded.table.to_string());
            let left_alone = tables.left_alone.iter().map(LeftAlone::to_string);
            context
                .note(format!(
                    "{holder} keeps its tables that are not sharded as they are: {}",
                    names.chain(left_alone).collect::<Vec<_>>().join(", ")
                ))
                .await?;
            unsharded.insert(holder.clone(), tables.unsharded);
        }
        context.put(&UNSHARDED, &unsharded).await
    }

    async fn undo(&self, _context: &Context) -> Result<Undone, PhaseError> {
        Err(PhaseError::hold(
            "ghost rows that were deleted cannot be put back",
            "the rows are at their owners: move the vnodes back with a plan of its own",
        ))
    }
}

/// Sweeps all tables and then looks at every one of them again, until nothing is found: what came meanwhile, or while the plan
/// was held, may be in a table that was swept long ago.
async fn sweep_until_clean(context: &Context, sweepers: &[Sweeper<'_>]) -> Result<(), PhaseError> {
    let mut left = Vec::new();
    for _ in 0..SWEEPS {
        for sweeper in sweepers {
            sweeper.run().await?;
        }
        left.clear();
        for sweeper in sweepers {
            let ghosts = sweeper.verify().await?;
            if ghosts > 0 {
                left.push(format!("{ghosts} of {} at {}", sweeper.table, sweeper.holder));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        context
            .note(format!("ghost rows came, or were changed meanwhile: {}", left.join(", ")))
            .await?;
    }
    Err(PhaseError::hold(
        format!("ghost rows keep coming: {}", left.join(", ")),
        hint!(
            "something writes there and bypasses electric-moray (the rebalancer?): stop it; then ",
            Operation::Resume
        ),
    ))
}

async fn proof_points(context: &Context) -> Result<ProofPoints, PhaseError> {
    let missing = |fact: &str, phase: &str| {
        PhaseError::hold(
            format!("the plan file lacks {fact}, without which nothing can be deleted safely"),
            format!(
                "the phase {phase} writes it into the plan file: find out who has edited that, or changed it for another copy"
            ),
        )
    };
    let point = context.get(&SPLIT_POINT).await?;
    let point = point.ok_or_else(|| missing(SPLIT_POINT.key(), "drain"))?;
    let snapshot: Snapshot = point.snapshot.parse().map_err(|error: InvalidSnapshot| {
        PhaseError::hold(
            format!("{} in the plan file cannot be used: {error}", SPLIT_POINT.key()),
            "nothing can be deleted safely: find out who has edited the plan file",
        )
    })?;
    let ends = copies_end::remembered(context).await?;
    let ends = ends.ok_or_else(|| missing(COPIES_END.base(), "split-shard"))?;
    Ok(ProofPoints { split: snapshot.xmin, ends })
}

/// At the new shards of the region's storage shard, drops what the plan lists, and nothing else.
async fn drop_copies(
    context: &Context,
    split: &Split,
    keepers: &Keepers<'_>,
) -> Result<(), PhaseError> {
    let listed = context.plan().copies_to_drop();
    let targets = split.shards().get(1..).unwrap_or_default();
    if !listed.is_empty() {
        tables_unneeded(context, targets).await?;
    }
    for shard in targets {
        for table in &listed {
            let what = format!("drop the copy of {} at {shard}", table.table);
            let database = keepers.database(shard, shard).or_phase_error(&what)?;
            let dropping = async { drop_copy(database, table).await.or_phase_error(&what) };
            context.act(&what, dropping).await?;
        }
    }
    Ok(())
}

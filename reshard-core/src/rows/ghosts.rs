//! Finding rows that a shard does not own any more, and deleting those of which nothing is lost.

use std::collections::{BTreeMap, HashMap};

use manatee_client::ShardName;
use tokio_postgres::error::SqlState;

use super::error::{EmptyKeeper, RowsError, Unproven};
use super::proof::{ProofPoints, SeenRow, current_snapshot, full_transaction, is_proven};
use super::scan::Scan;
use super::split::Split;
use super::tables::Table;
use crate::deployment::Database;

/// The longest that a deletion waits for a lock. Nobody else should want these rows.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '5s'";
/// No triggers: the counters of directories count what is at their own shard, and the deletion of a ghost deletes no object.
const NO_TRIGGERS: &str = "SET LOCAL session_replication_role = replica";

/// A row that another shard keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ghost {
    /// Its key.
    pub key: String,
    /// Its version.
    pub seen: SeenRow,
    /// Its `_vnode`.
    pub vnode: Option<i64>,
    /// Its keeper's position in [`Split::shards`].
    pub keeper: usize,
    /// The transaction that wrote it, as the row has it.
    xmin: u32,
}

/// The databases of a split's shards, all at their primaries.
pub struct Keepers<'a> {
    split: &'a Split,
    points: ProofPoints,
    databases: BTreeMap<ShardName, Database>,
}

impl<'a> Keepers<'a> {
    /// With connections to the primaries of all shards of the split.
    ///
    /// # Errors
    ///
    /// [`RowsError::NotCopies`] if the databases are none of one another, where PostgreSQL can tell (since 9.6).
    pub async fn new(
        split: &'a Split,
        points: ProofPoints,
        databases: BTreeMap<ShardName, Database>,
    ) -> Result<Self, RowsError> {
        let mut known: Option<(&ShardName, String)> = None;
        for (shard, database) in &databases {
            let Some(id) = system_identifier(database).await? else { continue };
            match &known {
                Some((one, first)) if *first != id => {
                    let (one, other) = ((*one).clone(), shard.clone());
                    return Err(RowsError::NotCopies { one, other, ids: format!("{first}, {id}") });
                }
                Some(_) => {}
                None => known = Some((shard, id)),
            }
        }
        Ok(Self { split, points, databases })
    }

    /// A shard's primary.
    ///
    /// # Errors
    ///
    /// [`RowsError::UnknownShard`]
    pub fn database(&self, holder: &ShardName, shard: &ShardName) -> Result<&Database, RowsError> {
        self.databases.get(shard).ok_or_else(|| RowsError::UnknownShard {
            holder: holder.clone(),
            keeper: shard.clone(),
        })
    }

    fn shard(&self, position: usize) -> Result<&ShardName, RowsError> {
        let shard = self.split.shards().get(position);
        shard.ok_or_else(|| RowsError::Unexpected { what: format!("the shard number {position}") })
    }
}

/// Every copy of a database has the same.
async fn system_identifier(database: &Database) -> Result<Option<String>, RowsError> {
    let doing = "ask for its system identifier";
    let known = "SELECT to_regproc('pg_control_system') IS NOT NULL";
    if !database.value::<bool>(doing, known, &[]).await? {
        return Ok(None);
    }
    let sql = "SELECT system_identifier::text FROM pg_control_system()";
    Ok(Some(database.value(doing, sql, &[]).await?))
}

/// Reads a table of a shard and finds the rows that others keep.
pub struct GhostSweep<'a> {
    keepers: &'a Keepers<'a>,
    holder: &'a ShardName,
    table: &'a Table,
    scan: Scan,
}

impl<'a> GhostSweep<'a> {
    /// Begins at this page of the table.
    ///
    /// # Errors
    ///
    /// [`RowsError`]
    pub async fn begin(
        keepers: &'a Keepers<'a>,
        holder: &'a ShardName,
        table: &'a Table,
        from: u64,
    ) -> Result<Self, RowsError> {
        let scan = Scan::begin(keepers.database(holder, holder)?, table, from).await?;
        Ok(Self { keepers, holder, table, scan })
    }

    /// The page that is read next, and how many there are.
    pub fn place(&self) -> (u64, u64) {
        self.scan.place()
    }

    /// The ghosts of the next pages; `None` after the last page.
    ///
    /// # Errors
    ///
    /// [`RowsError`]
    pub async fn next(&mut self) -> Result<Option<Vec<Ghost>>, RowsError> {
        let keepers = self.keepers;
        let database = keepers.database(self.holder, self.holder)?;
        let Some(rows) = self.scan.next(database).await? else { return Ok(None) };
        let own = keepers.split.shards().iter().position(|shard| shard == self.holder);
        let ghosts = rows.into_iter().filter_map(|row| {
            // Without a key it is nobody's: no router finds it, here or elsewhere.
            let key = row.key?;
            let keeper = keepers.split.keeper(&self.table.name, &key);
            (Some(keeper) != own).then_some(Ghost {
                key,
                seen: row.seen,
                vnode: row.vnode,
                keeper,
                xmin: row.xmin,
            })
        });
        Ok(Some(ghosts.collect()))
    }
}

/// Looks at the keepers of these ghosts and deletes the ghosts, in one transaction. Tells how many were deleted: a row that was
/// changed since it was found is not.
///
/// # Errors
///
/// [`RowsError::Unproven`] if a row might be the only copy, [`RowsError::EmptyKeeper`] if a new shard has no row at all of the
/// table: then none is deleted. Otherwise [`RowsError`].
pub async fn delete_proven(
    keepers: &Keepers<'_>,
    holder: &ShardName,
    table: &Table,
    ghosts: &[Ghost],
) -> Result<u64, RowsError> {
    let database = keepers.database(holder, holder)?;
    // Asked after the rows were read: none of them was written by a later transaction.
    let next = current_snapshot(database).await?.xmax;
    let source = keepers.shard(0)?;
    let mut by_keeper: BTreeMap<usize, Vec<&Ghost>> = BTreeMap::new();
    for ghost in ghosts {
        by_keeper.entry(ghost.keeper).or_default().push(ghost);
    }
    for (position, ghosts) in by_keeper {
        let keeper = keepers.shard(position)?;
        let owner = keepers.database(holder, keeper)?;
        let kept = look_up(owner, table, &ghosts).await?;
        // A new shard has a copy of every row that the source had. One without any of a table never had them, or lost them
        // all, and then the rows here may be the only ones, however old they are. The source cannot lack what it had.
        let lacks = match &kept {
            None => true,
            Some(kept) => kept.is_empty() && keeper != source && !has_rows(owner, table).await?,
        };
        if lacks {
            let keys = ghosts.iter().map(|ghost| ghost.key.clone()).collect();
            let (table, holder, keeper) = (table.clone(), holder.clone(), keeper.clone());
            let empty = EmptyKeeper { table, holder, keeper, keys };
            return Err(RowsError::EmptyKeeper(Box::new(empty)));
        }
        let kept = kept.unwrap_or_default();
        let until = keepers.points.until(source, holder, keeper);
        for ghost in ghosts {
            let kept = kept.get(&ghost.key);
            let transaction = full_transaction(ghost.xmin, next);
            if !is_proven(&ghost.seen, transaction, until, kept) {
                let unproven = Unproven {
                    table: table.name.clone(),
                    key: ghost.key.clone(),
                    holder: holder.clone(),
                    held: ghost.seen.clone(),
                    keeper: keeper.clone(),
                    kept: kept.cloned(),
                };
                return Err(RowsError::Unproven(Box::new(unproven)));
            }
        }
    }
    delete(database, table, ghosts).await
}

/// The rows that the keeper has under the keys of the ghosts; `None` if it has no such table.
async fn look_up(
    keeper: &Database,
    table: &Table,
    ghosts: &[&Ghost],
) -> Result<Option<HashMap<String, SeenRow>>, RowsError> {
    let keys: Vec<&str> = ghosts.iter().map(|ghost| ghost.key.as_str()).collect();
    let sql = format!(
        "SELECT _key::text, _etag::text, _mtime::bigint FROM {} WHERE _key = ANY ($1::text[])",
        table.sql()
    );
    let doing = "look up rows at their owner";
    let rows = match keeper.query(&sql, &[&keys]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(None),
        Err(error) => return Err(keeper.error(doing, error).into()),
    };
    let seen = rows.iter().map(|row| {
        let (etag, mtime) = (keeper.cell(doing, row, 1)?, keeper.cell(doing, row, 2)?);
        Ok((keeper.cell(doing, row, 0)?, SeenRow { etag, mtime }))
    });
    seen.collect::<Result<_, RowsError>>().map(Some)
}

async fn has_rows(keeper: &Database, table: &Table) -> Result<bool, RowsError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table.sql());
    Ok(keeper.value("look for rows at their owner", &sql, &[]).await?)
}

/// Deletes exactly these versions of these rows.
async fn delete(database: &Database, table: &Table, ghosts: &[Ghost]) -> Result<u64, RowsError> {
    let failed = |error| database.error("delete ghost rows", error);
    let keys: Vec<&str> = ghosts.iter().map(|ghost| ghost.key.as_str()).collect();
    let versions: Vec<String> = ghosts.iter().map(|ghost| ghost.xmin.to_string()).collect();
    let sql = format!(
        "DELETE FROM {} AS held \
         USING unnest($1::text[], $2::text[]) AS ghost (key, version) \
         WHERE held._key = ghost.key AND held.xmin::text = ghost.version",
        table.sql()
    );
    database
        .batch_execute(&format!("BEGIN; {LOCK_TIMEOUT}; {NO_TRIGGERS}"))
        .await
        .map_err(failed)?;
    let deleted = database.execute(&sql, &[&keys, &versions]).await;
    let end = if deleted.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = database.batch_execute(end).await;
    let deleted = deleted.map_err(failed)?;
    ended.map_err(failed)?;
    Ok(deleted)
}

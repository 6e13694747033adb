//! A chunk: the rows of a move among the next rows of a bucket, put in one transaction together with the place up to which the
//! bucket is copied.

use tokio_postgres::RowStream;
use tokio_postgres::types::ToSql;

use super::super::closed::check_closed;
use super::super::error::GuardError;
use super::super::key_range::KeyRange;
use super::super::members::Members;
use super::super::replay::PUTTING;
use super::super::session::{Session, Transaction};
use super::super::tuples::{Load, Poured, pour, poured};
use super::super::watch::{Piece, Watch, give_way};
use super::Part;
use crate::deployment::Database;

/// The name of reading in errors.
const READ: &str = "read a chunk of rows";
/// The name of writing in errors.
const WRITE: &str = "put a chunk of rows";

/// A chunk that is to be copied.
pub(super) struct Chunk<'a> {
    pub(super) source: &'a Database,
    pub(super) members: &'a Members,
    pub(super) part: &'a Part,
}

/// A chunk that the target has for good.
#[derive(Debug)]
pub(super) struct Put {
    /// The key up to which the bucket is copied now; `None` if all of it is.
    pub(super) up_to: Option<String>,
    /// The rows that were read.
    pub(super) poured: Poured,
    /// Those of them that were left out.
    pub(super) skipped: u64,
}

impl Chunk<'_> {
    /// Reads the chunk and puts it. It is given up if somebody waits behind one of the connections.
    pub(super) async fn put(
        self,
        target: &mut Session,
        at_source: &Watch,
        at_target: &Watch,
    ) -> Result<Piece<Put>, GuardError> {
        let work = async {
            let range = self.range().await?;
            let transaction = target.begin().await?;
            let (poured, skipped) = self.fill(&transaction, &range).await?;
            Ok((transaction, Put { up_to: range.through, poured, skipped }))
        };
        match give_way(work, &[at_source, at_target]).await? {
            // Outside of what may be given up: nothing of ours that commits is ever cancelled.
            Piece::Done((transaction, put)) => {
                transaction.commit().await?;
                Ok(Piece::Done(put))
            }
            Piece::GivenUp => Ok(Piece::GivenUp),
        }
    }

    /// The keys of the chunk; to the end of the bucket if so many are not left.
    async fn range(&self) -> Result<KeyRange, GuardError> {
        let Part { bucket, after, pace } = self.part;
        let rest = KeyRange { after: after.clone(), through: None };
        let offset = pace.limit() - 1;
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&offset];
        let condition = rest.condition("", &mut parameters);
        let sql = format!(
            "SELECT _key::text FROM {} WHERE {condition} ORDER BY _key OFFSET $1 LIMIT 1",
            bucket.table
        );
        let row = self.source.query_opt(&sql, &parameters).await;
        let row = row.map_err(|error| self.source.error(READ, error))?;
        let through = row.map(|row| self.source.cell(READ, &row, 0)).transpose()?;
        Ok(KeyRange { through, ..rest })
    }

    /// Puts the rows, and moves the place. Tells how many were read, and how many of them left out.
    async fn fill(
        &self,
        target: &Transaction<'_>,
        range: &KeyRange,
    ) -> Result<(Poured, u64), GuardError> {
        let Part { bucket, after, .. } = self.part;
        let number = self.members.number().number();
        target.batch(WRITE, PUTTING).await?;
        check_closed(target, self.members.number()).await?;
        target.batch(WRITE, "SAVEPOINT chunk").await?;
        let server = self.source.server();
        let mut load = Load::into_table(target, &bucket.table, bucket);
        let put = pour(self.rows(range).await?, &server, &mut load, self.members).await;
        let (poured, skipped) = match put {
            Ok(poured) => (poured, 0),
            Err(GuardError::Occupied { .. }) => {
                drop(load);
                target.batch(WRITE, "ROLLBACK TO SAVEPOINT chunk").await?;
                self.fill_around(target, range).await?
            }
            Err(error) => return Err(error),
        };
        let rows = i64::try_from(poured.rows - skipped).unwrap_or(i64::MAX);
        let sql = "UPDATE reshard.copy SET last_key = coalesce($4, last_key), is_done = $4 IS NULL, copied = copied + $5 \
                   WHERE move = $1 AND bucket = $2 AND last_key IS NOT DISTINCT FROM $3::text AND NOT is_done";
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&number, &bucket.name, after, &range.through, &rows];
        if target.execute("note how far a bucket is copied", sql, &parameters).await? == 0 {
            let (bucket, host) = (bucket.name.clone(), target.host());
            return Err(GuardError::CopiedByAnother { bucket, host });
        }
        Ok((poured, skipped))
    }

    /// Puts the rows through a table of this transaction's own, and leaves out those whose keys the target has.
    async fn fill_around(
        &self,
        target: &Transaction<'_>,
        range: &KeyRange,
    ) -> Result<(Poured, u64), GuardError> {
        let Part { bucket, .. } = self.part;
        let (table, list) = (&bucket.table, bucket.list());
        let own = "pg_temp.reshard_chunk";
        let sql = format!(
            "CREATE TEMPORARY TABLE reshard_chunk ON COMMIT DROP AS SELECT {list} FROM {table} WITH NO DATA"
        );
        target.batch(WRITE, &sql).await?;
        let server = self.source.server();
        let mut load = Load::into_table(target, own, bucket);
        let poured = pour(self.rows(range).await?, &server, &mut load, self.members).await?;
        drop(load);
        let sql =
            format!("INSERT INTO {table} ({list}) SELECT {list} FROM {own} ON CONFLICT DO NOTHING");
        let put = target.execute(WRITE, &sql, &[]).await?;
        Ok((poured, poured.rows.saturating_sub(put)))
    }

    /// Reads those rows of the chunk that may belong to the move. The ones without `_vnode` are hashed here.
    async fn rows(&self, range: &KeyRange) -> Result<RowStream, GuardError> {
        let Part { bucket, .. } = self.part;
        let bits = self.members.bits();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&bits];
        let (members, keys) = (self.members.condition(1), range.condition("", &mut parameters));
        let sql = format!(
            "SELECT {} FROM {} WHERE {keys} AND (_vnode IS NULL OR {members}) ORDER BY _key",
            poured(bucket),
            bucket.table
        );
        let rows = self.source.query_raw(&sql, parameters).await;
        Ok(rows.map_err(|error| self.source.error(READ, error))?)
    }
}

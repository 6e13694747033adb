//! Reading a table in short statements, a range of pages at a time.

use std::ops::Range;

use manatee_client::ServerVersion;
use tokio_postgres::Row;

use super::RowsError;
use super::tables::Table;
use crate::deployment::Database;

/// Pages of a table that are read together: 2 MB.
const PAGES: u64 = 256;
/// No page of 8 kB has more rows.
const ROWS_OF_A_PAGE: u32 = 291;

/// Some pages of a table.
pub(crate) type PageRange = Range<u64>;

/// A row without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowHead {
    pub(super) key: String,
    pub(super) vnode: Option<i64>,
    pub(super) etag: String,
    pub(super) mtime: Option<i64>,
    /// The transaction that wrote it.
    pub(super) xmin: u32,
}

/// How many pages a table has now.
pub(crate) async fn table_pages(database: &Database, table: &Table) -> Result<u64, RowsError> {
    let row = database
        .query_one(
            "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint",
            &[&table.sql()],
        )
        .await
        .map_err(|error| database.error("measure a table", error))?;
    Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or(0))
}

/// The condition for the rows of these pages. Only PostgreSQL 14 and later reads a range of pages as such; the others are
/// given every place that a row can have there.
pub(crate) fn pages_condition(version: ServerVersion, pages: &PageRange) -> String {
    let (from, to) = (pages.start, pages.end);
    if version.major() >= 1400 {
        return format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid");
    }
    let last = to.saturating_sub(1);
    format!(
        "ctid = ANY (ARRAY(SELECT ('(' || page || ',' || place || ')')::tid \
         FROM generate_series({from}, {last}) page, generate_series(1, {ROWS_OF_A_PAGE}) place))"
    )
}

/// Reads a table from its first page to the one that is its last when the reading begins.
#[derive(Debug)]
pub(super) struct Scan {
    table: Table,
    version: ServerVersion,
    next: u64,
    pages: u64,
}

impl Scan {
    /// Begins at this page.
    pub(super) async fn begin(
        database: &Database,
        table: &Table,
        from: u64,
    ) -> Result<Self, RowsError> {
        let version = server_version(database).await?;
        let pages = table_pages(database, table).await?;
        Ok(Self { table: table.clone(), version, next: from, pages })
    }

    /// The page that is read next, and how many there are.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.next.min(self.pages), self.pages)
    }

    /// The rows of the next pages; `None` after the last.
    pub(super) async fn next(
        &mut self,
        database: &Database,
    ) -> Result<Option<Vec<RowHead>>, RowsError> {
        if self.next >= self.pages {
            return Ok(None);
        }
        let pages = self.next..(self.next + PAGES).min(self.pages);
        let sql = format!(
            "SELECT _key, _vnode, _etag::text, _mtime, xmin::text FROM {} WHERE {}",
            self.table.sql(),
            pages_condition(self.version, &pages),
        );
        let rows = database.query(&sql, &[]).await;
        let rows = rows.map_err(|error| database.error("read the rows of some pages", error))?;
        self.next = pages.end;
        rows.iter().map(head).collect::<Result<_, _>>().map(Some)
    }
}

fn head(row: &Row) -> Result<RowHead, RowsError> {
    let xmin: String = row.get(4);
    let xmin = xmin.parse().map_err(|_| RowsError::Odd { what: format!("xmin {xmin:?}") })?;
    Ok(RowHead { key: row.get(0), vnode: row.get(1), etag: row.get(2), mtime: row.get(3), xmin })
}

pub(crate) async fn server_version(database: &Database) -> Result<ServerVersion, RowsError> {
    let row = database.query_one("SELECT current_setting('server_version_num')", &[]).await;
    let row = row.map_err(|error| database.error("ask for the version", error))?;
    let number: String = row.get(0);
    number.parse().map_err(|_| RowsError::Odd { what: format!("server_version_num {number:?}") })
}

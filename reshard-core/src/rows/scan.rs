//! Reading a table in short statements, a range of pages at a time.

use std::ops::Range;

use manatee_client::ServerVersion;
use tokio_postgres::Row;

use super::RowsError;
use super::proof::SeenRow;
use super::tables::Table;
use crate::deployment::Database;

/// Pages of a table that are read together: 2 MB.
const PAGES: u64 = 256;
/// The name of reading in errors.
const READ: &str = "read the rows of some pages";
/// No page of 8 kB has more rows.
const ROWS_OF_A_PAGE: u32 = 291;

/// A row without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowHead {
    /// NULL only where somebody took the primary key away.
    pub(super) key: Option<String>,
    pub(super) vnode: Option<i64>,
    pub(super) seen: SeenRow,
    /// The transaction that wrote it.
    pub(super) xmin: u32,
}

/// The number of pages that a table has now.
pub(crate) async fn table_pages(database: &Database, table: &Table) -> Result<u64, RowsError> {
    let sql = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint";
    let pages: i64 = database.value("measure a table", sql, &[&table.sql()]).await?;
    Ok(u64::try_from(pages).unwrap_or(0))
}

/// The condition for the rows of these pages. Only PostgreSQL 14 and later reads a range of pages as such; the others are
/// given every place that a row can have there.
pub(crate) fn pages_condition(version: ServerVersion, pages: &Range<u64>) -> String {
    let (from, to) = (pages.start, pages.end);
    if version.major() >= 1400 {
        return format!("ctid >= '({from},0)'::tid AND ctid < '({to},0)'::tid");
    }
    let last = to.saturating_sub(1);
    every_place(&format!("generate_series({from}, {last})"))
}

/// The condition for the rows of these pages, which need not follow one another.
pub(crate) fn listed_pages_condition(pages: &[u64]) -> String {
    let pages: Vec<String> = pages.iter().map(u64::to_string).collect();
    every_place(&format!("unnest('{{{}}}'::bigint[])", pages.join(",")))
}

fn every_place(pages: &str) -> String {
    format!(
        "ctid = ANY (ARRAY(SELECT ('(' || page || ',' || place || ')')::tid \
         FROM {pages} page, generate_series(1, {ROWS_OF_A_PAGE}) place))"
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
            "SELECT _key::text, _etag::text, _mtime::bigint, _vnode::bigint, xmin::text FROM {} WHERE {}",
            self.table.sql(),
            pages_condition(self.version, &pages),
        );
        let rows = database.query(&sql, &[]).await;
        let rows = rows.map_err(|error| database.error(READ, error))?;
        self.next = pages.end;
        rows.iter().map(|row| head(database, row)).collect::<Result<_, _>>().map(Some)
    }
}

fn head(database: &Database, row: &Row) -> Result<RowHead, RowsError> {
    let xmin: String = database.cell(READ, row, 4)?;
    let xmin =
        xmin.parse().map_err(|_| RowsError::Unexpected { what: format!("xmin {xmin:?}") })?;
    let (key, vnode) = (database.cell(READ, row, 0)?, database.cell(READ, row, 3)?);
    let seen = SeenRow { etag: database.cell(READ, row, 1)?, mtime: database.cell(READ, row, 2)? };
    Ok(RowHead { key, vnode, seen, xmin })
}

pub(crate) async fn server_version(database: &Database) -> Result<ServerVersion, RowsError> {
    let sql = "SELECT current_setting('server_version_num')";
    let number: String = database.value("ask for the version", sql, &[]).await?;
    number
        .parse()
        .map_err(|_| RowsError::Unexpected { what: format!("server_version_num {number:?}") })
}

//! Pages: ranges of keys whose rows are compared by checksums.

use std::collections::BTreeMap;

use manatee_client::PgEndpoint;
use tokio_postgres::types::ToSql;

use super::super::buckets::Bucket;
use super::super::error::GuardError;
use super::super::key_range::KeyRange;
use super::super::log::count;
use super::super::members::Members;
use super::super::session::STATEMENT_TIMEOUT;
use super::super::watch::Watch;
use super::READ_TIMEOUT;
use crate::deployment::Database;

/// The name of reading in errors.
const READ: &str = "compare a page of rows";

/// Settings that values are written by, so that both sides write the same (rule R23), and those by which keys are read in order.
pub(in crate::guard) const PINNED: &str = "
    SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET extra_float_digits = 3;
    SET bytea_output = 'hex'; SET xmlbinary = 'base64'; SET lc_monetary = 'C'; SET search_path = pg_catalog, pg_temp;
    SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET max_parallel_workers_per_gather = 0;
    SELECT set_config(name, 'off', false) FROM pg_catalog.pg_settings WHERE name = 'jit'";

/// One side of the comparison: a connection with everything pinned that has a part in it.
pub(in crate::guard) struct Side {
    pub(in crate::guard) database: Database,
    /// The clause that it takes for keys to be in the order of their bytes.
    order: &'static str,
}

/// The checksum of a page.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::guard) struct Digest {
    /// The number of rows of the move.
    pub(in crate::guard) rows: u64,
    /// The MD5 of all rows with a `_vnode` of the move.
    pub(in crate::guard) md5: String,
    /// The rows without `_vnode` whose keys hash to one of the move.
    pub(in crate::guard) foundlings: BTreeMap<String, String>,
}

impl Side {
    /// Pins the settings.
    pub(in crate::guard) async fn pin(database: Database) -> Result<Self, GuardError> {
        let doing = "pin the settings by which rows are compared";
        database.batch_execute(PINNED).await.map_err(|error| database.error(doing, error))?;
        // Otherwise the order is that of a locale, in which two servers need not agree. It has no index then.
        let sql = "SELECT datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(pg_database)->>'datlocprovider', 'c') = 'c' \
                   FROM pg_catalog.pg_database WHERE datname = current_database()";
        let is_c: bool = database.value(doing, sql, &[]).await?;
        Ok(Self { database, order: if is_c { "" } else { " COLLATE \"C\"" } })
    }

    /// The key at this place in a range; `None` if there are fewer.
    async fn nth_key(
        &self,
        bucket: &Bucket,
        range: &KeyRange,
        place: u32,
    ) -> Result<Option<String>, GuardError> {
        let offset = i64::from(place.max(1) - 1);
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&offset];
        let condition = range.condition(self.order, &mut parameters);
        let sql = format!(
            "SELECT _key::text FROM {} WHERE {condition} ORDER BY _key{} OFFSET $1 LIMIT 1",
            bucket.table, self.order
        );
        let row = self.database.query_opt(&sql, &parameters).await;
        let row = row.map_err(|error| self.database.error(READ, error))?;
        Ok(row.map(|row| self.database.cell(READ, &row, 0)).transpose()?)
    }

    /// The checksum of a page.
    pub(in crate::guard) async fn digest(
        &self,
        members: &Members,
        bucket: &Bucket,
        range: &KeyRange,
        is_whole: bool,
    ) -> Result<Digest, GuardError> {
        let bits = members.bits();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&bits];
        let condition = range.condition(self.order, &mut parameters);
        let sql = format!(
            "SELECT count(*) FILTER (WHERE is_ours), \
             md5(coalesce(string_agg(line, chr(10)) FILTER (WHERE is_ours), '')), \
             coalesce(array_agg(key) FILTER (WHERE NOT is_ours), '{{}}'), \
             coalesce(array_agg(line) FILTER (WHERE NOT is_ours), '{{}}') \
             FROM (SELECT _key::text AS key, {} AS line, _vnode IS NOT NULL AS is_ours FROM {} \
             WHERE {condition} AND (_vnode IS NULL OR {}) ORDER BY _key{}) AS page",
            line(bucket, is_whole),
            bucket.table,
            members.condition(1),
            self.order
        );
        let row = self.database.query_one(&sql, &parameters).await;
        let row = row.map_err(|error| self.database.error(READ, error))?;
        let (keys, lines): (Vec<String>, Vec<String>) =
            (self.database.cell(READ, &row, 2)?, self.database.cell(READ, &row, 3)?);
        let foundlings = keys.into_iter().zip(lines);
        let foundlings: BTreeMap<String, String> =
            foundlings.filter(|(key, _)| members.own(&bucket.name, key, None)).collect();
        let rows = count(self.database.cell(READ, &row, 0)?);
        let rows = rows + u64::try_from(foundlings.len()).unwrap_or(0);
        Ok(Digest { rows, md5: self.database.cell(READ, &row, 1)?, foundlings })
    }

    /// The rows of a page, by their keys, as they go into the checksum.
    async fn lines(
        &self,
        members: &Members,
        bucket: &Bucket,
        range: &KeyRange,
        is_whole: bool,
    ) -> Result<BTreeMap<String, String>, GuardError> {
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let condition = range.condition(self.order, &mut parameters);
        let sql = format!(
            "SELECT _key::text, {}, _vnode::bigint FROM {} WHERE {condition}",
            line(bucket, is_whole),
            bucket.table
        );
        let rows = self.database.query(&sql, &parameters).await;
        let rows = rows.map_err(|error| self.database.error(READ, error))?;
        let mut lines = BTreeMap::new();
        for row in &rows {
            let key: String = self.database.cell(READ, row, 0)?;
            if members.own(&bucket.name, &key, self.database.cell(READ, row, 2)?) {
                lines.insert(key, self.database.cell(READ, row, 1)?);
            }
        }
        Ok(lines)
    }
}

/// A row as text, in which NULL is not empty and no value runs into the next.
fn line(bucket: &Bucket, is_whole: bool) -> String {
    if is_whole {
        // Values of many megabytes do not go into one text together.
        return format!("md5(ROW({})::text)", bucket.list());
    }
    // The length in bytes is known without reading a value that is stored apart.
    "ROW(_key, _etag, _mtime, _vnode, octet_length(_value))::text".to_owned()
}

/// Connections to both sides, and others that watch them.
pub(super) struct Reader {
    source: Side,
    target: Side,
    watches: [Watch; 2],
}

/// A page that was compared.
#[derive(Debug)]
pub(super) struct Page {
    /// The rows of the move that the source has in it.
    pub(super) rows: u64,
    /// The keys whose rows differed.
    pub(super) suspects: Vec<String>,
}

impl Reader {
    pub(super) async fn connect(
        source: &PgEndpoint,
        target: &PgEndpoint,
    ) -> Result<Self, GuardError> {
        let (source, watch_source) = watched(source).await?;
        let (target, watch_target) = watched(target).await?;
        Ok(Self { source, target, watches: [watch_source, watch_target] })
    }

    pub(super) fn watches(&self) -> [&Watch; 2] {
        self.watches.each_ref()
    }

    /// The source's host, for errors.
    pub(super) fn host(&self) -> String {
        self.source.database.endpoint().host.clone()
    }

    /// The key of the source at this place in a range; `None` if there are fewer.
    pub(super) async fn nth_key(
        &self,
        bucket: &Bucket,
        range: &KeyRange,
        place: u32,
    ) -> Result<Option<String>, GuardError> {
        self.source.nth_key(bucket, range, place).await
    }

    /// A range in two parts, the second first: the other has so many rows at one side. Not parted if it has no more anyway.
    pub(super) async fn parts(
        &self,
        bucket: &Bucket,
        range: KeyRange,
        rows: u32,
    ) -> Result<Vec<KeyRange>, GuardError> {
        // Where the target has a million rows of its own between two keys of the source, only its keys part them.
        for side in [&self.source, &self.target] {
            let key = side.nth_key(bucket, &range, rows).await?;
            if let Some(key) = key.filter(|key| range.through.as_ref() != Some(key)) {
                let first = KeyRange { after: range.after, through: Some(key.clone()) };
                return Ok(vec![KeyRange { after: Some(key), through: range.through }, first]);
            }
        }
        Ok(vec![range])
    }
}

async fn watched(endpoint: &PgEndpoint) -> Result<(Side, Watch), GuardError> {
    let side = Side::pin(Database::connect(endpoint, READ_TIMEOUT).await?).await?;
    let watch = Database::connect(endpoint, STATEMENT_TIMEOUT).await?;
    let watch = Watch::over(watch, &[&side.database]).await?;
    Ok((side, watch))
}

/// Compares a page, and names the keys whose rows differ in it.
pub(super) async fn page_suspects(
    reader: &Reader,
    members: &Members,
    bucket: &Bucket,
    range: &KeyRange,
    is_whole: bool,
) -> Result<Page, GuardError> {
    let Reader { source, target, .. } = reader;
    let (ours, theirs) = tokio::try_join!(
        source.digest(members, bucket, range, is_whole),
        target.digest(members, bucket, range, is_whole)
    )?;
    let rows = ours.rows;
    if ours == theirs {
        return Ok(Page { rows, suspects: Vec::new() });
    }
    let (ours, theirs) = tokio::try_join!(
        source.lines(members, bucket, range, is_whole),
        target.lines(members, bucket, range, is_whole)
    )?;
    let missing = theirs.keys().filter(|key| !ours.contains_key(*key)).cloned();
    let differ = ours.iter().filter(|(key, line)| theirs.get(*key) != Some(line));
    let suspects = differ.map(|(key, _)| key.clone()).chain(missing).collect();
    Ok(Page { rows, suspects })
}

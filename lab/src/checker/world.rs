//! Reading the rows of shards from their PostgreSQL primaries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISO_HDLC, CRC_64_XZ, Crc, Table};
use tokio::task::JoinSet;
use tokio_postgres::{Client, Config, IsolationLevel, NoTls, Transaction};

use super::{DirectoryCount, Row, Shard, World};
use crate::load::write_in_text;

/// The buckets whose rows are routed by their keys and have values.
const BUCKETS: [&str; 2] = ["manta", "manta_uploads"];
/// How many rows are fetched at once.
const PORTION: i32 = 2000;

/// Where a shard's primary is.
#[derive(Clone, Debug)]
pub struct ShardAddress {
    /// The shard's name in rings.
    pub pnode: String,
    /// Its primary's PostgreSQL.
    pub address: SocketAddr,
    /// The database. Default: `moray`.
    pub database: String,
    /// The user. Default: `moray`.
    pub user: String,
    /// How long connecting may take. Default: 5 s.
    pub connect_timeout: Duration,
}

impl ShardAddress {
    /// A shard with Moray's database and user.
    pub fn new(pnode: impl Into<String>, address: SocketAddr) -> Self {
        let moray = || "moray".to_owned();
        let connect_timeout = Duration::from_secs(5);
        Self { pnode: pnode.into(), address, database: moray(), user: moray(), connect_timeout }
    }
}

/// A shard cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// PostgreSQL says so.
    #[error("the rows of {pnode} cannot be read from {address}")]
    Postgres {
        /// The shard.
        pnode: String,
        /// Where it was looked for.
        address: SocketAddr,
        /// Why not.
        source: tokio_postgres::Error,
    },
    /// It is a standby, which may be behind.
    #[error("{address} is no primary, so the rows of {pnode} were not read there")]
    Standby {
        /// The shard.
        pnode: String,
        /// Where it was looked for.
        address: SocketAddr,
    },
}

/// Reads all shards at the same time, each at one instant: in one snapshot. Values are not kept, so a row takes some
/// 150 bytes.
///
/// # Errors
/// A shard cannot be read, or is no primary.
pub async fn read_world(shards: &[ShardAddress]) -> Result<World, WorldError> {
    let mut reading = JoinSet::new();
    for (index, shard) in shards.iter().enumerate() {
        let shard = shard.clone();
        reading.spawn(async move { (index, read_shard(&shard).await) });
    }
    let mut read = Vec::new();
    while let Some(result) = reading.join_next().await {
        // A task of ours that is neither stopped nor panics does end.
        let Ok((index, shard)) = result else { continue };
        read.push((index, shard?));
    }
    read.sort_by_key(|(index, _)| *index);
    Ok(World { shards: read.into_iter().map(|(_, shard)| shard).collect() })
}

async fn read_shard(shard: &ShardAddress) -> Result<Shard, WorldError> {
    let ShardAddress { pnode, address, .. } = shard;
    let error = |source| WorldError::Postgres { pnode: pnode.clone(), address: *address, source };
    let mut config = Config::new();
    config.host(address.ip().to_string()).port(address.port());
    config.dbname(&shard.database).user(&shard.user).connect_timeout(shard.connect_timeout);
    config.application_name("lab-checker");
    let (mut client, connection) = config.connect(NoTls).await.map_err(error)?;
    let mut running = JoinSet::new();
    running.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to a shard's database failed");
        }
    });
    match read(&mut client, pnode).await {
        Ok(Some(shard)) => Ok(shard),
        Ok(None) => Err(WorldError::Standby { pnode: pnode.clone(), address: *address }),
        Err(source) => Err(error(source)),
    }
}

async fn read(client: &mut Client, pnode: &str) -> Result<Option<Shard>, tokio_postgres::Error> {
    let builder = client.build_transaction().read_only(true);
    let transaction = builder.isolation_level(IsolationLevel::RepeatableRead).start().await?;
    let read_from = now();
    // The first query takes the snapshot for all.
    let standby: bool = transaction.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0);
    let read_until = now();
    if standby {
        return Ok(None);
    }
    let mut shard =
        Shard { pnode: pnode.to_owned(), read_from, read_until, rows: Vec::new(), counts: None };
    for bucket in BUCKETS {
        if exists(&transaction, bucket).await? {
            read_bucket(&transaction, bucket, &mut shard.rows).await?;
        }
    }
    if exists(&transaction, "manta_directory_counts").await? {
        shard.counts = Some(read_counts(&transaction).await?);
    }
    transaction.commit().await?;
    tracing::info!(pnode, rows = shard.rows.len(), "read a shard");
    Ok(Some(shard))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(now).unwrap_or(u64::MAX)
}

async fn exists(transaction: &Transaction<'_>, table: &str) -> Result<bool, tokio_postgres::Error> {
    let query = "SELECT to_regclass($1) IS NOT NULL";
    Ok(transaction.query_one(query, &[&table]).await?.get(0))
}

/// No more than a portion of the values is in memory at once.
async fn read_bucket(
    transaction: &Transaction<'_>,
    bucket: &'static str,
    rows: &mut Vec<Row>,
) -> Result<(), tokio_postgres::Error> {
    let query = format!("SELECT _key, _value, _etag::text, _vnode FROM {bucket}");
    let name: Arc<str> = bucket.into();
    let portal = transaction.bind(&query, &[]).await?;
    loop {
        let portion = transaction.query_portal(&portal, PORTION).await?;
        if portion.is_empty() {
            return Ok(());
        }
        for row in portion {
            let (key, value): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            let etag: &str = row.try_get(2)?;
            rows.push(Row {
                bucket: Arc::clone(&name),
                key: key.into(),
                write: write_in_text(value),
                etag: etag.into(),
                hash: hash_of(value),
                vnode: row.try_get(3)?,
                intact: etag == etag_of(value),
            });
        }
    }
}

async fn read_counts(
    transaction: &Transaction<'_>,
) -> Result<Vec<DirectoryCount>, tokio_postgres::Error> {
    let query = "SELECT _key, coalesce(entries, 0)::bigint FROM manta_directory_counts";
    let portal = transaction.bind(query, &[]).await?;
    let mut counts = Vec::new();
    loop {
        let portion = transaction.query_portal(&portal, PORTION).await?;
        if portion.is_empty() {
            return Ok(counts);
        }
        for row in portion {
            let directory: &str = row.try_get(0)?;
            counts.push(DirectoryCount { directory: directory.into(), entries: row.try_get(1)? });
        }
    }
}

static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC_64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// What tells values apart.
pub(super) fn hash_of(value: &str) -> u64 {
    CRC_64.checksum(value.as_bytes())
}

/// The etag that Moray gives a value: a checksum of the lower bytes of its UTF-16 units.
fn etag_of(value: &str) -> String {
    let sum = if value.is_ascii() {
        CRC_32.checksum(value.as_bytes())
    } else {
        let lower: Vec<u8> = value.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
        CRC_32.checksum(&lower)
    };
    format!("{sum:08X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_are_those_of_node() {
        assert_eq!(etag_of("{\"a\":\"\u{e9}\"}"), "8696A8FD");
        assert_eq!(etag_of("123456789"), "CBF43926");
        assert_eq!(etag_of(""), "00000000");
    }
}

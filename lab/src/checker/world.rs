//! Reading the rows of shards from their PostgreSQL primaries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crc::{CRC_32_ISO_HDLC, CRC_64_XZ, Crc, Table};
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, IsolationLevel, NoTls, Transaction};

use super::{DirectoryCount, Row, Shard, World};
use crate::load::write_in_text;

/// The buckets whose rows are routed by their keys and have values.
const BUCKETS: [&str; 2] = ["manta", "manta_uploads"];
/// The number of rows that are fetched at once.
const PORTION: i32 = 2000;

/// The place of a shard's primary.
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
    /// The longest that connecting may take. Default: 5 s.
    pub connect_timeout: Duration,
    /// The longest that the primary may take for each answer, of 2000 rows at most. Default: 1 min.
    pub answer_timeout: Duration,
}

impl ShardAddress {
    /// A shard with Moray's database and user.
    pub fn new(pnode: impl Into<String>, address: SocketAddr) -> Self {
        let moray = || "moray".to_owned();
        Self {
            pnode: pnode.into(),
            address,
            database: moray(),
            user: moray(),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_mins(1),
        }
    }

    /// Returns what is answered in time.
    async fn answered<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, WorldError> {
        match tokio::time::timeout(self.answer_timeout, answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(WorldError::Silent {
                pnode: self.pnode.clone(),
                address: self.address,
                waited: self.answer_timeout,
            }),
        }
    }

    fn failed(&self, source: tokio_postgres::Error) -> WorldError {
        WorldError::Postgres { pnode: self.pnode.clone(), address: self.address, source }
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
        /// The address at which it was looked for.
        address: SocketAddr,
        /// The cause.
        source: tokio_postgres::Error,
    },
    /// It does not answer, but the connection stands.
    #[error("{address} has not answered for {waited:?}, so the rows of {pnode} cannot be read")]
    Silent {
        /// The shard.
        pnode: String,
        /// The address at which it was looked for.
        address: SocketAddr,
        /// [`ShardAddress::answer_timeout`].
        waited: Duration,
    },
    /// It is a standby, which may be behind.
    #[error("{address} is no primary, so the rows of {pnode} were not read there")]
    Standby {
        /// The shard.
        pnode: String,
        /// The address at which it was looked for.
        address: SocketAddr,
    },
}

/// Reads all shards at the same time, each at one instant: in one snapshot. Values are not kept, so a row takes some
/// 150 bytes.
///
/// # Errors
/// A shard cannot be read, does not answer, or is no primary.
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
    let mut config = Config::new();
    config.host(address.ip().to_string()).port(address.port());
    config.dbname(&shard.database).user(&shard.user).connect_timeout(shard.connect_timeout);
    config.application_name("lab-checker");
    let (mut client, connection) = shard.answered(config.connect(NoTls)).await?;
    let mut running = JoinSet::new();
    running.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to a shard's database failed");
        }
    });
    let read = read(&mut client, shard).await?;
    read.ok_or_else(|| WorldError::Standby { pnode: pnode.clone(), address: *address })
}

async fn read(client: &mut Client, from: &ShardAddress) -> Result<Option<Shard>, WorldError> {
    let builder = client.build_transaction().read_only(true);
    let begun = builder.isolation_level(IsolationLevel::RepeatableRead).start();
    let transaction = from.answered(begun).await?;
    let read_from = now();
    // The first query takes the snapshot for all.
    let standby = one(&transaction, from, "SELECT pg_is_in_recovery()", &[]).await?;
    let read_until = now();
    if standby {
        return Ok(None);
    }
    let pnode = from.pnode.clone();
    let mut shard = Shard { pnode, read_from, read_until, rows: Vec::new(), counts: None };
    for bucket in BUCKETS {
        if exists(&transaction, from, bucket).await? {
            read_bucket(&transaction, from, bucket, &mut shard.rows).await?;
        }
    }
    if exists(&transaction, from, "manta_directory_counts").await? {
        shard.counts = Some(read_counts(&transaction, from).await?);
    }
    from.answered(transaction.commit()).await?;
    tracing::info!(pnode = from.pnode, rows = shard.rows.len(), "read a shard");
    Ok(Some(shard))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// The yes or no that a query answers.
async fn one(
    transaction: &Transaction<'_>,
    from: &ShardAddress,
    query: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<bool, WorldError> {
    let row = from.answered(transaction.query_one(query, parameters)).await?;
    row.try_get(0).map_err(|error| from.failed(error))
}

async fn exists(
    transaction: &Transaction<'_>,
    from: &ShardAddress,
    table: &str,
) -> Result<bool, WorldError> {
    one(transaction, from, "SELECT to_regclass($1) IS NOT NULL", &[&table]).await
}

/// No more than a portion of the values is in memory at once.
async fn read_bucket(
    transaction: &Transaction<'_>,
    from: &ShardAddress,
    bucket: &'static str,
    rows: &mut Vec<Row>,
) -> Result<(), WorldError> {
    let query = format!("SELECT _key, _value, _etag::text, _vnode FROM {bucket}");
    let name: Arc<str> = bucket.into();
    let portal = from.answered(transaction.bind(&query, &[])).await?;
    loop {
        let portion = from.answered(transaction.query_portal(&portal, PORTION)).await?;
        if portion.is_empty() {
            return Ok(());
        }
        for row in portion {
            rows.push(row_of(&name, &row).map_err(|error| from.failed(error))?);
        }
    }
}

fn row_of(bucket: &Arc<str>, row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let (key, value): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let etag: &str = row.try_get(2)?;
    Ok(Row {
        bucket: Arc::clone(bucket),
        key: key.into(),
        write: write_in_text(value),
        etag: etag.into(),
        hash: hash_of(value),
        vnode: row.try_get(3)?,
        intact: etag == etag_of(value),
    })
}

async fn read_counts(
    transaction: &Transaction<'_>,
    from: &ShardAddress,
) -> Result<Vec<DirectoryCount>, WorldError> {
    let query = "SELECT _key, entries::bigint FROM manta_directory_counts";
    let portal = from.answered(transaction.bind(query, &[])).await?;
    let mut counts = Vec::new();
    loop {
        let portion = from.answered(transaction.query_portal(&portal, PORTION)).await?;
        if portion.is_empty() {
            return Ok(counts);
        }
        for row in portion {
            counts.push(count_of(&row).map_err(|error| from.failed(error))?);
        }
    }
}

fn count_of(row: &tokio_postgres::Row) -> Result<DirectoryCount, tokio_postgres::Error> {
    let directory: &str = row.try_get(0)?;
    Ok(DirectoryCount { directory: directory.into(), entries: row.try_get(1)? })
}

static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC_64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// A hash that tells values apart.
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

    /// As a primary whose processes stand still.
    #[tokio::test]
    async fn a_primary_that_does_not_answer_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut shard = ShardAddress::new("first", listener.local_addr().unwrap());
        shard.answer_timeout = Duration::from_millis(50);
        let shards = [shard];
        let reading = tokio::time::timeout(Duration::from_secs(10), read_world(&shards));
        let error = reading.await.unwrap().unwrap_err();
        assert!(error.to_string().ends_with("so the rows of first cannot be read"), "{error}");
    }

    #[test]
    fn etags_are_those_of_node() {
        assert_eq!(etag_of("{\"a\":\"\u{e9}\"}"), "8696A8FD");
        assert_eq!(etag_of("123456789"), "CBF43926");
        assert_eq!(etag_of(""), "00000000");
    }
}

//! The SQL of replaying.

use std::collections::BTreeMap;

use tokio_postgres::Statement;

use super::super::buckets::Bucket;
use super::super::error::GuardError;
use super::super::log::PARTITIONS;
use super::super::session::Session;
use super::super::tuples::poured;

/// The number of slots among which keys are divided.
pub(super) const SLOTS: i32 = 16;
/// The first of as many classes of advisory locks at the target, each with the number of the move: who replays a slot.
const FIRST_SLOT_LOCK: i32 = 1_919_251_305;

/// Takes the slots `$2` of the move `$1`, waiting for whoever has one.
pub(in crate::guard) fn lock_slots() -> String {
    format!(
        "SELECT pg_catalog.pg_advisory_xact_lock({FIRST_SLOT_LOCK} + slot, $1) \
         FROM pg_catalog.unnest($2::integer[]) AS slot"
    )
}

/// The buckets that are being copied, with the keys up to which they are.
pub(super) const GATES: &str =
    "SELECT copy.bucket, copy.last_key FROM reshard.copy WHERE copy.move = $1 AND NOT copy.is_done";

/// The settings of a transaction that puts rows: no trigger counts or refuses them, and its COMMIT waits until the standby has
/// it on disk.
pub(in crate::guard) const PUTTING: &str =
    "SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = on";
/// The settings of one that deletes entries. If that is lost, they are replayed again, which changes nothing.
pub(super) const FORGETTING: &str = "SET LOCAL synchronous_commit = off";

/// Settings under which keys are looked up by their index, whatever is known of the tables.
pub(in crate::guard) const BY_INDEX: &str = "SELECT set_config(name, 'off', false) FROM pg_catalog.pg_settings WHERE name IN ('enable_seqscan', 'jit')";

/// The texts of the statements that are prepared.
#[derive(Clone, Debug)]
pub(in crate::guard) struct Texts {
    /// The entries of the move `$1` in the slots `$2`, at most `$3`.
    pub(in crate::guard) entries: String,
    /// The same, but for those of the buckets `$4` that are beyond the keys `$5`.
    pub(in crate::guard) entries_copied: String,
    /// Deletes the entries `$1` of a table of the log, whose number stands for `{}`.
    pub(in crate::guard) forget: String,
    /// The settings of a transaction that puts rows.
    pub(in crate::guard) putting: String,
}

impl Default for Texts {
    fn default() -> Self {
        let entries = |gate: &str| {
            format!(
                "SELECT log.partition, log.entry, log.bucket, log.key, \
                 extract(epoch FROM pg_catalog.clock_timestamp() - log.at)::float8 FROM reshard.log \
                 WHERE log.move = $1 AND pg_catalog.hashtext(log.key) & {} = ANY ($2::integer[]) {gate} \
                 ORDER BY log.entry LIMIT $3",
                SLOTS - 1
            )
        };
        let gate = "AND NOT EXISTS (SELECT 1 FROM unnest($4::text[], $5::text[]) AS gate (bucket, last_key) \
                    WHERE gate.bucket = log.bucket AND (gate.last_key IS NULL OR log.key > gate.last_key))";
        Self {
            entries: entries(""),
            entries_copied: entries(gate),
            forget: "DELETE FROM reshard.log_{} WHERE entry = ANY ($1::bigint[])".to_owned(),
            putting: PUTTING.to_owned(),
        }
    }
}

/// The statements that a worker has prepared at its source and at its target.
pub(super) struct Statements {
    pub(super) entries: Statement,
    pub(super) entries_copied: Statement,
    /// By the number of the log's table.
    pub(super) forget: Vec<Statement>,
    pub(super) buckets: BTreeMap<String, OfBucket>,
}

/// The statements for a bucket.
pub(super) struct OfBucket {
    /// At the source: the current rows of the keys `$1`.
    pub(super) read: Statement,
    /// At the target: deletes those rows of the keys `$1` that belong to the move `$3`; where a row has no `_vnode`, the keys
    /// among `$2` do.
    pub(super) delete: Statement,
}

impl Statements {
    pub(super) async fn prepare(
        source: &Session,
        target: &Session,
        buckets: &BTreeMap<String, Bucket>,
        texts: &Texts,
    ) -> Result<Self, GuardError> {
        let mut forget = Vec::new();
        for partition in 0..PARTITIONS {
            let sql = texts.forget.replace("{}", &partition.to_string());
            forget.push(prepare(source, &sql).await?);
        }
        let mut of_buckets = BTreeMap::new();
        for (name, bucket) in buckets {
            let Bucket { table, .. } = bucket;
            let read =
                format!("SELECT {} FROM {table} WHERE _key = ANY ($1::text[])", poured(bucket));
            // The look at the vnode is no EXISTS, which might be answered by reading all vnodes first.
            let delete = format!(
                "DELETE FROM {table} AS held WHERE held._key = ANY ($1::text[]) AND CASE \
                 WHEN held._vnode IS NULL THEN held._key = ANY ($2::text[]) \
                 ELSE (SELECT moving.move FROM reshard.moving WHERE moving.vnode = held._vnode) = $3 END"
            );
            let prepared = OfBucket {
                read: prepare(source, &read).await?,
                delete: prepare(target, &delete).await?,
            };
            of_buckets.insert(name.clone(), prepared);
        }
        Ok(Self {
            entries: prepare(source, &texts.entries).await?,
            entries_copied: prepare(source, &texts.entries_copied).await?,
            forget,
            buckets: of_buckets,
        })
    }
}

async fn prepare(session: &Session, sql: &str) -> Result<Statement, GuardError> {
    let database = session.database();
    let prepared = database.prepare(sql).await;
    Ok(prepared.map_err(|error| database.error("prepare to replay", error))?)
}

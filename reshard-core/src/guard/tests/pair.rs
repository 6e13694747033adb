//! A source and a target between which vnodes move, with the guard armed at the source.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use manatee_client::PgEndpoint;

use super::super::replay::{Replay, ReplayOptions, Texts};
use super::super::{Lease, MoveNumber, Verify, VerifyOptions, VerifyPlaces};
use super::fixture::{Shard, hash, moving, vnode};
use crate::PlanUuid;
use crate::deployment::Database;

/// The number of the move.
pub(crate) const NUMBER: MoveNumber = MoveNumber::new(1);

/// The counters of directories, as Manta's trigger keeps them, and a bucket with a column of each of Moray's types.
const COLUMNS: &str = "
    ALTER TABLE manta ADD dirname text, ADD name text, ADD owner text, ADD objectid text, ADD type text;
    ALTER TABLE manta_directory_counts ADD entries numeric;
    ALTER TABLE manta_uploads ADD a_string text, ADD a_number numeric, ADD a_boolean boolean, ADD a_date timestamptz, ADD an_ip inet,
        ADD a_subnet cidr, ADD a_mac macaddr, ADD a_uuid uuid, ADD a_numrange numrange, ADD a_daterange tstzrange,
        ADD strings text[], ADD numbers numeric[], ADD booleans boolean[], ADD dates timestamptz[], ADD ips inet[],
        ADD subnets cidr[], ADD macs macaddr[], ADD uuids uuid[], ADD \"Odd \"\"name\" text, ADD _rver integer, ADD _idx bigint;
    CREATE FUNCTION count_manta_directories_v3() RETURNS trigger AS $$
    BEGIN
        IF TG_OP = 'INSERT' AND NEW.dirname IS NULL THEN
            RETURN NULL;
        ELSIF TG_OP = 'INSERT' THEN
            UPDATE manta_directory_counts SET entries = entries + 1 WHERE _key = NEW.dirname;
            IF NOT FOUND THEN
                INSERT INTO manta_directory_counts AS counter (_key, _value, _etag, _vnode, entries)
                    VALUES (NEW.dirname, '{}', '_trigger', NEW._vnode, 1)
                    ON CONFLICT (_key) DO UPDATE SET entries = counter.entries + 1;
            END IF;
        ELSE
            DELETE FROM manta_directory_counts WHERE _key = OLD.dirname AND entries <= 1;
            IF NOT FOUND THEN
                UPDATE manta_directory_counts SET entries = entries - 1 WHERE _key = OLD.dirname;
            END IF;
        END IF;
        RETURN NULL;
    END $$ LANGUAGE plpgsql;
    CREATE TRIGGER count_directories AFTER INSERT OR DELETE ON manta
        FOR EACH ROW EXECUTE PROCEDURE count_manta_directories_v3();";

/// The buckets whose rows move.
pub(crate) const SHARDED: [&str; 3] = ["manta", "manta_directory_counts", "manta_uploads"];

/// A source and a target.
pub(crate) struct Pair {
    pub(crate) source: Shard,
    pub(crate) target: Shard,
    pub(crate) lease: Lease,
    /// A superuser's connections.
    pub(crate) at_source: Database,
    pub(crate) at_target: Database,
}

impl Pair {
    /// One server on either side.
    pub(crate) async fn start() -> Self {
        Self::start_with([1, 1]).await
    }

    /// So many servers at the source and at the target.
    pub(crate) async fn start_with([at_source, at_target]: [usize; 2]) -> Self {
        let (source, target) = (Shard::start(at_source).await, Shard::start(at_target).await);
        let lease = Lease { plan: PlanUuid::random(), epoch: 1 };
        for (shard, is_source) in [(&source, true), (&target, false)] {
            drop(shard.session(lease.plan, lease.epoch).await);
            let database = shard.connect().await;
            let sql = format!("SET ROLE moray; {COLUMNS} RESET ROLE");
            database.batch_execute(&sql).await.unwrap();
            arm(&database, lease.plan, is_source).await;
        }
        let (at_source, at_target) = (source.connect().await, target.connect().await);
        Self { source, target, lease, at_source, at_target }
    }

    /// The primaries of source and target.
    pub(crate) fn endpoints(&self) -> [PgEndpoint; 2] {
        [&self.source, &self.target].map(|shard| shard.chain.urls()[0].parse().unwrap())
    }

    /// Replays with so many workers.
    pub(crate) async fn replay(&self, workers: usize) -> Replay {
        self.replay_with(workers, Texts::default()).await
    }

    /// Replays with changed SQL.
    pub(in crate::guard) async fn replay_with(&self, workers: usize, texts: Texts) -> Replay {
        let [source, target] = self.endpoints();
        let options = ReplayOptions { workers, ..ReplayOptions::default() };
        let ends = [&source, &target];
        Replay::connect_with(self.lease, NUMBER, &hash(), ends, options, texts).await.unwrap()
    }

    /// Replays all there is.
    pub(crate) async fn drain(&self) {
        let drained = self.replay(2).await.drain(Duration::from_secs(30)).await.unwrap();
        assert!(drained.is_empty, "{drained:?}");
    }

    /// Compares both sides at their primaries.
    pub(crate) async fn verify(&self, options: VerifyOptions) -> Verify {
        let [source, target] = self.endpoints();
        let places = VerifyPlaces::primaries(&source, &target);
        Verify::connect(NUMBER, &hash(), &places, options).await.unwrap()
    }

    /// The keys whose rows are not the same on both sides, in any column, looked at without the library.
    pub(crate) async fn differing(&self) -> Vec<String> {
        let mut differing = Vec::new();
        for bucket in SHARDED {
            let (source, target) =
                (rows(&self.at_source, bucket).await, rows(&self.at_target, bucket).await);
            let all = source.keys().chain(target.keys());
            let differ = all.filter(|key| source.get(*key) != target.get(*key));
            differing.extend(differ.map(|key| format!("{bucket} {key}")));
        }
        differing.sort();
        differing.dedup();
        differing
    }

    /// The number of entries of the log.
    pub(crate) async fn entries(&self) -> i64 {
        let sql = "SELECT count(*) FROM reshard.log";
        self.at_source.value("count the entries", sql, &[]).await.unwrap()
    }

    /// Runs SQL at the source, as Moray, in its own transaction.
    pub(crate) async fn write(&self, sql: &str) {
        let sql = format!("BEGIN; SET LOCAL ROLE moray; {sql}; COMMIT");
        self.at_source.batch_execute(&sql).await.unwrap();
    }
}

/// Arms, as far as it is needed here: the move with its vnodes, the guarded buckets, the triggers.
pub(crate) async fn arm(database: &Database, plan: PlanUuid, is_source: bool) {
    let (state, captured) = if is_source { ("open", true) } else { ("closed", false) };
    let number = NUMBER.number();
    let vnodes: Vec<i64> = moving().iter().map(|vnode| i64::from(vnode.number())).collect();
    let sql = format!(
        "INSERT INTO reshard.move (move, plan, state, captured, epoch) VALUES ({number}, '{plan}', '{state}', {captured}, 1)"
    );
    database.batch_execute(&sql).await.unwrap();
    let sql = "INSERT INTO reshard.moving (vnode, move) SELECT unnest($1::bigint[]), $2";
    database.execute(sql, &[&vnodes, &number]).await.unwrap();
    for bucket in SHARDED {
        let sql = format!(
            "INSERT INTO reshard.guarded VALUES ({number}, 'public', '{bucket}', '{{}}');
             CREATE TRIGGER reshard_check_row AFTER INSERT OR UPDATE OR DELETE ON {bucket}
                 FOR EACH ROW EXECUTE PROCEDURE reshard.check_row();"
        );
        database.batch_execute(&sql).await.unwrap();
    }
}

/// The rows of a bucket that move, with all columns, by their keys.
async fn rows(database: &Database, bucket: &str) -> BTreeMap<String, String> {
    let sql = format!("SELECT _key, _vnode, ROW({bucket}.*)::text FROM {bucket}");
    let rows = database.query(&sql, &[]).await.unwrap();
    let set = moving();
    let all = rows.iter().map(|row| {
        let vnode: Option<i64> = row.try_get(1).unwrap();
        (row.try_get::<_, String>(0).unwrap(), vnode, row.try_get::<_, String>(2).unwrap())
    });
    let moving = all.filter(|(key, vnode, _)| {
        hash().vnode_of_row(bucket, key, *vnode).is_ok_and(|vnode| set.contains(vnode))
    });
    moving.map(|(key, _, row)| (key, row)).collect()
}

/// Waits until a question is answered with true.
pub(crate) async fn eventually(database: &Database, sql: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !database.value::<bool>("wait", sql, &[]).await.unwrap() {
        assert!(Instant::now() < deadline, "not within half a minute: {sql}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A text as SQL has it.
pub(crate) fn quoted(text: &str) -> String {
    postgres_protocol::escape::escape_literal(text)
}

/// A statement that puts a row of `manta` with its directory, as Moray does. Any key will do.
pub(crate) fn put_entry(key: &str, value: &str) -> String {
    let directory = crate::keys::hashed_part("manta", key);
    format!(
        "INSERT INTO manta (_key, _value, _etag, _vnode, dirname) VALUES ({}, {}, 'AAAAAAAA', {}, {}) \
         ON CONFLICT (_key) DO UPDATE SET _value = excluded._value, _vnode = excluded._vnode, _etag = 'BBBBBBBB'",
        quoted(key),
        quoted(value),
        vnode(key),
        quoted(directory)
    )
}

/// A role for which reading `manta` takes until a lock is had.
pub(crate) const READER: &str = "reader";
/// True while it reads.
pub(crate) const READS_SLOWLY: &str = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted)";

/// Makes reading slow for [`READER`]: it takes until the connection is dropped that this returns.
pub(crate) async fn slow_reads(shard: &Shard) -> Database {
    let sql = "CREATE FUNCTION public.slow() RETURNS boolean LANGUAGE plpgsql VOLATILE AS \
               'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN true; END'; \
               ALTER TABLE manta ENABLE ROW LEVEL SECURITY; CREATE ROLE reader LOGIN; \
               CREATE POLICY slow ON manta USING (current_user <> 'reader' OR public.slow()); \
               GRANT USAGE ON SCHEMA reshard TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public, reshard TO reader; \
               GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA reshard TO reader";
    let holder = shard.connect().await;
    holder.batch_execute(sql).await.unwrap();
    holder.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    holder
}

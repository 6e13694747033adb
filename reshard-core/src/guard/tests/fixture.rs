//! Databases with Moray's role and buckets, in which a guard can be installed.

use std::time::{Duration, Instant};

use fash::{Algorithm, Interval, Vnode};
use test_servers::Chain;

use super::super::{Lease, Session, install};
use crate::deployment::Database;
use crate::keys::KeyHash;
use crate::{PlanUuid, VnodeSet};

/// The number of vnodes of the ring.
pub(crate) const VNODES: u32 = 64;
const BUCKETS: [&str; 4] = ["manta", "manta_directory_counts", "manta_uploads", "manta_delete_log"];

/// The hashing of the ring.
pub(crate) fn hash() -> KeyHash {
    KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES)
}

/// The odd vnodes, which move.
pub(crate) fn moving() -> VnodeSet {
    (0..VNODES).filter(|vnode| vnode % 2 == 1).map(Vnode::new).collect()
}

/// Keys of `manta` whose vnode moves, or does not.
pub(crate) fn keys(is_moving: bool) -> impl Iterator<Item = String> {
    let set = moving();
    let all = (0..).map(|number| format!("/owner/stor/{number}/file"));
    all.filter(move |key| set.contains(hash().vnode_of_key("manta", key).unwrap()) == is_moving)
}

/// The `_vnode` of a row of `manta` with this key.
pub(crate) fn vnode(key: &str) -> i64 {
    i64::from(hash().vnode_of_key("manta", key).unwrap().number())
}

/// A shard: a primary, and as many standbys as a test wants, the first of them synchronous.
pub(crate) struct Shard {
    pub(crate) chain: Chain,
}

impl Shard {
    /// A shard of so many servers with Moray's buckets in their first columns, without rows.
    pub(crate) async fn start(servers: usize) -> Self {
        let shard = Self { chain: Chain::start(servers) };
        shard.chain.sql(0, "CREATE ROLE moray LOGIN");
        shard.chain.sql(0, "CREATE DATABASE moray OWNER moray");
        let database = shard.connect().await;
        let config = "CREATE TABLE buckets_config (name text PRIMARY KEY, index text, pre text, post text, options text, \
                      mtime timestamp without time zone DEFAULT now());";
        let buckets: String = BUCKETS.into_iter().map(bucket).collect();
        let sql = format!("SET ROLE moray; {config} {buckets} RESET ROLE");
        // PostgreSQL 15 and newer let nobody create tables in public but its owner.
        database.batch_execute("GRANT ALL ON SCHEMA public TO moray").await.unwrap();
        database.batch_execute(&sql).await.unwrap();
        shard
    }

    /// A connection of a superuser to the primary's database.
    pub(crate) async fn connect(&self) -> Database {
        self.connect_to(0).await
    }

    /// A connection of a superuser to one of its servers. A standby may have to hear of the database first.
    pub(crate) async fn connect_to(&self, server: usize) -> Database {
        let endpoint = self.chain.urls()[server].parse().unwrap();
        let began = Instant::now();
        loop {
            match Database::connect(&endpoint, Duration::from_secs(30)).await {
                Ok(database) => return database,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(10), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A connection as Moray has it, with which nothing of the guard's can be read.
    pub(crate) async fn connect_as_moray(&self) -> Database {
        let database = self.connect().await;
        database.batch_execute("SET SESSION AUTHORIZATION moray").await.unwrap();
        database
    }

    /// Installs the schema, and takes the lease with an epoch.
    pub(crate) async fn session(&self, plan: PlanUuid, epoch: i64) -> Session {
        let mut database = self.connect().await;
        install(&mut database, &hash()).await.unwrap();
        Lease { plan, epoch }.take(database).await.unwrap()
    }
}

/// The SQL that makes a bucket as Moray makes it, without columns for indexes.
pub(crate) fn bucket(name: &str) -> String {
    format!(
        "CREATE SEQUENCE {name}_serial;
         CREATE TABLE {name} (_id bigint DEFAULT nextval('{name}_serial'), _txn_snap integer, _key text PRIMARY KEY,
             _value text NOT NULL, _etag char(8) NOT NULL,
             _mtime bigint DEFAULT (extract(epoch FROM now()) * 1000)::bigint, _vnode bigint);
         CREATE INDEX {name}__vnode_idx ON {name} USING btree (_vnode) WHERE _vnode IS NOT NULL;
         INSERT INTO buckets_config VALUES ('{name}', '{{}}', '[]', '[]', '{{}}');"
    )
}

/// A statement that puts a row of `manta` as Moray does, with a value.
pub(crate) fn put(key: &str, value: &str) -> String {
    format!(
        "INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('{key}', '{value}', 'AAAAAAAA', {}) \
         ON CONFLICT (_key) DO UPDATE SET _value = excluded._value, _etag = excluded._etag, _vnode = excluded._vnode",
        vnode(key)
    )
}

/// A text with another in place of one that has to be in it.
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "there is no {from:?} any more: plant the mistake otherwise");
    text.replace(from, to)
}

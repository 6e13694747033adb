//! The guard's own hashing of keys, compared with the library's (rule R17).

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::fixture::{Shard, hash};
use crate::PlanUuid;

/// Keys as clients make them, with what paths can be made of in other orders.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "(/[a-z:é\n.]{0,5}){0,5}",
        "[/.a:é]{0,9}",
        "/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/stor(/[a-z]{1,3}){0,2}",
        "[0-9a-f]{4}:/[a-z]{1,3}/stor(/[a-z:]{1,3}){0,3}",
    ]
}

#[tokio::test]
async fn r17_the_database_hashes_keys_as_routers_do() {
    let shard = Shard::start(1).await;
    let session = shard.session(PlanUuid::random(), 1).await;
    let mut runner = TestRunner::default();
    for _ in 0..2_000 {
        let key = key().new_tree(&mut runner).unwrap().current();
        for bucket in ["manta", "manta_uploads", "manta_directory_counts"] {
            let sql = "SELECT reshard.vnode_of_key($1, $2)";
            let found: Option<i64> =
                session.database().value("hash a key", sql, &[&bucket, &key]).await.unwrap();
            let expected = hash().vnode_of_key(bucket, &key).unwrap();
            assert_eq!(found, Some(i64::from(expected.number())), "{bucket} {key:?}");
        }
    }
}

#[tokio::test]
async fn r17_a_sha256_of_our_own_is_postgresqls() {
    let shard = Shard::start(1).await;
    let session = shard.session(PlanUuid::random(), 1).await;
    let own = include_str!("../sql/sha256.sql").replace("reshard.sha256", "pg_temp.own_sha256");
    session.database().batch_execute(&own).await.unwrap();
    let sql = "SELECT count(*) FROM generate_series(0, 200) AS length, LATERAL \
               (SELECT convert_to(repeat('a', length) || 'é', 'UTF8')) AS text (message) \
               WHERE pg_temp.own_sha256(message) <> reshard.sha256(message)";
    assert_eq!(session.database().value::<i64>("compare", sql, &[]).await.unwrap(), 0);
}

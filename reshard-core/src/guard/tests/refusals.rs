//! Refused writes, the words for that, and the log of the others (rules R1, R2, R17 and R20).

use std::time::Duration;

use manatee_client::PgEndpoint;

use super::super::{Connections, GuardFinding, bypasses, fence, preflight, unfence};
use super::fixture::{keys, put, vnode};
use super::scene::{NUMBER, Scene, long_fence, refusal};
use crate::deployment::Database;
use crate::region::Holder;

#[tokio::test]
async fn r1_the_guards_functions_are_volatile_and_have_a_fixed_path() {
    let scene = Scene::open().await;
    let sql = "SELECT string_agg(proname::text, ', ' ORDER BY proname) FROM pg_proc \
               JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = 'reshard' AND";
    let functions: String = scene.value(&format!("{sql} provolatile = 'v'")).await;
    let ours = "check_row, check_truncate, lose_track, note_bucket, pass";
    assert_eq!(functions, ours);
    let path = "'search_path=pg_catalog, pg_temp' = ANY (proconfig) AND provolatile = 'v'";
    assert_eq!(scene.value::<String>(&format!("{sql} {path}")).await, ours);
    let definers: String = scene.value(&format!("{sql} prosecdef")).await;
    assert_eq!(definers, "check_row, check_truncate, lose_track, note_bucket");
}

#[tokio::test]
async fn r1_a_refusal_names_its_code_the_vnode_and_the_plan() {
    let mut scene = Scene::open().await;
    let plan = scene.session.lease().plan;
    fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    let writer = scene.shard.connect_as_moray().await;
    let key = keys(true).next().unwrap();
    let error = writer.batch_execute(&put(&key, "v")).await.unwrap_err();
    let vnode = vnode(&key);
    let text =
        format!("RS001 vnode {vnode} moves to another shard (plan {plan}, fenced); try again");
    assert_eq!(refusal(&error), ("RS001".to_owned(), text));
    // Reads and other vnodes are as ever.
    writer.batch_execute("SELECT * FROM manta").await.unwrap();
    writer.batch_execute(&put(&keys(false).next().unwrap(), "v")).await.unwrap();
    unfence(&mut scene.session, NUMBER).await.unwrap();
    writer.batch_execute(&put(&key, "v")).await.unwrap();
}

#[tokio::test]
async fn r1_writes_in_another_isolation_are_refused_whatever_their_vnode() {
    let scene = Scene::open().await;
    let writer = scene.shard.connect_as_moray().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let put = put(&keys(false).next().unwrap(), "v");
        let sql = format!("BEGIN ISOLATION LEVEL {level}; {put}");
        let (code, message) = refusal(&writer.batch_execute(&sql).await.unwrap_err());
        assert_eq!(code, "RS002");
        let text = format!(
            "RS002 rows of manta can only be written in READ COMMITTED while vnodes move, not in {level}"
        );
        assert_eq!(message, text);
        writer.batch_execute("ROLLBACK").await.unwrap();
    }
    // Moray reads so, and does not write.
    let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM manta; COMMIT";
    writer.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn r1_a_fence_falls_by_itself() {
    let mut scene = Scene::open().await;
    let writer = scene.shard.connect_as_moray().await;
    let put = put(&keys(true).next().unwrap(), "v");
    let options = super::super::FenceOptions { budget: Duration::from_millis(300), ..long_fence() };
    fence(&mut scene.session, NUMBER, &options).await.unwrap();
    assert_eq!(refusal(&writer.batch_execute(&put).await.unwrap_err()).0, "RS001");
    scene.wait_until("SELECT clock_timestamp() >= until FROM reshard.move WHERE move = 1").await;
    writer.batch_execute(&put).await.unwrap();
    assert_eq!(scene.entries().await, 1, "and what passes is logged");
    assert_eq!(scene.state().await, "fenced");
}

#[tokio::test]
async fn r2_truncate_is_refused() {
    let scene = Scene::open().await;
    let writer = scene.shard.connect_as_moray().await;
    for table in ["manta", "manta_uploads", "manta_directory_counts"] {
        let error = writer.batch_execute(&format!("TRUNCATE {table}")).await.unwrap_err();
        let text = format!("RS004 {table} cannot be truncated while vnodes move to another shard");
        assert_eq!(refusal(&error), ("RS004".to_owned(), text));
    }
    writer.batch_execute("TRUNCATE manta_delete_log").await.unwrap();
}

#[tokio::test]
async fn r2_what_lets_writes_past_is_found_and_stops_a_fence() {
    let mut scene = Scene::open().await;
    assert_eq!(bypasses(&scene.admin).await.unwrap(), []);
    let sql = "ALTER ROLE moray SET session_replication_role = replica; \
               ALTER ROLE moray IN DATABASE moray SET default_transaction_isolation = 'repeatable read'; \
               ALTER DATABASE moray SET session_replication_role = local";
    scene.admin.batch_execute(sql).await.unwrap();
    let found: Vec<String> =
        bypasses(&scene.admin).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "default_transaction_isolation is repeatable read for the role \"moray\" in the database \"moray\"",
            "session_replication_role is replica for the role \"moray\"",
        ]
    );
    let error = fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap_err();
    assert!(error.to_string().contains("would not hold: default_transaction_isolation"), "{error}");
    assert_eq!(scene.state().await, "open");
}

#[tokio::test]
async fn r2_subscriptions_and_a_missing_language_are_found_and_connections_are_counted() {
    let scene = Scene::open().await;
    let before = Connections::read(&scene.admin).await.unwrap();
    let endpoint: PgEndpoint = scene.shard.chain.urls()[0].parse().unwrap();
    let endpoint = PgEndpoint { user: "moray".to_owned(), ..endpoint };
    let connect = || Database::connect(&endpoint, Duration::from_secs(30));
    let of_moray = [connect().await.unwrap(), connect().await.unwrap()];
    let now = Connections::read(&scene.admin).await.unwrap();
    assert_eq!(now.used, before.used + 2, "{now:?} after {before:?}");
    assert_eq!(now.free(), before.free() - 2);
    assert_eq!((before.of_one_moray, now.of_one_moray), (0, 2));
    drop(of_moray);
    let sql = "CREATE SUBSCRIPTION mine CONNECTION 'host=nowhere' PUBLICATION theirs WITH (connect = false)";
    scene.admin.batch_execute(sql).await.unwrap();
    let found = bypasses(&scene.admin).await.unwrap();
    assert_eq!(found, [GuardFinding::Subscription { name: "mine".to_owned() }]);
    let sql = "ALTER SUBSCRIPTION mine SET (slot_name = NONE); DROP SUBSCRIPTION mine";
    for sql in sql.split(';') {
        scene.admin.batch_execute(sql).await.unwrap();
    }
    scene.admin.batch_execute("DROP EXTENSION plpgsql CASCADE").await.unwrap();
    let found = preflight(&scene.admin, Duration::from_mins(1)).await.unwrap();
    assert_eq!(found, [GuardFinding::NoLanguage]);
}

#[tokio::test]
async fn r2_prepared_transactions_are_found_and_in_the_way_of_a_fence() {
    let mut scene = Scene::open().await;
    scene.shard.chain.sql(0, "ALTER SYSTEM SET max_prepared_transactions = 2");
    let (plan, epoch) = (scene.session.lease().plan, 2);
    scene.shard.chain.stop(0);
    scene.shard.chain.resume(0);
    scene.admin = scene.shard.connect().await;
    scene.session = scene.shard.session(plan, epoch).await;
    let writer = scene.shard.connect_as_moray().await;
    let sql = format!("BEGIN; {}; PREPARE TRANSACTION 'forgotten'", put("/some/key", "v"));
    writer.batch_execute(&sql).await.unwrap();
    let found = bypasses(&scene.admin).await.unwrap();
    let [
        GuardFinding::PreparedTransaction(one),
        GuardFinding::PreparedTransactionsAllowed { most: 2 },
    ] = &found[..]
    else {
        panic!("{found:?}")
    };
    let expected = Holder::Prepared { gid: "forgotten".into(), owner: "moray".into() };
    assert_eq!(one.holder, expected);
    // It holds the lock that a fence needs, and is named when it is waited for.
    let key = keys(true).next().unwrap();
    let sql = format!("BEGIN; {}; PREPARE TRANSACTION 'moving'", put(&key, "v"));
    writer.batch_execute(&sql).await.unwrap();
    let transaction = scene.session.begin().await.unwrap();
    let options = super::super::FenceOptions {
        patience: super::super::Patience { attempts: 2, ..super::super::Patience::FOR_WRITERS },
        ..long_fence()
    };
    let error =
        super::super::fence::fence_within(&transaction, NUMBER, &options).await.unwrap_err();
    assert!(
        error.to_string().contains("the transaction \"moving\" of \"moray\", prepared"),
        "{error}"
    );
    drop(transaction);
    let sql = "ROLLBACK PREPARED 'moving'";
    scene.admin.batch_execute(sql).await.unwrap();
    scene.admin.batch_execute("ROLLBACK PREPARED 'forgotten'").await.unwrap();
}

#[tokio::test]
async fn r10_long_transactions_and_locks_are_found_before_the_arm() {
    let scene = Scene::open().await;
    let holder = scene.shard.connect_as_moray().await;
    holder.batch_execute(&format!("BEGIN; {}", put("/some/key", "v"))).await.unwrap();
    let found = preflight(&scene.admin, Duration::ZERO).await.unwrap();
    let [GuardFinding::LongTransaction(old), GuardFinding::Locked(lock)] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(old.transaction.holder, lock.transaction.holder);
    assert!(old.query.contains("INSERT INTO manta"), "{old}");
    assert!(!found.iter().any(GuardFinding::lets_writes_past));
    // A write that has only begun is in nobody's way, though it has locked the table as well.
    let found = preflight(&scene.admin, Duration::from_mins(1)).await.unwrap();
    assert_eq!(found, []);
}

#[tokio::test]
async fn r17_a_row_without_a_vnode_belongs_where_its_key_says() {
    let mut scene = Scene::open().await;
    let writer = scene.shard.connect_as_moray().await;
    let (moving, other) = (keys(true).next().unwrap(), keys(false).next().unwrap());
    for key in [&moving, &other] {
        let sql = format!("UPDATE manta SET _vnode = NULL WHERE _key = '{key}'");
        writer.batch_execute(&sql).await.unwrap();
    }
    scene.drain().await;
    let delete = |key: &str| format!("BEGIN; DELETE FROM manta WHERE _key = '{key}'");
    writer.batch_execute(&format!("{}; COMMIT", delete(&other))).await.unwrap();
    assert_eq!(scene.entries().await, 0);
    fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    let (code, message) = refusal(&writer.batch_execute(&delete(&moving)).await.unwrap_err());
    assert_eq!(code, "RS001");
    assert!(message.contains(&format!("vnode {}", vnode(&moving))), "{message}");
}

#[tokio::test]
async fn r17_where_nobody_can_tell_it_is_logged_and_refused_apart() {
    let mut scene = Scene::open().await;
    // A ring that hashes as the database cannot.
    scene.admin.batch_execute("UPDATE reshard.guard SET algorithm = 'md5'").await.unwrap();
    let writer = scene.shard.connect_as_moray().await;
    let insert = "INSERT INTO manta (_key, _value, _etag) VALUES ('/a/stor/b', 'v', 'AAAAAAAA')";
    writer.batch_execute(insert).await.unwrap();
    writer.batch_execute("UPDATE manta SET _vnode = 2 WHERE _key = '/a/stor/b'").await.unwrap();
    writer.batch_execute("UPDATE manta SET _vnode = NULL WHERE _key = '/a/stor/b'").await.unwrap();
    let logged: i64 = scene
        .value("SELECT count(*) FROM reshard.log WHERE key = '/a/stor/b' AND vnode IS NULL")
        .await;
    assert_eq!(logged, 3, "a row whose vnode batches take away is by its key from then on");
    fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    let plan = scene.session.lease().plan;
    let text = format!(
        "RS003 a row of manta without a vnode cannot be written while vnodes move to another shard (plan {plan}, fenced); try again"
    );
    let delete = "DELETE FROM manta WHERE _key = '/a/stor/b'";
    let error = writer.batch_execute(delete).await.unwrap_err();
    assert_eq!(refusal(&error), ("RS003".to_owned(), text));
    writer.batch_execute(&put(&keys(false).next().unwrap(), "v")).await.unwrap();
}

//! Putting the guard up and taking it down (rules R3, R10 and R20).

use std::time::{Duration, Instant};

use super::super::{
    ArmOptions, GuardError, Lease, MoveNumber, Patience, Removed, Session, arm, look, remove,
    turn_guard,
};
use super::fixture::{Shard, keys, moving, put, vnode};
use super::scene::{GENERATION, NUMBER, Scene, long_fence, refusal};
use crate::deployment::Database;
use crate::region::Holder;
use crate::{PlanUuid, VnodeSet};

/// As short as a test can wait for what does not come.
fn impatient() -> ArmOptions {
    let tables = Patience { attempts: 3, ..Patience::FOR_TABLES };
    ArmOptions { tables, older: Duration::from_millis(200) }
}

/// Other vnodes than those of the scene's move.
fn other_set() -> VnodeSet {
    (0..64).filter(|number| number % 2 == 0).map(fash::Vnode::new).collect()
}

async fn armed(session: &mut Session, number: i32, set: &VnodeSet) -> Result<(), GuardError> {
    let number = MoveNumber::new(number);
    arm(session, number, set, GENERATION, &impatient()).await.map(drop)
}

fn pids(error: &GuardError) -> Vec<i32> {
    let GuardError::Busy { blockers, .. } = error else { panic!("{error:?}") };
    let pid = |holder: &Holder| match holder {
        Holder::Session { pid, .. } => *pid,
        Holder::Prepared { gid, .. } => panic!("{gid}"),
    };
    blockers.iter().map(|blocker| pid(&blocker.transaction.holder)).collect()
}

async fn pid(database: &Database) -> i32 {
    database.value("ask for the process", "SELECT pg_backend_pid()", &[]).await.unwrap()
}

#[tokio::test]
async fn r3_the_arm_is_one_transaction_and_logs_from_then_on() {
    let mut scene = Scene::unarmed(Shard::start(1).await).await;
    let writer = scene.shard.connect_as_moray().await;
    let key = keys(true).next().unwrap();
    writer.batch_execute(&put(&key, "before")).await.unwrap();
    let options = ArmOptions::default();
    let one = arm(&mut scene.session, NUMBER, &moving(), GENERATION, &options).await.unwrap();
    assert_eq!(one.attempts, 1);
    let names: Vec<&str> = one.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["manta", "manta_directory_counts", "manta_uploads"]);
    assert_eq!(scene.entries().await, 0, "the canary is not in the log");
    let size: i64 = scene.value("SELECT count(*) FROM reshard.moving WHERE move = 1").await;
    assert_eq!(size, 32);

    writer.batch_execute(&put(&key, "after")).await.unwrap();
    writer.batch_execute(&put(&keys(false).next().unwrap(), "after")).await.unwrap();
    let sql = "SELECT string_agg(bucket || ' ' || key || ' ' || vnode, ', ') FROM reshard.log";
    let logged: String = scene.value(sql).await;
    assert_eq!(logged, format!("manta {key} {}", vnode(&key)));

    // Again after a crash, and with something else.
    let two = arm(&mut scene.session, NUMBER, &moving(), GENERATION, &options).await.unwrap();
    assert_eq!((two.attempts, two.tables, two.identity), (0, one.tables, one.identity));
    assert!(two.position > one.position);
    let error = armed(&mut scene.session, 1, &other_set()).await.unwrap_err();
    assert!(matches!(error, GuardError::OtherSet { .. }), "{error:?}");
    let error = armed(&mut scene.session, 2, &moving()).await.unwrap_err();
    assert!(matches!(error, GuardError::VnodeTaken { number: NUMBER, .. }), "{error:?}");
    let mut stranger = scene.shard.session(PlanUuid::random(), 1).await;
    let error = armed(&mut stranger, 1, &moving()).await.unwrap_err();
    assert!(matches!(error, GuardError::OtherPlan { .. }), "{error:?}");
}

#[tokio::test]
async fn r3_the_arm_waits_for_writes_that_it_has_not_seen() {
    let mut scene = Scene::open().await;
    let key = keys(false).next().unwrap();
    let writer = scene.shard.connect_as_moray().await;
    // The writer's transaction is younger than the arm's, which waits for somebody else, and older than its end.
    let blocker = scene.shard.connect().await;
    blocker.batch_execute("BEGIN; SELECT * FROM reshard.guard FOR UPDATE").await.unwrap();
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE query LIKE '%reshard.guard FOR SHARE' \
                 AND wait_event_type = 'Lock')";
    let set = other_set();
    let arming = armed(&mut scene.session, 2, &set);
    let meanwhile = async {
        while !scene.admin.value::<bool>("look", waits, &[]).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let update = format!("BEGIN; UPDATE manta SET _value = 'late' WHERE _key = '{key}'");
        writer.batch_execute(&update).await.unwrap();
        blocker.batch_execute("COMMIT").await.unwrap();
    };
    let (answer, ()) = tokio::join!(arming, meanwhile);
    let error = answer.unwrap_err();
    assert_eq!(pids(&error), [pid(&writer).await]);
    assert!(error.to_string().contains("UPDATE manta SET _value = 'late'"), "{error}");
    // The move is armed, but not to be relied on before this passes.
    assert_eq!(scene.entries().await, 0);
    writer.batch_execute("COMMIT").await.unwrap();
    armed(&mut scene.session, 2, &set).await.unwrap();
}

#[tokio::test]
async fn r10_who_is_in_the_way_of_triggers_is_named_and_others_write_meanwhile() {
    let mut scene = Scene::unarmed(Shard::start(1).await).await;
    let holder = scene.shard.connect_as_moray().await;
    let sql = format!("BEGIN; {}", put("/held", "v"));
    holder.batch_execute(&sql).await.unwrap();
    let writer = scene.shard.connect_as_moray().await;
    let set = moving();
    let (mut writes, mut longest) = (0, Duration::ZERO);
    let error = {
        let arming = armed(&mut scene.session, 1, &set);
        tokio::pin!(arming);
        loop {
            let began = Instant::now();
            let write = async {
                writer.batch_execute(&put("/other", "v")).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            tokio::pin!(write);
            tokio::select! {
                answer = &mut arming => {
                    write.await;
                    break answer.unwrap_err();
                }
                () = &mut write => {}
            }
            writes += 1;
            longest = longest.max(began.elapsed());
        }
    };
    assert_eq!(pids(&error), [pid(&holder).await]);
    let text = error.to_string();
    assert!(text.contains("cannot arm the move") && text.contains("in 3 attempts"), "{text}");
    assert!(text.contains("INSERT INTO manta") && text.contains("idle in transaction"), "{text}");
    println!("{writes} writes, the longest {longest:?}");
    assert!(writes > 10 && longest < Duration::from_secs(2), "{writes} {longest:?}");
    assert!(look(&scene.admin, NUMBER).await.unwrap().is_none(), "nothing has happened");
    holder.batch_execute("COMMIT").await.unwrap();
    armed(&mut scene.session, 1, &moving()).await.unwrap();
}

#[tokio::test]
async fn r10_an_autovacuum_makes_room_for_triggers() {
    let shard = Shard::start(1).await;
    for (name, value) in [
        ("autovacuum_naptime", "1"),
        ("autovacuum_vacuum_threshold", "1"),
        ("autovacuum_vacuum_scale_factor", "0"),
        ("autovacuum_vacuum_cost_delay", "100"),
        ("autovacuum_vacuum_cost_limit", "1"),
    ] {
        shard.chain.set(0, name, value);
    }
    let mut scene = Scene::unarmed(shard).await;
    let fill = "INSERT INTO manta (_key, _value, _etag, _vnode) \
                SELECT '/many/' || n, repeat('v', 500), 'AAAAAAAA', n % 64 FROM generate_series(1, 20000) AS n; \
                UPDATE manta SET _value = 'w'";
    scene.admin.batch_execute(fill).await.unwrap();
    let at_work = "EXISTS (SELECT 1 FROM pg_stat_activity WHERE query LIKE 'autovacuum:%manta' AND query NOT LIKE '%wraparound%')";
    scene.wait_until(&format!("SELECT {at_work}")).await;
    let began = Instant::now();
    armed(&mut scene.session, 1, &moving()).await.unwrap();
    println!("the triggers were there after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn r10_everything_goes_with_the_last_move() {
    let mut scene = Scene::open().await;
    armed(&mut scene.session, 2, &other_set()).await.unwrap();
    let lease = scene.session.lease();
    let writer = scene.shard.connect_as_moray().await;
    writer.batch_execute(&put(&keys(true).next().unwrap(), "v")).await.unwrap();
    assert_eq!(scene.entries().await, 1);
    let removed = async |number, lease| {
        let patience = Patience { attempts: 3, ..Patience::FOR_TABLES };
        let database = scene.shard.connect().await;
        remove(database, lease, MoveNumber::new(number), &patience).await
    };
    assert_eq!(removed(1, lease).await.unwrap(), Removed::Move);
    assert_eq!(removed(1, lease).await.unwrap(), Removed::Move);
    let left = "SELECT (SELECT count(*) FROM reshard.log) + (SELECT count(*) FROM reshard.moving WHERE move = 1)";
    assert_eq!(scene.value::<i64>(left).await, 0);

    // A fence is not removed, nor is anything of another's.
    super::super::fence(&mut scene.session, MoveNumber::new(2), &long_fence()).await.unwrap();
    let error = removed(2, lease).await.unwrap_err();
    assert!(matches!(error, GuardError::State { .. }), "{error:?}");
    super::super::unfence(&mut scene.session, MoveNumber::new(2)).await.unwrap();
    let stranger = Lease { plan: PlanUuid::random(), epoch: 1 };
    let error = removed(2, stranger).await.unwrap_err();
    assert!(matches!(error, GuardError::OtherPlan { .. }), "{error:?}");

    // Somebody reads in the middle of it.
    let reader = scene.shard.connect_as_moray().await;
    let sql = "BEGIN; SELECT count(*) FROM manta_uploads";
    reader.batch_execute(sql).await.unwrap();
    let error = removed(2, lease).await.unwrap_err();
    assert_eq!(pids(&error), [pid(&reader).await]);
    writer.batch_execute(&put(&keys(true).next().unwrap(), "w")).await.unwrap();
    assert_eq!(scene.entries().await, 0, "what is left of the guard lets everything pass");
    reader.batch_execute("COMMIT").await.unwrap();
    assert_eq!(removed(2, lease).await.unwrap(), Removed::All);
    assert_eq!(removed(2, lease).await.unwrap(), Removed::Nothing);
    let left = "SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) + \
                (SELECT count(*) FROM pg_namespace WHERE nspname = 'reshard')";
    assert_eq!(scene.value::<i64>(left).await, 0);
    writer.batch_execute(&put(&keys(true).next().unwrap(), "x")).await.unwrap();
}

#[tokio::test]
async fn r20_a_guard_that_fails_is_not_left_behind() {
    let mut scene = Scene::unarmed(Shard::start(1).await).await;
    let broken = "ALTER FUNCTION reshard.check_row() SECURITY INVOKER";
    scene.admin.batch_execute(broken).await.unwrap();
    let error = armed(&mut scene.session, 1, &moving()).await.unwrap_err();
    let GuardError::Canary { table, source } = &error else { panic!("{error:?}") };
    assert_eq!((table.as_str(), source.code()), ("public.manta_directory_counts", Some("42501")));
    let silent = "ALTER FUNCTION reshard.check_row() SECURITY DEFINER; \
                  CREATE OR REPLACE FUNCTION reshard.pass(integer, text, text, bigint, boolean) RETURNS void LANGUAGE sql AS ''";
    let silent = silent.replace(
        "(integer, text, text, bigint, boolean)",
        "(the_move integer, the_bucket text, the_key text, the_vnode bigint, is_foundling boolean)",
    );
    scene.admin.batch_execute(&silent).await.unwrap();
    let error = armed(&mut scene.session, 1, &moving()).await.unwrap_err();
    assert!(matches!(error, GuardError::CanaryNotLogged { found: 0, .. }), "{error:?}");
    let left = "SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid <> 'reshard.guard'::regclass) \
                + (SELECT count(*) FROM reshard.move) + (SELECT count(*) FROM reshard.moving)";
    assert_eq!(scene.value::<i64>(left).await, 0);
}

#[tokio::test]
async fn r20_the_canary_goes_through_the_triggers_that_are_there() {
    let mut scene = Scene::unarmed(Shard::start(1).await).await;
    let counts = "ALTER TABLE manta ADD dirname text; ALTER TABLE manta_directory_counts ADD entries numeric; \
         CREATE FUNCTION count_entries() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF TG_OP = 'INSERT' THEN INSERT INTO manta_directory_counts (_key, _value, _etag, _vnode, entries) \
         VALUES (NEW.dirname, '{}', '_trigger', NEW._vnode, 1); \
         ELSE DELETE FROM manta_directory_counts WHERE _key = OLD.dirname; END IF; RETURN NULL; END $$; \
         CREATE TRIGGER count_directories AFTER INSERT OR DELETE ON manta FOR EACH ROW EXECUTE PROCEDURE count_entries()";
    scene.admin.batch_execute(counts).await.unwrap();
    armed(&mut scene.session, 1, &moving()).await.unwrap();
    assert_eq!(scene.value::<i64>("SELECT count(*) FROM manta_directory_counts").await, 0);
}

#[tokio::test]
async fn r20_the_kill_switch_lets_everything_pass_and_ends_the_move() {
    let mut scene = Scene::open().await;
    let writer = scene.shard.connect_as_moray().await;
    let put = put(&keys(true).next().unwrap(), "v");
    super::super::fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    assert_eq!(refusal(&writer.batch_execute(&put).await.unwrap_err()).0, "RS001");
    let mut other = scene.shard.connect().await;
    turn_guard(&mut other, false).await.unwrap();
    writer.batch_execute(&put).await.unwrap();
    assert_eq!(scene.entries().await, 0);
    let error = super::super::fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap_err();
    assert!(matches!(error, GuardError::Off { .. }), "{error:?}");
    let error = armed(&mut scene.session, 2, &other_set()).await.unwrap_err();
    assert!(matches!(error, GuardError::Off { .. }), "{error:?}");
    turn_guard(&mut other, true).await.unwrap();
    let error = super::super::fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap_err();
    assert!(matches!(error, GuardError::LostTrack { .. }), "{error:?}");
    // Another move begins with a log that is whole.
    armed(&mut scene.session, 2, &other_set()).await.unwrap();
    super::super::fence(&mut scene.session, MoveNumber::new(2), &long_fence()).await.unwrap();
}

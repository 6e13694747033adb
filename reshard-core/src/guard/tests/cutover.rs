//! From the fence to the open target, and what can go wrong in between (rules R13, R14, R18 and R19).

use std::time::Duration;

use super::super::{
    ArmOptions, GuardError, Identity, IdentityChange, MoveState, SealOptions, Side,
    TableDifference, TargetStanding, abort_target, advance_sequences, close_copied_target,
    close_target, compare_tables, fence, find_sealed, guarded_tables, look_at_target, mark_moved,
    open_target, seal, unfence, unseal, wait_for_fence_at,
};
use super::fixture::{Shard, bucket, keys, moving, put};
use super::scene::{GENERATION, NUMBER, Scene, long_fence, refusal};

/// A source whose move is armed, and a target in which it is closed.
async fn pair() -> (Scene, Scene) {
    let source = Scene::open().await;
    let mut target = Scene::unarmed(Shard::start(1).await).await;
    target.session = target.shard.session(source.session.lease().plan, 1).await;
    let tables = guarded_tables(&source.admin, NUMBER).await.unwrap();
    let options = ArmOptions::default();
    for _ in 0..2 {
        close_target(&mut target.session, NUMBER, &moving(), &tables, &options).await.unwrap();
    }
    (source, target)
}

/// The code with which a write of a moving vnode is refused.
async fn refused(scene: &Scene) -> Option<String> {
    let writer = scene.shard.connect_as_moray().await;
    let done = writer.batch_execute(&put(&keys(true).next().unwrap(), "v")).await;
    done.err().map(|error| refusal(&error).0)
}

fn is_state<T>(answer: &Result<T, GuardError>, found: MoveState) -> bool {
    matches!(answer, Err(GuardError::State { found: Some(state), .. }) if *state == found)
}

#[tokio::test]
async fn r14_a_move_is_cut_over_and_back() {
    let (mut source, mut target) = pair().await;
    let refusing = || Some("RS001".to_owned());
    assert_eq!((refused(&source).await, refused(&target).await), (None, refusing()));
    source.drain().await;

    for _ in 0..2 {
        let fence = fence(&mut source.session, NUMBER, &long_fence()).await.unwrap();
        let seal = seal(&mut source.session, &fence, &SealOptions::default()).await.unwrap();
        assert!(is_state(&unfence(&mut source.session, NUMBER).await, MoveState::Sealed));
        let open = open_target(&mut target.session, &seal).await.unwrap();
        assert_eq!((refused(&source).await, refused(&target).await), (refusing(), None));
        let standing = look_at_target(&mut target.session, NUMBER).await.unwrap();
        assert_eq!(standing, TargetStanding::Open(open));
        assert!(is_state(&abort_target(&mut target.session, NUMBER).await, MoveState::Open));
        mark_moved(&mut source.session, &open).await.unwrap();
        // All of it again, as after a crash.
        assert_eq!(open_target(&mut target.session, &seal).await.unwrap(), open);
        mark_moved(&mut source.session, &open).await.unwrap();

        // And the other way round, with what was written at the target in its log.
        assert_eq!(target.entries().await, 1);
        target.drain().await;
        let options = ArmOptions::default();
        close_target(&mut source.session, NUMBER, &moving(), &[], &options).await.unwrap();
        std::mem::swap(&mut source, &mut target);
    }
}

#[tokio::test]
async fn r12_a_seal_is_broken_only_when_the_target_never_opens() {
    let (mut source, mut target) = pair().await;
    let fence = fence(&mut source.session, NUMBER, &long_fence()).await.unwrap();
    let sealed = seal(&mut source.session, &fence, &SealOptions::default()).await.unwrap();
    assert_eq!(seal(&mut source.session, &fence, &SealOptions::default()).await.unwrap(), sealed);
    // Whoever takes over finds the seal, and settles it at the target.
    let mut successor = source.successor(2).await;
    assert_eq!(find_sealed(&mut successor, NUMBER).await.unwrap(), sealed);
    let standing = look_at_target(&mut target.session, NUMBER).await.unwrap();
    assert_eq!(standing, TargetStanding::Closed);
    let aborted = abort_target(&mut target.session, NUMBER).await.unwrap();
    assert_eq!(abort_target(&mut target.session, NUMBER).await.unwrap(), aborted);
    assert!(is_state(&open_target(&mut target.session, &sealed).await, MoveState::Aborted));
    let standing = look_at_target(&mut target.session, NUMBER).await.unwrap();
    assert_eq!(standing, TargetStanding::Aborted(aborted));
    unseal(&mut successor, &aborted).await.unwrap();
    unseal(&mut successor, &aborted).await.unwrap();
    assert_eq!(refused(&source).await, None);
    assert_eq!(refused(&target).await, Some("RS001".to_owned()));
}

#[tokio::test]
async fn r12_a_move_is_sealed_only_in_time_and_with_an_empty_log() {
    let mut scene = Scene::open().await;
    assert_eq!(refused(&scene).await, None);
    let short = super::super::FenceOptions { budget: Duration::from_millis(500), ..long_fence() };
    let fenced = fence(&mut scene.session, NUMBER, &short).await.unwrap();
    let options = SealOptions::default();
    let error = seal(&mut scene.session, &fenced, &options).await.unwrap_err();
    assert!(matches!(error, GuardError::LogNotEmpty { entries: 1, .. }), "{error:?}");
    scene.drain().await;
    let margin =
        "SELECT clock_timestamp() >= until - interval '200 ms' FROM reshard.move WHERE move = 1";
    scene.wait_until(margin).await;
    let error = seal(&mut scene.session, &fenced, &options).await.unwrap_err();
    assert!(matches!(error, GuardError::TooLate { .. }), "{error:?}");
    // Another fence is another: what passed in between need not have been drained.
    let again = fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    let error = seal(&mut scene.session, &fenced, &options).await.unwrap_err();
    assert!(matches!(error, GuardError::TooLate { .. }), "{error:?}");
    seal(&mut scene.session, &again, &options).await.unwrap();
}

#[tokio::test]
async fn r12_the_fence_is_waited_for_at_the_standby() {
    let shard = Shard::start(2).await;
    let standby = shard.connect_to(1).await;
    // One that has not even replayed the arming: the tables are not there.
    standby.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
    let mut scene = Scene::unarmed(shard).await.arm().await;
    let longest = Duration::from_secs(10);
    let first = fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    let short = Duration::from_millis(50);
    assert_eq!(wait_for_fence_at(&standby, &first, short).await.unwrap(), None);
    standby.batch_execute("SELECT pg_wal_replay_resume()").await.unwrap();
    assert!(wait_for_fence_at(&standby, &first, longest).await.unwrap().is_some());
    // One that is not there: of another time.
    let other = super::super::Fence { until: first.until + Duration::from_secs(1), ..first };
    let found = wait_for_fence_at(&standby, &other, short).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn r13_a_promotion_is_another_timeline() {
    let mut shard = Shard::start(2).await;
    let primary = shard.connect().await;
    let before = Identity::read(&primary, GENERATION).await.unwrap();
    assert_eq!(before.compare(&Identity::read(&primary, GENERATION).await.unwrap()), Ok(()));
    let later = Identity { generation: 8, ..before };
    assert_eq!(before.compare(&later), Err(IdentityChange::Generation { expected: 7, found: 8 }));
    shard.chain.stop(0);
    shard.chain.promote(1);
    let promoted = shard.connect_to(1).await;
    let after = Identity::read(&promoted, GENERATION).await.unwrap();
    let change = IdentityChange::Timeline { expected: 1, found: 2 };
    assert_eq!(before.compare(&after), Err(change));
    let other = Identity::read(&Shard::start(1).await.connect().await, GENERATION).await.unwrap();
    assert!(matches!(before.compare(&other), Err(IdentityChange::System { .. })));
}

#[tokio::test]
async fn r14_a_copied_target_is_closed_before_it_takes_writes() {
    let mut scene = Scene::with_servers(2).await;
    let plan = scene.session.lease().plan;
    assert_eq!(refused(&scene).await, None);
    // The source itself is not closed, whatever its setting.
    let error = close_copied_target(&mut scene.session, NUMBER, &scene.admin).await.unwrap_err();
    assert!(matches!(error, GuardError::NotACopy { is_read_only: false, .. }), "{error:?}");
    let sql = "ALTER DATABASE moray SET default_transaction_read_only = on";
    scene.admin.batch_execute(sql).await.unwrap();
    scene.session = scene.shard.session(plan, 1).await;
    let error = close_copied_target(&mut scene.session, NUMBER, &scene.admin).await.unwrap_err();
    assert!(matches!(error, GuardError::NotACopy { is_read_only: true, .. }), "{error:?}");

    scene.shard.chain.set(0, "synchronous_standby_names", "''");
    let replayed = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication";
    scene.wait_until(replayed).await;
    scene.shard.chain.promote(1);
    let database = scene.shard.connect_to(1).await;
    let mut target = super::super::Lease { plan, epoch: 1 }.take(database).await.unwrap();
    for _ in 0..2 {
        close_copied_target(&mut target, NUMBER, &scene.admin).await.unwrap();
    }
    let target = scene.shard.connect_to(1).await;
    target
        .batch_execute("SET default_transaction_read_only = off; SET SESSION AUTHORIZATION moray")
        .await
        .unwrap();
    let error = target.batch_execute(&put(&keys(true).next().unwrap(), "v")).await.unwrap_err();
    assert_eq!(refusal(&error).0, "RS001");
    target.batch_execute(&put(&keys(false).next().unwrap(), "v")).await.unwrap();
    let target = scene.shard.connect_to(1).await;
    let sql = "SELECT count(*) FROM reshard.log";
    assert_eq!(target.value::<i64>("count", sql, &[]).await.unwrap(), 0);
}

#[tokio::test]
async fn r18_differences_of_tables_are_named() {
    let (source, target) = pair().await;
    let none = compare_tables(&source.admin, Some(&target.admin), NUMBER).await.unwrap();
    assert_eq!(none, []);
    let sql = format!(
        "SET ROLE moray; {} INSERT INTO mine (_key, _value, _etag, _vnode) VALUES ('a', '{{}}', 'AAAAAAAA', 1); \
         ALTER TABLE manta ADD size bigint; ALTER TABLE manta_uploads DISABLE TRIGGER reshard_check_row; RESET ROLE",
        bucket("mine")
    );
    source.admin.batch_execute(&sql).await.unwrap();
    let sql = "DROP TABLE manta_uploads; DROP TRIGGER reshard_check_truncate ON manta; \
               ALTER TABLE manta_directory_counts ALTER _value DROP NOT NULL";
    target.admin.batch_execute(sql).await.unwrap();
    let found = compare_tables(&source.admin, Some(&target.admin), NUMBER).await.unwrap();
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "the column size of public.manta at the source is bigint, and was missing when the move was armed",
            "public.mine at the source is sharded and was not when the move was armed",
            "the trigger reshard_check_row of public.manta_uploads at the source is disabled",
            "the bucket \"mine\" at the source was changed since the move was armed (INSERT)",
            "the column _value of public.manta_directory_counts at the target is text, and was text not null when the move was armed",
            "public.manta_uploads is missing at the target",
            "the trigger reshard_check_truncate of public.manta at the target is gone",
            "the trigger reshard_check_row of public.manta_uploads at the target is gone",
            "the trigger reshard_check_truncate of public.manta_uploads at the target is gone",
        ]
    );
    let change =
        TableDifference::Missing { side: Side::Target, table: "public.manta_uploads".into() };
    assert!(found.contains(&change));
}

#[tokio::test]
async fn r19_sequences_go_on_above_both() {
    let (source, mut target) = pair().await;
    source.admin.batch_execute("SELECT setval('manta_serial', 5000)").await.unwrap();
    target.admin.batch_execute("SELECT setval('manta_uploads_serial', 9000)").await.unwrap();
    let done = advance_sequences(&source.admin, &mut target.session, NUMBER, 100).await.unwrap();
    let of = |name: &str| {
        let sequence = format!("\"public\".\"{name}_serial\"");
        done.iter().find(|one| one.sequence == sequence).unwrap().now
    };
    assert_eq!((of("manta"), of("manta_uploads")), (5100, 9100));
    assert!(done.iter().all(|one| one.now == one.was.max(one.source) + 100), "{done:?}");
    let next: i64 = target.value("SELECT nextval('manta_serial')").await;
    assert_eq!(next, 5101);
    // A target that is open meanwhile is never set back.
    target.admin.batch_execute("SELECT setval('manta_serial', 99999)").await.unwrap();
    let again = advance_sequences(&source.admin, &mut target.session, NUMBER, 100).await.unwrap();
    assert!(again.iter().any(|one| one.now == 100_099), "{again:?}");
}

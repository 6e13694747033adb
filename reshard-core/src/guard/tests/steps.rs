//! Checks of the steps of a cutover that can be made of any way to take them: of the right one, and of wrong ones, which they have to
//! catch (rules R8 and R12, and the compare-and-set of the states).

use std::time::Duration;

use super::super::{
    CommitError, GuardError, MoveState, SealOptions, Session, fence, find_sealed, seal, unfence,
};
use super::fixture::keys;
use super::scene::{NUMBER, Scene, long_fence};
use crate::deployment::Database;

/// The finding of a check.
pub(in crate::guard) type Verdict = Result<(), String>;

/// Lets an executor take down a fence whose plan another has taken over since, and has fenced. It must not.
pub(in crate::guard) async fn a_zombie_changes_nothing(
    scene: &mut Scene,
    unfence: impl AsyncFn(&mut Session) -> Result<(), GuardError>,
) -> Verdict {
    let mut successor = scene.successor(2).await;
    fence(&mut successor, NUMBER, &long_fence()).await.unwrap();
    let answer = unfence(&mut scene.session).await;
    let state = scene.state().await;
    if state != "fenced" {
        return Err(format!("a zombie has taken down a fence: the move is {state}"));
    }
    match answer {
        Err(GuardError::LeaseLost { found: Some(2), .. }) => Ok(()),
        answer => Err(format!("a zombie is told {answer:?}")),
    }
}

/// Asks to take down a fence when the move is sealed already. It must not, for the target may be open.
pub(in crate::guard) async fn a_seal_stays(
    scene: &mut Scene,
    unfence: impl AsyncFn(&mut Session) -> Result<(), GuardError>,
) -> Verdict {
    let fence = fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    seal(&mut scene.session, &fence, &SealOptions::default()).await.unwrap();
    let answer = unfence(&mut scene.session).await;
    let state = scene.state().await;
    if state != "sealed" {
        return Err(format!("a seal was broken: the move is {state}"));
    }
    match answer {
        Err(GuardError::State { found: Some(MoveState::Sealed), .. }) => {
            find_sealed(&mut scene.session, NUMBER).await.unwrap();
            Ok(())
        }
        answer => Err(format!("whoever breaks a seal is told {answer:?}")),
    }
}

/// Lets a step commit while the standby is gone, and cancels its wait. The step must not be taken for done.
pub(in crate::guard) async fn an_unconfirmed_commit_is_noticed(
    scene: &mut Scene,
    step: impl AsyncFn(&mut Session) -> Result<(), GuardError>,
) -> Verdict {
    scene.shard.chain.stop(1);
    let admin = scene.shard.connect().await;
    let (answer, ()) = tokio::join!(step(&mut scene.session), cancel_commit(&admin));
    scene.shard.chain.resume(1);
    match answer {
        Err(GuardError::Commit(CommitError::NotReplicated { .. })) => Ok(()),
        answer => Err(format!("the standby does not have it, and the step says {answer:?}")),
    }
}

/// Cancels the wait of a commit for the standby.
pub(in crate::guard) async fn cancel_commit(admin: &Database) {
    let sql =
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while admin.value::<i64>("cancel a commit", sql, &[]).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn r8_an_executor_whose_plan_was_taken_over_changes_nothing() {
    let mut scene = Scene::open().await;
    let unfence = async |session: &mut Session| unfence(session, NUMBER).await;
    a_zombie_changes_nothing(&mut scene, unfence).await.unwrap();
}

#[tokio::test]
async fn r8_a_takeover_waits_for_the_transactions_of_whoever_had_the_lease() {
    let mut scene = Scene::open().await;
    let plan = scene.session.lease().plan;
    let open = scene.session.begin().await.unwrap();
    let takeover = tokio::spawn({
        let database = scene.shard.connect().await;
        async move { super::super::Lease { plan, epoch: 2 }.take(database).await }
    });
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO reshard.lease%' \
                 AND wait_event_type = 'Lock')";
    while !scene.admin.value::<bool>("look", waits, &[]).await.unwrap() {
        assert!(!takeover.is_finished(), "the lease was taken over");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let sql = "UPDATE reshard.move SET captured = captured";
    assert_eq!(open.execute("write", sql, &[]).await.unwrap(), 1);
    open.commit().await.unwrap();
    assert_eq!(takeover.await.unwrap().unwrap().lease().epoch, 2);
    let again = scene.session.begin().await;
    assert!(matches!(again.err(), Some(GuardError::LeaseLost { found: Some(2), .. })));
}

#[tokio::test]
async fn r8_a_fence_is_only_taken_down_while_it_is_one() {
    let mut scene = Scene::open().await;
    unfence(&mut scene.session, NUMBER).await.unwrap();
    let unfence = async |session: &mut Session| unfence(session, NUMBER).await;
    a_seal_stays(&mut scene, unfence).await.unwrap();
}

#[tokio::test]
async fn r12_a_commit_that_the_standby_does_not_confirm_is_not_done() {
    let mut scene = Scene::with_servers(2).await;
    let fenced =
        async |session: &mut Session| fence(session, NUMBER, &long_fence()).await.map(drop);
    an_unconfirmed_commit_is_noticed(&mut scene, fenced).await.unwrap();
    // It is there all the same, refuses writes, and can be taken down or put up again.
    assert_eq!(scene.state().await, "fenced");
    let writer = scene.shard.connect_as_moray().await;
    let key = keys(true).next().unwrap();
    let delete = format!("DELETE FROM manta WHERE _key = '{key}'");
    assert_eq!(writer.batch_execute(&delete).await.unwrap_err().code().unwrap().code(), "RS001");
    fence(&mut scene.session, NUMBER, &long_fence()).await.unwrap();
    unfence(&mut scene.session, NUMBER).await.unwrap();
    writer.batch_execute(&delete).await.unwrap();
}

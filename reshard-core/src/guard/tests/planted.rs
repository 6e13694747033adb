//! Mistakes in the guard, each of which a check has to catch: tests of the tests.

use super::super::fence::UNFENCE_SQL;
use super::super::{GuardError, Session};
use super::fixture::changed;
use super::races::leaks;
use super::scene::{NUMBER, Scene};
use super::steps::{a_seal_stays, a_zombie_changes_nothing, an_unconfirmed_commit_is_noticed};

const GUARD: &str = include_str!("../sql/guard.sql");

/// The part of a text from the beginning of one to the end of another.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let begin = text.find(from).unwrap();
    let length = text[begin..].find(to).unwrap() + to.len();
    &text[begin..begin + length]
}

/// Puts other functions in place of the guard's.
async fn plant(scene: &Scene, guard: &str) {
    let trigger = "CREATE TRIGGER lose_track";
    let guard =
        changed(guard, trigger, &format!("DROP TRIGGER lose_track ON reshard.guard; {trigger}"));
    let guard = changed(&guard, "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION");
    scene.admin.batch_execute(&guard).await.unwrap();
}

/// A guard that sees the state as it was when the statement began.
fn stable() -> String {
    let guard = changed(
        GUARD,
        ") RETURNS void LANGUAGE plpgsql VOLATILE",
        ") RETURNS void LANGUAGE plpgsql STABLE",
    );
    // PostgreSQL lets a function that says so write through others only.
    let log = "(move, bucket, key, vnode) VALUES (the_move, the_bucket, the_key, the_vnode);";
    let mut guard = guard;
    for partition in 0..3 {
        let insert = format!("INSERT INTO reshard.log_{partition} {log}");
        let other = "PERFORM reshard.planted(the_move, the_bucket, the_key, the_vnode);";
        guard = changed(&guard, &insert, other);
    }
    format!(
        "CREATE FUNCTION reshard.planted(integer, text, text, bigint) RETURNS void LANGUAGE sql VOLATILE \
         AS 'INSERT INTO reshard.log_0 (move, bucket, key, vnode) VALUES ($1, $2, $3, $4)'; {guard}"
    )
}

/// A guard that locks and looks in one statement.
fn merged() -> String {
    let lock = "    PERFORM pg_catalog.pg_advisory_xact_lock_shared(1919251304, the_move);\n";
    let guard = changed(GUARD, lock, "");
    let look = "FROM reshard.move CROSS JOIN reshard.guard WHERE move.move = the_move;";
    let both = "FROM reshard.move CROSS JOIN reshard.guard CROSS JOIN \
                (SELECT pg_catalog.pg_advisory_xact_lock_shared(1919251304, the_move)) AS lock \
                WHERE move.move = the_move;";
    changed(&guard, look, both)
}

/// A guard that asks for the isolation when it knows that the vnode moves.
fn isolation_late() -> String {
    let test =
        part(GUARD, "    IF pg_catalog.current_setting('transaction_isolation')", "    END IF;\n");
    let guard = changed(GUARD, test, "");
    let later = "    -- In ascending order, as everybody who locks two of them.\n";
    let condition = "IF (old_move IS NOT NULL OR new_move IS NOT NULL) AND";
    changed(&guard, later, &test.replacen("IF", condition, 1))
}

async fn races_catch(guard: &str, cases: &[&str]) {
    let mut scene = Scene::open().await;
    plant(&scene, guard).await;
    let leaks = leaks(&mut scene).await;
    for case in cases {
        let leak = leaks.iter().find(|leak| leak.case == *case);
        assert_eq!(leak.map(|leak| leak.outcome.as_str()), Some("committed"), "{case}: {leaks:#?}");
    }
}

const WRITES: [&str; 5] = ["UPDATE", "INSERT", "DELETE", "COPY", "UPDATE after SELECT FOR UPDATE"];

#[tokio::test]
async fn r1_planted_a_stable_function_is_caught_by_the_races() {
    races_catch(&stable(), &WRITES).await;
}

#[tokio::test]
async fn r1_planted_lock_and_look_in_one_statement_are_caught_by_the_races() {
    races_catch(&merged(), &WRITES).await;
}

#[tokio::test]
async fn r1_planted_a_late_test_of_the_isolation_is_caught_by_the_races() {
    races_catch(&isolation_late(), &["UPDATE with a snapshot older than the arm"]).await;
}

/// Takes down a fence without a look at the lease, with this SQL.
async fn unfence_with(session: &Session, sql: &str) -> Result<(), GuardError> {
    let (plan, epoch) = (session.lease().plan.to_string(), session.lease().epoch);
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&NUMBER.number(), &plan, &epoch];
    let done = session.database().execute(sql, &parameters).await;
    done.map_err(|source| session.database().error("take down a fence wrongly", source))?;
    Ok(())
}

#[tokio::test]
async fn r8_planted_no_lease_is_caught() {
    let sql = changed(UNFENCE_SQL, "epoch <= $3", "$3::bigint > 0");
    let unfence = async |session: &mut Session| unfence_with(session, &sql).await;
    let verdict = a_zombie_changes_nothing(&mut Scene::open().await, unfence).await;
    assert_eq!(verdict.unwrap_err(), "a zombie has taken down a fence: the move is open");
}

#[tokio::test]
async fn r8_planted_an_unfence_without_compare_and_set_is_caught() {
    let sql = changed(UNFENCE_SQL, " AND state = 'fenced'", "");
    let unfence = async |session: &mut Session| unfence_with(session, &sql).await;
    let verdict = a_seal_stays(&mut Scene::open().await, unfence).await;
    assert_eq!(verdict.unwrap_err(), "a seal was broken: the move is open");
}

#[tokio::test]
async fn r12_planted_a_warning_that_is_ignored_is_caught() {
    let fence = async |session: &mut Session| {
        let sql = "UPDATE reshard.move SET state = 'fenced', until = clock_timestamp() + interval '1 hour'";
        let done = session.database().batch_execute(sql).await;
        done.map_err(|source| session.database().error("fence the move wrongly", source))?;
        Ok(())
    };
    let mut scene = Scene::with_servers(2).await;
    let verdict = an_unconfirmed_commit_is_noticed(&mut scene, fence).await;
    assert_eq!(verdict.unwrap_err(), "the standby does not have it, and the step says Ok(())");
}

//! Every kind of write against a fence that is put up at the same time (rules R1, R17 and R21).

use std::time::Duration;

use futures_util::SinkExt as _;

use super::super::fence::fence_within;
use super::super::{ArmOptions, MoveNumber, arm, unfence};
use super::fixture::{VNODES, keys, put, vnode};
use super::scene::{GENERATION, NUMBER, Scene, long_fence, refusal, somebody_waits};
use crate::VnodeSet;
use crate::deployment::Database;

/// A write of a moving vnode.
struct Case {
    name: &'static str,
    /// Statements of its transaction before the fence.
    before: Vec<String>,
    write: Write,
    /// The code with which it is to be refused.
    expected: &'static str,
}

enum Write {
    Sql(String),
    /// Rows in the text format of COPY.
    Copy(String),
}

/// A write that was not refused as it should have been.
#[derive(Debug)]
pub(in crate::guard) struct Leak {
    /// The kind of write.
    pub(in crate::guard) case: &'static str,
    /// `committed`, or the error that it ended with.
    pub(in crate::guard) outcome: String,
}

fn case(name: &'static str, write: impl Into<String>) -> Case {
    let before = vec!["BEGIN".to_owned()];
    Case { name, before, write: Write::Sql(write.into()), expected: "RS001" }
}

fn after(before: &str, case: Case) -> Case {
    Case { before: vec![before.to_owned()], ..case }
}

/// Each kind of write. The rows of `keys` are there.
fn cases() -> Vec<Case> {
    let moving: Vec<String> = keys(true).take(3).collect();
    let other: Vec<String> = keys(false).take(2).collect();
    let new = keys(true).nth(super::scene::ROWS + 1).unwrap();
    let (row, new_vnode) = (format!("_key = '{}'", moving[0]), vnode(&new));
    let update = format!("UPDATE manta SET _value = 'w' WHERE {row}");
    let other_row = format!("_key = '{}'", other[0]);
    let insert = format!(
        "INSERT INTO manta (_key, _value, _etag, _vnode) VALUES ('{new}', 'w', 'AAAAAAAA', {new_vnode})"
    );
    let without = insert.replace(&format!(", {new_vnode})"), ", NULL)");
    let both = format!("_key IN ('{}', '{}', '{}')", other[0], moving[0], moving[1]);
    let isolated = |level: &str| Case {
        expected: "RS002",
        ..after(
            &format!("BEGIN ISOLATION LEVEL {level}; SELECT 1 FROM manta LIMIT 1"),
            case("", &update),
        )
    };
    vec![
        case("UPDATE", &update),
        case("INSERT", &insert),
        case("DELETE", format!("DELETE FROM manta WHERE {row}")),
        case("INSERT … ON CONFLICT DO UPDATE", put(&moving[0], "w")),
        case(
            "INSERT … SELECT",
            format!(
                "INSERT INTO manta (_key, _value, _etag, _vnode) SELECT '{new}', _value, _etag, {new_vnode} FROM manta WHERE {row}"
            ),
        ),
        case("several rows", format!("UPDATE manta SET _value = 'w' WHERE {both}")),
        case("several rows deleted", format!("DELETE FROM manta WHERE {both}")),
        case("every row", "UPDATE manta SET _value = 'w'"),
        case("CTE", format!("WITH done AS ({update} RETURNING _key) SELECT * FROM done")),
        case(
            "batch",
            format!("UPDATE manta SET _value = 'w' WHERE {other_row}; {update}; {insert}"),
        ),
        case("DO", format!("DO $$ BEGIN {update}; END $$")),
        case(
            "_vnode to another that stays",
            format!("UPDATE manta SET _vnode = _vnode + 1 WHERE {row}"),
        ),
        case("_vnode to one that moves", format!("UPDATE manta SET _vnode = 1 WHERE {other_row}")),
        case("_vnode to NULL", format!("UPDATE manta SET _vnode = NULL WHERE {row}")),
        case("INSERT without _vnode", &without),
        case("key changed", format!("UPDATE manta SET _key = '{}x' WHERE {row}", moving[0])),
        case(
            "key changed to one that moves, without _vnode",
            format!("UPDATE manta SET _key = '{new}', _vnode = NULL WHERE {other_row}"),
        ),
        after(
            &format!("BEGIN; SELECT * FROM manta WHERE {row} FOR UPDATE"),
            case("UPDATE after SELECT FOR UPDATE", &update),
        ),
        after(
            &format!("BEGIN; UPDATE manta SET _value = 'w' WHERE {other_row}"),
            case("UPDATE after one of another row", &update),
        ),
        after(
            "BEGIN; SAVEPOINT one; SELECT 1 FROM manta LIMIT 1; SAVEPOINT two",
            case("UPDATE in a savepoint", &update),
        ),
        after(
            &format!(
                "BEGIN; DECLARE c CURSOR FOR SELECT * FROM manta WHERE {row} FOR UPDATE; FETCH c"
            ),
            case("UPDATE WHERE CURRENT OF", "UPDATE manta SET _value = 'w' WHERE CURRENT OF c"),
        ),
        Case {
            // Often enough for the guard's own statements to have generic plans.
            before: vec![
                format!("DO $$ BEGIN FOR i IN 1..8 LOOP {update}; END LOOP; END $$"),
                format!("PREPARE again AS {update}"),
                "BEGIN".to_owned(),
            ],
            ..case("prepared UPDATE", "EXECUTE again")
        },
        Case {
            write: Write::Copy(format!("{new}\tw\tAAAAAAAA\t{new_vnode}\n")),
            ..case("COPY", "")
        },
        Case { name: "UPDATE in REPEATABLE READ", ..isolated("REPEATABLE READ") },
        Case { name: "UPDATE in SERIALIZABLE", ..isolated("SERIALIZABLE") },
    ]
}

/// Lets each kind of write begin while a fence is put up, and lists those that were not refused.
pub(in crate::guard) async fn leaks(scene: &mut Scene) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for case in cases() {
        leaks.extend(race(scene, &case).await);
    }
    leaks.extend(race_with_old_snapshot(scene).await);
    leaks
}

async fn race(scene: &mut Scene, case: &Case) -> Option<Leak> {
    let writer = scene.shard.connect_as_moray().await;
    for sql in &case.before {
        writer.batch_execute(sql).await.unwrap();
    }
    let transaction = scene.session.begin().await.unwrap();
    fence_within(&transaction, NUMBER, &long_fence()).await.unwrap();
    let done = {
        let write = write(&writer, &case.write);
        tokio::pin!(write);
        // Either it waits for the lock that the fence holds, or it does not ask for it.
        let early = tokio::select! {
            done = &mut write => Some(done),
            () = wait_for_waiter(&scene.admin) => None,
        };
        transaction.commit().await.unwrap();
        match early {
            Some(done) => done,
            None => write.await,
        }
    };
    drop(writer);
    unfence(&mut scene.session, NUMBER).await.unwrap();
    judge(case.name, case.expected, done)
}

async fn wait_for_waiter(admin: &Database) {
    while !admin.value::<bool>("look", &somebody_waits(), &[]).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn write(writer: &Database, write: &Write) -> Result<(), tokio_postgres::Error> {
    match write {
        Write::Sql(sql) => writer.batch_execute(sql).await?,
        Write::Copy(rows) => {
            let sink =
                writer.copy_in("COPY manta (_key, _value, _etag, _vnode) FROM STDIN").await?;
            tokio::pin!(sink);
            sink.send(bytes::Bytes::from(rows.clone())).await?;
            sink.finish().await?;
        }
    }
    // Undone all the same, so that the next finds the same rows: what was not refused here is as good as committed.
    writer.batch_execute("ROLLBACK").await
}

fn judge(
    case: &'static str,
    expected: &str,
    done: Result<(), tokio_postgres::Error>,
) -> Option<Leak> {
    let outcome = match done {
        Ok(()) => "committed".to_owned(),
        Err(error) => {
            let (code, message) = refusal(&error);
            if code == expected && message.starts_with(expected) {
                return None;
            }
            format!("{code}: {message}")
        }
    };
    Some(Leak { case, outcome })
}

/// A transaction whose snapshot is older than the arm of another move, and which that need not wait for, writes past its fence
/// unless it is refused before anything is looked up.
async fn race_with_old_snapshot(scene: &mut Scene) -> Option<Leak> {
    let second = MoveNumber::new(2);
    let set: VnodeSet = (0..VNODES).filter(|it| it % 4 == 2).map(fash::Vnode::new).collect();
    let key = keys(false).find(|key| vnode(key) % 4 == 2).unwrap();
    scene.admin.batch_execute(&put(&key, "first")).await.unwrap();
    let writer = scene.shard.connect_as_moray().await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM manta";
    writer.batch_execute(begin).await.unwrap();
    arm(&mut scene.session, second, &set, GENERATION, &ArmOptions::default()).await.unwrap();
    super::super::fence(&mut scene.session, second, &long_fence()).await.unwrap();
    let update = format!("UPDATE manta SET _value = 'w' WHERE _key = '{key}'");
    let done = write(&writer, &Write::Sql(update)).await;
    drop(writer);
    scene.admin.batch_execute("DELETE FROM reshard.move WHERE move = 2").await.unwrap();
    judge("UPDATE with a snapshot older than the arm", "RS002", done)
}

#[tokio::test]
async fn r1_every_kind_of_write_loses_against_a_fence() {
    let mut scene = Scene::open().await;
    let leaks = leaks(&mut scene).await;
    assert!(leaks.is_empty(), "{leaks:#?}");
}

//! Rows that nobody may delete: of tables that are no buckets, without the time of their last change, and written where the
//! sweep has been.

use reshard_core::{Executor, Journal, Outcome, Selection};

use super::super::started::{Region, half, small};

/// The tables that operators and tools leave in a database.
const LOOKALIKES: [&str; 3] = [
    "CREATE TABLE manta_before_upgrade AS SELECT * FROM manta",
    "CREATE SCHEMA repack; CREATE TABLE repack.table_16397 AS SELECT * FROM manta LIMIT 500",
    "CREATE UNLOGGED TABLE scratch AS SELECT * FROM manta; CREATE TABLE numbered (_key int, _vnode bigint); \
     INSERT INTO numbered VALUES (1, 1), (NULL, NULL)",
];
const COUNTS: &str = "SELECT count(*) FROM manta_before_upgrade UNION ALL SELECT count(*) FROM repack.table_16397 \
                      UNION ALL SELECT count(*) FROM scratch UNION ALL SELECT count(*) FROM numbered";

/// A bucket that somebody creates. Its keys are hashed as they are, so some of its rows belong to the new shard.
fn bucket(name: &str) -> String {
    format!(
        "CREATE TABLE {name} (LIKE manta INCLUDING DEFAULTS); INSERT INTO {name} SELECT * FROM manta LIMIT 200; \
         INSERT INTO buckets_config (name, index, pre, post) VALUES ('{name}', '{{}}', '[]', '[]')"
    )
}

fn drop_bucket(name: &str) -> String {
    format!("DROP TABLE {name}; DELETE FROM buckets_config WHERE name = '{name}'")
}

/// Runs the plan until it holds in this phase, and says so.
async fn held(executor: &Executor, phase: &str, words: &str) {
    let ended = executor.run().await.unwrap();
    let Outcome::Held { phase: held, what, remedy } = &ended else { panic!("{words}: {ended:?}") };
    assert!(held == phase && what.contains(words) && !remedy.is_empty(), "{words}: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nobody_may_delete() {
    let region = Region::start(small(), 100.0).await;
    let request = half(&region).with_selection(Selection::Rows);
    let source = request.source.clone();
    for sql in LOOKALIKES {
        region.psql(&source, sql).await;
    }
    let counts = region.psql(&source, COUNTS).await;
    let mut count = region.reshard(&["rows", "count", source.as_str()]);
    let output = count.current_dir(region.file(".")).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("public.manta_before_upgrade (not"), "{text}");

    let store = region.plan("rows.plan", request).await;
    let plan = store.plan().await.unwrap();
    let measured = plan.inventory.measurement.as_ref().unwrap();
    assert_eq!(measured.tables.len(), 3, "{:?}", plan.risks);
    let [target] = plan.targets() else { panic!("one target") };
    // The load does not change what was there before it.
    let vnodes: Vec<String> =
        target.vnodes.iter().map(|vnode| vnode.number().to_string()).collect();
    let sql = format!(
        "SELECT _key FROM manta WHERE type = 'object' AND _vnode IN ({}) ORDER BY _id LIMIT 1",
        vnodes.join(", ")
    );
    let key = region.psql(&source, &sql).await;

    // What the plan does not name it does not move: a new bucket is drift.
    let executor = region.executor(&store).await;
    region.psql(&source, &bucket("early")).await;
    held(&executor, "preflight", "the table public.early: was not there").await;
    region.psql(&source, &drop_bucket("early")).await;
    let ghosts = Some("delete-ghosts".to_owned());
    store.update_controls(&mut |controls| controls.pause_before.clone_from(&ghosts)).await.unwrap();
    let paused = Outcome::Paused { phase: "delete-ghosts".to_owned() };
    assert_eq!(executor.run().await.unwrap(), paused);

    // Afterwards the operator is told of one, and it is left alone; so is a copy that is on one side only.
    region.psql(&source, &bucket("late")).await;
    region.psql(&source, "CREATE TABLE manta_before_cleanup AS SELECT * FROM manta").await;
    let before_cleanup = "SELECT count(*) FROM manta_before_cleanup";
    let copied = region.psql(&source, before_cleanup).await;
    let newer = format!(
        "UPDATE manta SET _value = '{{\"newer\":1}}', _etag = 'DEADBEEF', _mtime = NULL WHERE _key = '{key}'"
    );
    region.psql(&source, &newer).await;
    let upload = format!("x:{key}");
    let sql = format!(
        "INSERT INTO manta_uploads (_key, _value, _etag) VALUES ('{upload}', '{{}}', 'AAAAAAAA')"
    );
    region.psql(&source, &sql).await;
    held(&executor, "delete-ghosts", "public.late, which the plan does not name").await;
    held(&executor, "delete-ghosts", "etag DEADBEEF, written at an unknown time").await;
    let newer = "DELETE FROM manta WHERE _etag = 'DEADBEEF'";
    assert_eq!(region.psql(&source, newer).await, "DELETE 1", "it is still there");

    // While the plan is held at a later table, somebody writes to one that was swept.
    held(&executor, "delete-ghosts", &upload).await;
    let directory = key.rsplit_once('/').unwrap().0;
    let straggler = format!("{directory}/straggler");
    let sql = format!(
        "INSERT INTO manta (_key, _value, _etag, dirname) VALUES ('{straggler}', '{{}}', 'BBBBBBBB', '{directory}')"
    );
    region.psql(&source, &sql).await;
    region.psql(&source, &format!("DELETE FROM manta_uploads WHERE _key = '{upload}'")).await;
    held(&executor, "delete-ghosts", &straggler).await;
    region.psql(&source, &format!("DELETE FROM manta WHERE _key = '{straggler}'")).await;
    assert_eq!(executor.run().await.unwrap(), Outcome::Done);

    assert_eq!(region.psql(&source, COUNTS).await, counts);
    assert_eq!(region.psql(&source, before_cleanup).await, copied);
    assert_eq!(region.psql(&source, "SELECT count(*) FROM late").await, "200");
    region.psql(&source, &drop_bucket("late")).await;
    let file = region.file("rows.plan");
    region.output(&["rows", "verify", "--primary", file.to_str().unwrap()]).await;
    region.end_without_ghosts().await;
}

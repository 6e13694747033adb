//! Obstacles to a write block are found before it, and what was on its way before it is waited for in it.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use lab::Role;
use lab::control::ExecRequest;
use manatee_client::ShardName;
use reshard_core::preflight::{Report, Stage, Subject, Verdict, check};
use reshard_core::shards::SplitPoint;
use reshard_core::{Executor, Journal, Outcome, SqliteJournal, SystemClock};
use sapi_client::Attributes;
use sapi_client::manta::MantaApplication;
use sapi_client::sapi::{Change, ServiceFilter};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;
use uuid::Uuid;

use super::super::started::{Region, half, small};

/// A psql with the source's primary, which does what it is told line by line.
struct Psql(Child);

impl Psql {
    async fn begin(region: &Region, shard: &ShardName, sql: &str) -> Self {
        let mut command = region.reshard(&["lab", "psql", shard.as_str(), "--", "-XAtq"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut psql = Self(command.spawn().unwrap());
        psql.tell(sql).await;
        psql
    }

    async fn tell(&mut self, sql: &str) {
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(format!("{sql}\n").as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Waits for its end, after what it was told.
    async fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_of_a_write_block_is_found_before_it_and_stragglers_are_waited_for() {
    let region = Region::start(small(), 200.0).await;
    doctor_finds_what_would_fail_later(&region).await;
    let store = region.plan("split.plan", half(&region)).await;
    let executor = region.executor(&store).await;
    an_old_transaction_holds_the_plan_before_the_block(&region, &store, &executor).await;
    requests_that_moray_had_before_the_block_are_part_of_the_split(&region, &store, &executor)
        .await;
    assert_eq!(executor.abort().await.unwrap(), Outcome::Aborted);
    region.end().await;
}

/// The verdicts of these checks.
fn verdicts<'a>(report: &'a Report, names: &[&str]) -> Vec<(&'a str, Verdict)> {
    let checks = report.checks.iter().filter(|check| names.contains(&check.name.as_str()));
    checks.map(|check| (check.name.as_str(), check.verdict)).collect()
}

/// Everything at once, in a region in which nothing else is wrong: each is found by its own check, with a line that mends it.
async fn doctor_finds_what_would_fail_later(region: &Region) {
    use Verdict::{Failed, Ok as Well, Warning};
    let deployment = region.deployment().await;
    let source = half(region).source;
    let cache = region.file("");
    let doctor = async |stage: Stage| {
        let subject = Subject { stage, ..Subject::shard(source.clone()) };
        check(&deployment, &subject, &cache, &SystemClock).await
    };
    let transaction = Psql::begin(region, &source, "BEGIN; SELECT 1;").await;
    let sapi = deployment.sapi().unwrap();
    let manta = sapi.find_manta().await.unwrap();
    let routers = region.lab.layout().zones_of(Role::ElectricMoray).next().unwrap().uuid;
    let filter = ServiceFilter {
        name: Some("electric-moray".to_owned()),
        application_uuid: Some(manta.uuid()),
        ..ServiceFilter::default()
    };
    let service = sapi.list_services(&filter).await.unwrap().remove(0).uuid;

    let list = manta.index_shards().unwrap().to_value();
    let overriding = Attributes::new().with("INDEX_MORAY_SHARDS", list);
    let change = Change::update().metadata(overriding.clone());
    sapi.change_service(service, &change).await.unwrap();
    let image = manta.hash_ring_image().unwrap();
    let shouted = Attributes::new().with("HASH_RING_IMAGE", image.to_string().to_uppercase());
    sapi.change_application(manta.uuid(), Change::update().metadata(shouted)).await.unwrap();
    let script = "mkdir -m 1777 /var/reshard && : >/var/reshard/rings.lock && svcadm disable -s config-agent";
    run(region, routers, script).await;
    let is_old = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' \
                  AND now() - xact_start > interval '6 s' AND application_name = 'psql'";
    region
        .until("an old transaction", async || {
            (region.psql(&source, is_old).await == "1").then_some(())
        })
        .await;

    let names = [
        "open-transactions",
        "prepared-transactions",
        "guard",
        "connections",
        "sapi-overrides",
        "ring",
        "routers-config-agent",
        "routers-lock",
        "moray-requests",
    ];
    let_rows_get_past_a_guard(region, &source, true).await;
    let report = doctor(Stage::Before).await;
    assert_eq!(
        verdicts(&report, &names),
        [
            ("open-transactions", Warning),
            ("prepared-transactions", Well),
            ("guard", Failed),
            ("connections", Well),
            ("sapi-overrides", Failed),
            ("ring", Failed),
            ("routers-config-agent", Failed),
            ("routers-lock", Failed),
            ("moray-requests", Well),
        ],
        "{report:#?}"
    );
    // About to block writes, nothing of it is passed over.
    let report = doctor(Stage::Prepared { zones: BTreeSet::new() }).await;
    assert_eq!(verdicts(&report, &names)[0], ("open-transactions", Failed), "{report:#?}");
    let remedy = |name: &str| {
        let check = report.checks.iter().find(|check| check.name == name).unwrap();
        check.remedy.to_string().split('`').nth(1).unwrap_or_default().to_owned()
    };
    let line = remedy("sapi-overrides");
    assert!(line.starts_with(&format!("sdc-sapi /services/{service} -X PUT -d '{{")), "{line}");
    let found = report.checks.iter().find(|check| check.name == "guard").unwrap();
    let place = format!("for the role \"backfill\" at the primary of {source}");
    assert!(found.found.contains(&place) && found.found.contains("\"mine\""), "{found:?}");
    assert_eq!(remedy("guard"), "ALTER ROLE \"backfill\" RESET session_replication_role");
    assert_eq!(remedy("routers-lock"), format!("zlogin {routers} rm -rf /var/reshard"));
    // The remedies themselves mend it.
    sh(&remedy("open-transactions")).await;
    region.psql(&source, &remedy("guard")).await;
    let_rows_get_past_a_guard(region, &source, false).await;
    transaction.end().await;
    run(region, routers, "rm -rf /var/reshard; svcadm enable -s config-agent").await;
    let change = Change::delete().metadata(overriding);
    sapi.change_service(service, &change).await.unwrap();
    let change = MantaApplication::set_hash_ring_image(image);
    sapi.change_application(manta.uuid(), change).await.unwrap();
    let report = doctor(Stage::Before).await;
    let all_well = verdicts(&report, &names).iter().all(|(_, verdict)| *verdict == Well);
    assert!(all_well, "{report:#?}");

    // An empty lock of ours is nobody's: the next command takes it.
    run(region, routers, "mkdir -m 0700 /var/reshard && : >/var/reshard/rings.lock").await;
    assert_eq!(
        verdicts(&doctor(Stage::Before).await, &["routers-lock"]),
        [("routers-lock", Warning)]
    );
}

/// Has somebody's role and a subscription write past triggers, or takes both away.
async fn let_rows_get_past_a_guard(region: &Region, source: &ShardName, cause: bool) {
    let all = if cause {
        "CREATE ROLE backfill; ALTER ROLE backfill SET session_replication_role = replica; \
         CREATE SUBSCRIPTION mine CONNECTION 'host=nowhere' PUBLICATION theirs WITH (connect = false)"
    } else {
        "ALTER SUBSCRIPTION mine SET (slot_name = NONE); DROP SUBSCRIPTION mine; DROP ROLE backfill"
    };
    for sql in all.split(';') {
        region.psql(source, sql).await;
    }
}

async fn run(region: &Region, zone: Uuid, script: &str) {
    let request = ExecRequest { stdin: script.to_owned(), ..ExecRequest::default() };
    let answer = region.control.exec(zone, &request).await.unwrap();
    assert_eq!(answer.exit_code, 0, "{script}: {answer:?}");
}

async fn sh(line: &str) {
    let status = tokio::process::Command::new("sh").args(["-c", line]).status().await.unwrap();
    assert!(status.success(), "{line}");
}

async fn pause_before_the_block(store: &SqliteJournal) {
    let wish = Some("block-writes".to_owned());
    store.update_controls(&mut |controls| controls.pause_before.clone_from(&wish)).await.unwrap();
}

/// Also where the plan had looked before it paused: the transaction came afterwards.
async fn an_old_transaction_holds_the_plan_before_the_block(
    region: &Region,
    store: &Arc<SqliteJournal>,
    executor: &Executor,
) {
    let source = half(region).source;
    pause_before_the_block(store).await;
    let paused = Outcome::Paused { phase: "block-writes".to_owned() };
    assert_eq!(executor.run().await.unwrap(), paused);
    let transaction = Psql::begin(region, &source, "BEGIN; SELECT pg_sleep(6);").await;
    let is_old = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psql' \
                  AND now() - xact_start > interval '5.5 s'";
    region
        .until("an old transaction", async || {
            (region.psql(&source, is_old).await == "1").then_some(())
        })
        .await;
    // It holds soon.
    store.update_controls(&mut |controls| controls.tuning.wait_seconds = 3).await.unwrap();
    let ended = executor.run().await.unwrap();
    let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
    assert_eq!(phase, "recheck");
    assert!(what.contains("old transactions at the source to end: process "), "{what}");
    assert!(store.fact("write-block").await.unwrap().is_none(), "writes were refused");
    sh(remedy.to_string().split('`').nth(1).unwrap()).await;
    transaction.end().await;
    pause_before_the_block(store).await;
    assert_eq!(executor.run().await.unwrap(), paused);
}

/// Two locks: under the first, requests queue in Moray while the routers change; the second lets the transactions end that were
/// open by then, and keeps those back that begin after them.
async fn requests_that_moray_had_before_the_block_are_part_of_the_split(
    region: &Region,
    store: &Arc<SqliteJournal>,
    executor: &Executor,
) {
    const LOCK: &str = "BEGIN; LOCK TABLE manta IN SHARE ROW EXCLUSIVE MODE;";
    let source = half(region).source;
    let mut first = Psql::begin(region, &source, LOCK).await;
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 'manta'::regclass \
                  AND mode = 'ShareRowExclusiveLock' AND granted";
    region
        .until("the lock", async || (region.psql(&source, locked).await == "1").then_some(()))
        .await;
    let ended = executor.step("block-writes").await.unwrap();
    assert!(matches!(ended, Outcome::Paused { .. }), "{ended:?}");
    let second = async {
        let mut second = Psql::begin(region, &source, LOCK).await;
        let waits = locked.replace(" AND granted", " AND NOT granted");
        region
            .until("the second", async || (region.psql(&source, &waits).await == "1").then_some(()))
            .await;
        first.tell("COMMIT;").await;
        first.end().await;
        region
            .until("the lock", async || (region.psql(&source, locked).await == "1").then_some(()))
            .await;
        second.tell("SELECT pg_sleep(2); COMMIT;").await;
        second.end().await;
    };
    let (ended, ()) = tokio::join!(executor.step("drain"), second);
    let ended = ended.unwrap();
    assert!(matches!(ended, Outcome::Paused { .. }), "{ended:?}");
    // All that Moray had is over, one way or the other.
    tokio::time::timeout(Duration::from_mins(1), async {
        while pending(region).await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();

    let point: SplitPoint =
        serde_json::from_value(store.fact("split-point").await.unwrap().unwrap()).unwrap();
    let moving: Vec<String> = store.plan().await.unwrap().targets()[0]
        .vnodes
        .iter()
        .map(|vnode| vnode.number().to_string())
        .collect();
    let late = format!(
        "SELECT count(*) FROM manta WHERE _vnode IN ({}) \
         AND NOT txid_visible_in_snapshot(xmin::text::bigint, '{}')",
        moving.join(", "),
        point.snapshot
    );
    assert_eq!(
        region.psql(&source, &late).await,
        "0",
        "rows were committed behind the split point"
    );
}

/// The number of writes that the source's Moray is at.
async fn pending(region: &Region) -> usize {
    let mut morays = region.lab.layout().zones_of(Role::Moray);
    let moray = morays.find(|zone| zone.shard == Some(2)).unwrap();
    let url = format!("http://{}:3020/kang/snapshot", moray.address);
    let output = tokio::process::Command::new("curl").args(["-sf", &url]).output().await.unwrap();
    let snapshot: Value = serde_json::from_slice(&output.stdout).unwrap();
    let requests = snapshot["fastrequest"].as_object().unwrap().values();
    requests.filter(|request| request["rpcmethod"] != "getObject").count()
}

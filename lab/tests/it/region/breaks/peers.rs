//! Peers of a shard: killed, hanging, lagging, with a full disk, without power.

use std::process::Command;

use lab::Fault;
use lab::control::{ExecResponse, ZoneState, ZoneStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::started::{Region, psql};
use super::super::{curl, eventually};
use super::{cause, heal, status};

/// The state that a peer's sitter tells of itself, by curl. Null where none answers.
pub(super) fn state_at(zone: &ZoneStatus) -> Value {
    let url = format!("http://{}:5433/state", zone.spec.address);
    let shown = Command::new("curl").args(["-s", "--max-time", "2", &url]).output().unwrap();
    serde_json::from_slice(&shown.stdout).unwrap_or_default()
}

/// The cluster state, as the first zone has it that knows one.
pub(super) fn state(region: &Region) -> Value {
    let peers = region.lab.zones().into_iter().filter(|zone| zone.spec.role == lab::Role::Postgres);
    let shown = peers.filter(|zone| zone.state == ZoneState::Running).map(|zone| state_at(&zone));
    shown.map(|shown| shown["zkstate"].clone()).find(Value::is_object).unwrap()
}

/// The zone at a place of the cluster state.
pub(super) fn at(region: &Region, place: &str) -> ZoneStatus {
    let state = state(region);
    let uuid: Uuid = state.pointer(place).unwrap()["zoneId"].as_str().unwrap().parse().unwrap();
    region.lab.zones().into_iter().find(|zone| zone.spec.uuid == uuid).unwrap()
}

pub(super) fn generation(region: &Region) -> u64 {
    state(region)["generation"].as_u64().unwrap()
}

async fn verified(region: &Region) -> Option<ExecResponse> {
    let primary = at(region, "/primary").spec.uuid;
    Some(region.script(primary, "manatee-adm verify -v").await).filter(|done| done.exit_code == 0)
}

/// Waits until every peer streams to the next, and none is deposed.
pub(super) async fn whole(region: &Region) {
    eventually("three peers stream", async || {
        state(region)["async"][0].is_object() && verified(region).await.is_some()
    })
    .await;
}

/// Tells whether the primary takes a write: what psql says if not.
fn written(region: &Region, sql: &str) -> Result<(), String> {
    let primary = at(region, "/primary").spec.address.to_string();
    let output = Command::new("timeout")
        .args(["5", "psql", "-h", &primary, "-U", "postgres", "-d", "moray", "-XAtc", sql])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(complaint)
}

pub(super) async fn writes_go_on(region: &Region) {
    let sql = "create table if not exists written (id int); insert into written values (1)";
    eventually("the primary takes writes", async || written(region, sql).is_ok()).await;
}

pub(super) async fn an_async_dies_and_comes_back(region: &Region) {
    let peer = at(region, "/async/0");
    let before = generation(region);
    let killed = cause(region, Fault::Kill { zone: peer.spec.uuid }).await;
    assert_eq!(status(&[&format!("http://{}:5433/state", peer.spec.address)]), "000");
    eventually("the async is missed", async || state(region)["async"] == json!([])).await;
    writes_go_on(region).await;
    let again = region.control.cause(&Fault::Kill { zone: peer.spec.uuid }).await.unwrap_err();
    assert!(again.to_string().contains("broken already"), "{again}");
    heal(region, killed).await;
    whole(region).await;
    assert_eq!(generation(region), before);
    let seen = "select count(*) > 0 from written";
    let address = peer.spec.address.to_string();
    eventually("the async has the write", async || psql(&address, seen) == "t").await;
}

/// The position that has arrived at the async, and the one that it has replayed, as its upstream tells.
async fn flushed_and_replayed(region: &Region) -> (String, String) {
    let zone = at(region, "/primary").spec.uuid;
    let table = region.output(zone, "manatee-adm pg-status -H -o role,pg-flush,pg-replay").await;
    let row = table.lines().find(|line| line.starts_with("sync")).unwrap();
    let columns: Vec<&str> = row.split_whitespace().collect();
    (columns[1].to_owned(), columns[2].to_owned())
}

pub(super) async fn a_lag_is_seen(region: &Region) {
    let peer = at(region, "/async/0");
    let lag = cause(region, Fault::Lag { zone: peer.spec.uuid }).await;
    writes_go_on(region).await;
    eventually("the async falls behind", async || {
        let (flushed, replayed) = flushed_and_replayed(region).await;
        flushed != "-" && flushed != replayed
    })
    .await;
    heal(region, lag).await;
    eventually("the async has caught up", async || {
        let (flushed, replayed) = flushed_and_replayed(region).await;
        flushed != "-" && flushed == replayed
    })
    .await;
}

pub(super) async fn a_full_disk_refuses_writes(region: &Region) {
    let (peer, before) = (at(region, "/primary"), generation(region));
    let full = cause(region, Fault::DiskFull { zone: peer.spec.uuid }).await;
    let refused = written(region, "create table much as select generate_series(1, 10000)");
    let words = refused.unwrap_err();
    assert!(words.contains("File too large"), "{words}");
    heal(region, full).await;
    writes_go_on(region).await;
    whole(region).await;
    let after = at(region, "/primary").spec.uuid;
    assert_eq!((generation(region), after), (before, peer.spec.uuid), "nobody took over");
}

pub(super) async fn a_compute_node_loses_its_power(region: &Region) {
    let server = at(region, "/async/0").spec.server;
    let here = || region.lab.zones().into_iter().filter(|zone| zone.spec.server == server);
    let dark = cause(region, Fault::Power { server }).await;
    assert!(here().all(|zone| zone.state == ZoneState::Stopped));
    let url = region.url("cnapi", &format!("/servers/{server}"));
    assert_eq!(curl(&[&url])["status"], json!("unknown"));
    let execute = format!("{url}/execute");
    let body = r#"{"script":"true","json":true}"#;
    let post = ["-X", "POST", "-H", "content-type: application/json", "-d", body, &execute];
    assert_eq!(status(&post), "409");
    eventually("the async is missed", async || state(region)["async"] == json!([])).await;
    heal(region, dark).await;
    assert!(here().count() > 0 && here().all(|zone| zone.state == ZoneState::Running));
    assert_eq!(
        (curl(&[&url])["status"].as_str(), status(&post).as_str()),
        (Some("running"), "200")
    );
    whole(region).await;
}

/// Brings a deposed peer back, and looks at what its restore tells.
pub(super) async fn rebuilt(region: &Region, peer: &ZoneStatus) {
    eventually("the old primary is deposed", async || state_at(peer)["role"] == json!("deposed"))
        .await;
    eventually("its PostgreSQL is down", async || {
        let ready = ["-h", &peer.spec.address.to_string(), "-t", "1"].map(ToOwned::to_owned);
        !Command::new("pg_isready").args(ready).output().unwrap().status.success()
    })
    .await;
    let done = region.script(peer.spec.uuid, "manatee-adm rebuild -y").await;
    assert_eq!(done.exit_code, 0, "{done:?}");
    whole(region).await;
    let restore = curl(&[&format!("http://{}:5433/restore", peer.spec.address)]);
    let (done, host) = (&restore["restore"]["done"], &restore["restore"]["host"]);
    assert!(*done == json!(true) && host.is_string(), "{restore}");
    assert_eq!(state(region)["deposed"], json!([]));
}

pub(super) async fn a_partitioned_primary_is_deposed_and_rebuilt(region: &Region) {
    let (old, sync, before) = (at(region, "/primary"), at(region, "/sync"), generation(region));
    let apart = cause(region, Fault::Freeze { zone: old.spec.uuid }).await;
    assert_eq!(status(&[&format!("http://{}:5433/state", old.spec.address)]), "000");
    eventually("the sync takes over", async || {
        let state = &state_at(&sync)["zkstate"];
        state["generation"] == json!(before + 1)
            && state["primary"]["zoneId"] == json!(sync.spec.uuid)
            && state["deposed"][0]["zoneId"] == json!(old.spec.uuid)
    })
    .await;
    heal(region, apart).await;
    writes_go_on(region).await;
    rebuilt(region, &old).await;
    assert_eq!(generation(region), before + 1);
}

//! Plans that are rolled back: the region is as it was.

use std::collections::BTreeMap;
use std::process::Command;

use reshard_core::{Mode, Outcome, Request, Sequence, gather};
use serde_json::{Value, json};

use super::started::{Hasty, Region, guarded, half, small};

/// After each phase up to which there is a way back, in a plan of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_abort_after_every_phase_leaves_everything_as_it_was() {
    abort_after_every_phase(half).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_after_every_phase_of_the_guarded_mode_leaves_everything_as_it_was() {
    abort_after_every_phase(guarded).await;
}

/// Tells whether no other abort shows the same. Of the mode that refuses writes all phases that have something to undo, of the other
/// those that only it has, or has elsewhere.
fn is_of_interest(list: &Sequence, name: &str) -> bool {
    let shared = Mode::Rfd103.sequence().unwrap();
    let is_own = shared.get(name).is_none() || ["split-shard", "list-shard"].contains(&name);
    // Where nothing is to be undone, rolling back the phase after it shows the same.
    let has_undo = !list.get(name).unwrap().about().undo.starts_with("nothing");
    has_undo && (is_own || list.block_begins().is_some())
}

async fn abort_after_every_phase(request: fn(&Region) -> Request) {
    let region = Region::start(small(), 50.0).await;
    let before = seen(&region).await;
    let list = request(&region).mode.sequence().unwrap();
    let with_way_back = list.iter().take_while(|phase| !phase.is_pivot());
    let names = with_way_back.map(|phase| phase.name());
    for last in names.filter(|name| is_of_interest(&list, name)) {
        let store = region.plan(&format!("{last}.plan"), request(&region)).await;
        let executor = region.executor(&store).await;
        for phase in &list {
            let ended = executor.step(phase.name()).await.unwrap();
            assert!(matches!(ended, Outcome::Paused { .. }), "{}: {ended:?}", phase.name());
            if phase.name() == last {
                break;
            }
        }
        assert_eq!(executor.abort().await.unwrap(), Outcome::Aborted, "after {last}");
        let after = seen(&region).await;
        for (what, now) in &after {
            assert_eq!(now, &before[what], "{what}, after {last} and an abort");
        }
        println!("rolled back after {last}");
    }
    region.end().await;
}

/// The things that somebody can see of a region, but what changes by itself.
pub(super) async fn seen(region: &Region) -> BTreeMap<&'static str, Value> {
    let deployment = region.deployment().await;
    let source = half(region).source;
    let file = region.file("");
    let inventory = gather(&deployment, &source, &file, &Hasty, &|_| {}).await.unwrap();
    let mut inventory = json!(inventory);
    inventory["taken"].take();
    let facts = &mut inventory["shards"][source.as_str()];
    facts["database_bytes"].take();
    facts["wal_bytes_per_second"].take();
    for server in inventory["servers"].as_array_mut().unwrap() {
        server["free_bytes"].take();
    }
    let mut states = BTreeMap::new();
    for shard in region.lab.layout().shard_names() {
        let shard = deployment.shard(shard.parse().unwrap());
        states.insert(shard.name().to_string(), shard.read_existing().await.unwrap().state);
    }
    let block = region.lab.layout().block;
    let sapi = |path: &str| list(&format!("http://{}{path}?include_master=true", block.sapi()));
    BTreeMap::from([
        ("the inventory", inventory),
        ("the states of the shards", json!(states)),
        ("SAPI's applications", sapi("/applications")),
        ("SAPI's services", sapi("/services")),
        ("SAPI's instances", sapi("/instances")),
        ("VMAPI's zones", list(&format!("http://{}/vms?state=active", block.vmapi()))),
        ("IMGAPI's images", list(&format!("http://{}/images", block.imgapi()))),
    ])
}

/// A list of an API, by UUID.
fn list(url: &str) -> Value {
    let output = Command::new("curl").args(["-sS", "--fail", url]).output().unwrap();
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{url}: {error}: {}", String::from_utf8_lossy(&output.stderr))
    });
    let by_uuid: BTreeMap<String, Value> =
        list.into_iter().map(|one| (one["uuid"].as_str().unwrap().to_owned(), one)).collect();
    json!(by_uuid)
}

//! An old copy of a plan's file, after the plan has gone on with another: it destroys nothing that serves, even if nobody
//! notices that it is old.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use reshard_core::zones::{self, ZoneError, ZoneOrder};
use reshard_core::{
    Configuration, Executor, ExecutorError, Journal, Operation, Outcome, Plan, PlanState, PlanUuid,
    SqliteJournal, ValidPlan,
};
use sapi_client::manta::MantaApplication;
use sapi_client::{Attributes, ImageUuid};
use serde_json::Value;

use super::super::aborts::seen;
use super::super::started::{Region, half, phases, small};

/// The plan's file was copied after each of these.
const COPIED_AFTER: [&str; 7] = [
    "freeze-source",
    "lock-dumps",
    "provision-morays",
    "build-rings",
    "recheck",
    "split-shard",
    "hand-over-reads",
];

/// And after each of these once more.
const RESUMED_AFTER: [&str; 3] = ["reserve-ring", "build-rings", "recheck"];

#[tokio::test(flavor = "multi_thread")]
async fn old_copies_of_a_plan_that_is_done_destroy_nothing() {
    let region = Region::start(small(), 50.0).await;
    let store = region.plan("split.plan", half(&region)).await;
    let executor = region.executor(&store).await;
    let mut epoch = Epoch::of(&region, &store.plan().await.unwrap()).await;
    for phase in &phases() {
        if phase.name() == "delete-ghosts" {
            rows_of_an_owner_stay(&region, &executor).await;
        }
        let ended = executor.step(phase.name()).await.unwrap();
        assert!(
            matches!(ended, Outcome::Paused { .. } | Outcome::Done),
            "{}: {ended:?}",
            phase.name()
        );
        if COPIED_AFTER.contains(&phase.name()) {
            copy(&region, phase.name());
            epoch.keep().await;
        }
        if RESUMED_AFTER.contains(&phase.name()) {
            copy(&region, &resumed(phase.name()));
        }
    }
    assert_eq!(store.state().await.unwrap(), PlanState::Done);
    let plan = store.plan().await.unwrap();
    let target = &plan.targets()[0];
    let (before, processes) = (seen(&region).await, processes(&region).await);
    let ring = before["SAPI's applications"].to_string();

    for name in COPIED_AFTER.map(str::to_owned).into_iter().chain(RESUMED_AFTER.map(resumed)) {
        let copy = open(&region, &name);
        let executor = region.executor(&copy).await;
        for ended in [executor.abort().await, executor.run().await] {
            let Err(ExecutorError::OlderCopy { latest, .. }) = ended else {
                panic!("copied after {name}: {ended:?}")
            };
            assert_eq!((latest.state, latest.file), (PlanState::Done, store.place()));
        }
    }

    for name in COPIED_AFTER {
        epoch.forget().await;
        let copy = open(&region, name);
        let ended = region.executor(&copy).await.abort().await.unwrap();
        let Outcome::Held { what, remedy, .. } = ended else {
            panic!("copied after {name}: {ended:?}")
        };
        println!("copied after {name}: {what}. {remedy}");
        // The cause is the ring that is in use, by its image.
        let image = what.split([' ', ',']).find(|word| word.len() == 36).unwrap();
        assert!(ring.contains(&format!("\"HASH_RING_IMAGE\":\"{image}\"")), "{name}: {what}");
        let lists = remedy.operations().any(|operation| *operation == Operation::ListPlans);
        assert!(lists, "{name}: {remedy}");
    }
    // Going on is no better than going back: no router is touched.
    for name in RESUMED_AFTER {
        epoch.forget().await;
        let copy = open(&region, &resumed(name));
        let ended = region.executor(&copy).await.run().await.unwrap();
        let Outcome::Held { what, .. } = ended else { panic!("copied after {name}: {ended:?}") };
        let causes = ["not reserved for this plan any more", "changed the plan's freeze"];
        assert!(causes.iter().any(|cause| what.contains(cause)), "{name}: {what}");
        assert!(!what.contains("REFUSED"), "{name}: {what}");
    }
    assert_eq!(self::processes(&region).await, processes, "a router was restarted");

    // The zones are nobody's to destroy, whatever the tags say that VMAPI has of them.
    let deployment = region.deployment().await;
    for zone in target.peers.iter().chain(&target.morays) {
        let order = ZoneOrder {
            uuid: plan.instance_uuid(&zone.role, 0),
            service: plan.inventory.services.postgres,
            role: "postgres",
            alias: String::new(),
            datacenter: zone.datacenter.clone(),
            server: zone.server,
            image: zone.image,
            metadata: Attributes::new(),
            plan: plan.uuid,
        };
        let refused = zones::destroy(&deployment, &order).await;
        assert!(matches!(refused, Err(ZoneError::NotOurs { found: None, .. })), "{refused:?}");
    }
    for (what, now) in &seen(&region).await {
        assert_eq!(now, &before[what], "{what}");
    }
    a_ring_without_a_stamp_is_uploaded_once(&region).await;
    what_a_lost_plan_keeps_is_freed(&region).await;
    region.end_without_ghosts().await;
}

/// Somebody puts the ring back after the move: what the plan takes for ghosts are its source's own rows then.
async fn rows_of_an_owner_stay(region: &Region, executor: &Executor) {
    let deployment = region.deployment().await;
    let sapi = deployment.sapi().unwrap();
    let manta = sapi.find_manta().await.unwrap();
    let (named, source) = (manta.hash_ring_image().unwrap(), half(region).source);
    let name = async |image: ImageUuid| {
        let change = MantaApplication::set_hash_ring_image(image);
        sapi.change_application(manta.uuid(), change).await.unwrap();
    };
    let before = SqliteJournal::open(&region.file("split.plan")).unwrap().plan().await.unwrap();
    name(before.inventory.ring.image).await;
    let count = format!("select count(*) from manta where {}", moved(&before));
    let rows = region.psql(&source, &count).await;
    assert_ne!(rows, "0");
    let ended = executor.step("delete-ghosts").await.unwrap();
    let Outcome::Held { what, .. } = ended else { panic!("{ended:?}") };
    for part in [before.inventory.ring.image.to_string(), format!("vnodes at {source}")] {
        assert!(what.contains(&part), "{what}");
    }
    assert_eq!(region.psql(&source, &count).await, rows);
    name(named).await;
}

/// The condition for rows of the vnodes that a plan moves.
fn moved(plan: &ValidPlan) -> String {
    let vnodes: Vec<String> =
        plan.targets()[0].vnodes.iter().map(|vnode| vnode.number().to_string()).collect();
    format!("_vnode in ({})", vnodes.join(", "))
}

/// A plan whose file is lost does not keep others away for ever; one that has left zones does.
async fn what_a_lost_plan_keeps_is_freed(region: &Region) {
    let store = region.plan("lost.plan", half(region)).await;
    let executor = region.executor(&store).await;
    let plan = store.plan().await.unwrap().uuid;
    for phase in &phases() {
        let ended = executor.step(phase.name()).await.unwrap();
        assert!(matches!(ended, Outcome::Paused { .. }), "{}: {ended:?}", phase.name());
        if phase.name() == "lock-dumps" {
            break;
        }
    }
    let uuid = plan.to_string();
    let release = async |more: &[&str]| {
        let arguments = [&["plans", "release", &uuid, "--yes"], more].concat();
        let output = region.reshard(&arguments).output().await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let kept = ["name", "freeze", "dumps"];
    assert_eq!(keeps(region, plan).await, kept);
    let (freed, said) = release(&[]).await;
    assert!(!freed && said.contains("--file-lost"), "{said}");
    assert_eq!(keeps(region, plan).await, kept);
    let (freed, said) = release(&["--file-lost"]).await;
    assert!(freed, "{said}");
    assert_eq!(keeps(region, plan).await, [""; 0]);
    // It was not lost, and has gone on: its new peer is in the source's chain.
    let executor = region.executor(&store).await;
    executor.step("provision-peers").await.unwrap();
    let (freed, said) = release(&["--file-lost"]).await;
    assert!(!freed && said.contains("SAPI has zones with the tag of plan"), "{said}");
    assert_eq!(executor.abort().await.unwrap(), Outcome::Aborted);
}

/// The things that a plan keeps, as `reshard plans` tells.
async fn keeps(region: &Region, plan: PlanUuid) -> Vec<String> {
    let output = region.output(&["plans", "-o", "json"]).await;
    let plans: Value = serde_json::from_slice(&output.stdout).unwrap();
    let plans = plans.as_array().unwrap();
    let found = plans.iter().find(|it| it["plan"] == plan.to_string().as_str()).unwrap();
    let holds = found["holds"].as_array().unwrap();
    let mut kept: Vec<String> =
        holds.iter().map(|holding| holding["kept"].as_str().unwrap().to_owned()).collect();
    kept.sort_unstable_by_key(|kept| ["name", "freeze", "dumps"].iter().position(|it| it == kept));
    kept
}

/// The same file is the same image, also where no stamp says which.
async fn a_ring_without_a_stamp_is_uploaded_once(region: &Region) {
    let (ring, file) = (region.file("ring"), region.file("bare.tgz"));
    let (ring, file) = (ring.to_str().unwrap(), file.to_str().unwrap());
    region.output(&["ring", "fetch", ring]).await;
    fs::remove_file(region.file("ring/manta_hash_ring_stamp.json")).unwrap();
    region.output(&["ring", "pack", ring, file, "--no-stamp"]).await;
    let images = async || seen(region).await["IMGAPI's images"].as_object().unwrap().len();
    let before = images().await;
    let once = region.output(&["ring", "upload", file, "--yes"]).await.stdout;
    let twice = region.output(&["ring", "upload", file, "--yes"]).await.stdout;
    assert_eq!(String::from_utf8(once).unwrap(), String::from_utf8(twice).unwrap());
    assert_eq!(images().await, before + 1);
}

/// The epoch of the copies of the plan's file in ZooKeeper: by that an executor tells that one is old. Forgotten, as after
/// ZooKeeper was restored from a backup, there is only what serves to tell.
struct Epoch {
    client: zookeeper::Client,
    node: String,
    first: Option<Vec<u8>>,
}

impl Epoch {
    async fn of(region: &Region, plan: &Plan) -> Self {
        let servers = Configuration::read(&region.lab.configuration()).unwrap().zookeeper;
        let client = zookeeper::Client::connect(&servers).await.unwrap();
        Self { client, node: format!("/manta_reshard/plans/{}/epoch", plan.uuid), first: None }
    }

    /// Keeps what is known now, unless something was kept before.
    async fn keep(&mut self) {
        if self.first.is_none() {
            self.first = self.client.get_data(&self.node).await.ok().map(|(data, _)| data);
        }
    }

    async fn forget(&self) {
        if let Some(data) = &self.first {
            self.client.set_data(&self.node, data, None).await.unwrap();
        }
    }
}

fn resumed(name: &str) -> String {
    format!("{name}-resumed")
}

/// Copies the plan's file.
fn copy(region: &Region, name: &str) {
    fs::copy(region.file("split.plan"), copied(region, name)).unwrap();
}

fn copied(region: &Region, name: &str) -> PathBuf {
    let file = region.file("copies").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    file
}

fn open(region: &Region, name: &str) -> Arc<SqliteJournal> {
    Arc::new(SqliteJournal::open(&copied(region, name)).unwrap())
}

/// The electric-moray processes that there are, and since when.
async fn processes(region: &Region) -> Vec<(Value, Value)> {
    let mut processes = Vec::new();
    for router in region.lab.routers() {
        for port in [4021, 4022] {
            let url = format!("http://{}:{port}/status", router.ip());
            let output = tokio::process::Command::new("curl").args(["-sSf", &url]).output().await;
            let status: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
            processes.push((status["pid"].clone(), status["start_time"].clone()));
        }
    }
    assert!(processes.iter().all(|(pid, _)| pid.is_number()), "{processes:?}");
    processes
}

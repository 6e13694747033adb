//! A router that comes up with the ring of before, after the cutover: it reaches nothing of the vnodes that moved.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use lab::Role;
use lab::control::ExecRequest;
use moray_client::{Client, ClientOptions, Error, PutOptions};
use reshard_core::{Journal, Outcome, ValidPlan};
use serde_json::json;

use super::started::{Region, guarded, small};

/// Writes of moving vnodes that the router is sent.
const TRIES: u32 = 10_000;
/// Those that are under way at a time.
const AT_A_TIME: usize = 32;
const OWNER: &str = "0b1dfa11-7e57-4c0d-9a4e-1f2d3c4b5a69";
const INSTANCE: u16 = 2021;

#[tokio::test(flavor = "multi_thread")]
async fn an_old_router_writes_nothing_of_the_vnodes_that_moved() {
    let mut region = Region::start(small(), 50.0).await;
    let store = region.plan("old-router.plan", guarded(&region)).await;
    let executor = region.executor(&store).await;
    let moved = Some("remove-guard".to_owned());
    store.update_controls(&mut |controls| controls.pause_before.clone_from(&moved)).await.unwrap();
    assert!(matches!(executor.run().await.unwrap(), Outcome::Paused { .. }));
    // What it reads would be out of date, which the load is not to see.
    region.end_load().await;
    let base = store.fact("rings").await.unwrap().unwrap()["base"].clone();
    let base = base.as_str().unwrap();
    let old = format!("$ring.reshard-{base}");
    run(&region, &format!("mv $ring $ring.new; mv {old} $ring")).await;
    write_by_the_old_router(&region, &store.plan().await.unwrap()).await;
    run(&region, &format!("mv $ring {old}; mv $ring.new $ring")).await;
    assert_eq!(executor.run().await.unwrap(), Outcome::Done);
    region.end_without_ghosts().await;
}

/// Changes the ring of an instance while it is stopped.
async fn run(region: &Region, change: &str) {
    let instance = format!("electric-moray-{INSTANCE}");
    let stdin = format!(
        "set -e; ring=$(svcprop -p electric-moray/ring-location {instance}); svcadm disable -s {instance}\n\
         {change}; svcadm enable -s {instance}"
    );
    let zone = region.lab.layout().zones_of(Role::ElectricMoray).next().unwrap().uuid;
    let done = region.control.exec(zone, &ExecRequest { stdin, ..ExecRequest::default() }).await;
    let done = done.unwrap();
    assert_eq!(done.exit_code, 0, "{change}: {done:?}");
}

async fn write_by_the_old_router(region: &Region, plan: &ValidPlan) {
    let address = region.lab.routers()[0].ip();
    let client = &Client::new(format!("{address}:{INSTANCE}"), ClientOptions::default());
    let (hash, moving) = (&plan.inventory.ring.hashing, plan.moving());
    let moves =
        |number: &u32| moving.contains(hash.vnode_of_directory(&directory(*number)).unwrap());
    let staying = (0..u32::MAX).find(|number| !moves(number)).unwrap();
    region.until("the old router to answer", async || write(client, staying).await.ok()).await;
    let (refused, taken) = (AtomicU32::new(0), AtomicU32::new(0));
    let numbers: Vec<u32> = (0..).filter(moves).take(TRIES as usize).collect();
    iter(numbers)
        .for_each_concurrent(AT_A_TIME, async |number| match write(client, number).await {
            Ok(()) => {
                taken.fetch_add(1, Ordering::Relaxed);
            }
            Err(Error::Server { source, .. }) if source.message.contains("RS001") => {
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(other) => panic!("{number}: {}", other.with_causes()),
        })
        .await;
    assert_eq!((taken.into_inner(), refused.into_inner()), (0, TRIES));
    let target = &plan.targets()[0].name;
    for (shard, expected) in [(plan.source(), "1"), (target, "0")] {
        let sql = format!("SELECT count(*) FROM manta WHERE owner = '{OWNER}'");
        assert_eq!(region.psql(shard, &sql).await, expected, "{shard}");
    }
}

/// The directory of the object with this number.
fn directory(number: u32) -> String {
    format!("/{OWNER}/stor/old-{number}")
}

async fn write(client: &Client, number: u32) -> Result<(), Error> {
    let dirname = directory(number);
    let key = format!("{dirname}/object");
    let value = json!({
        "key": key, "dirname": dirname, "name": "object", "owner": OWNER, "type": "object",
        "objectId": number.to_string(),
    });
    client.put_object("manta", &key, &value, &PutOptions::default()).await.map(drop)
}

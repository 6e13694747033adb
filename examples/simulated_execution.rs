//! An execution without a region: ZooKeeper, the journal and the time are in memory, the phases are invented. A phase fails while
//! writes are refused, so the executor rolls the write block back and holds; the next execution ends the plan. Three hours pass
//! in milliseconds, and in the same way each time.
//!
//! `cargo run -p examples --example simulated_execution` prints the events.

#![expect(clippy::print_stdout, reason = "an example shows what happened")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fash::{Algorithm, Interval, Vnode};
use jiff::Timestamp;
use manatee_client::MemoryCoordination;
use reshard_core::{
    About, AnyTransport, Clock, Configuration, Context, Costs, Deployment, Event, Executor,
    Inventory, KeyHash, MemoryJournal, Mode, Outcome, Phase, PhaseError, Plan, PnodeFacts, Request,
    Sequence, Undone, VirtualClock,
};
use sapi_client::HttpTransport;

const VNODES: u32 = 1000;

/// A phase that takes its time, and fails the first time if it is broken.
struct Simulated {
    name: &'static str,
    takes: Duration,
    is_broken: AtomicBool,
}

#[async_trait]
impl Phase for Simulated {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> About {
        About {
            title: "let time pass",
            rfd103: "",
            reads: "the clock",
            writes: "nothing",
            done_when: "its time is over",
            undo: "nothing to undo",
            pause: "before it begins",
        }
    }

    async fn run(&self, context: &Context) -> Result<(), PhaseError> {
        context.sleep(self.takes).await;
        if self.is_broken.swap(false, Ordering::SeqCst) {
            return Err(PhaseError::hold("a new primary takes no writes", "look at its log"));
        }
        Ok(())
    }

    async fn undo(&self, _: &Context) -> Result<Undone, PhaseError> {
        Ok(Undone::Completely)
    }
}

/// The shape of a plan in small.
fn sequence() -> Result<Sequence, Box<dyn Error>> {
    let phase = |name, seconds, is_broken| -> Arc<dyn Phase> {
        let (takes, is_broken) = (Duration::from_secs(seconds), AtomicBool::new(is_broken));
        Arc::new(Simulated { name, takes, is_broken })
    };
    Ok(Sequence::open([phase("prepare", 7200, false)])
        .blocked([phase("block", 4, false), phase("split", 9, true)])
        .pivot(phase("publish", 1, false))
        .last(phase("install", 4, false))
        .open([phase("clean-up", 3600, false)])?)
}

/// Half of shard 2 moves to a new shard. The benchmarks have an inventory of a lab, which lacks only the ring.
fn plan(now: Timestamp) -> Result<Plan, Box<dyn Error>> {
    let mut inventory: Inventory = serde_json::from_str(include_str!("../benches/region.json"))?;
    inventory.ring.vnode_count = VNODES;
    inventory.ring.hashing = KeyHash::new(Interval::new(Algorithm::Sha256, VNODES), VNODES);
    for number in [1, 2] {
        let shard = format!("{number}.moray.lab.example.net");
        let vnodes = (number - 1..VNODES).step_by(2).map(Vnode::new).collect();
        inventory.ring.pnodes.push(PnodeFacts { pnode: format!("tcp://{shard}:2020"), vnodes });
        inventory.shard_names.push(shard.parse()?);
    }
    let uuid = "00000000-0000-4000-8000-000000000007".parse()?;
    // Of the modes this is the one in which writes are refused for a while.
    let request = Request::new("2.moray.lab.example.net".parse()?).with_mode(Mode::Rfd103);
    Ok(Plan::make(uuid, now, request, inventory, &Costs::default())?)
}

/// A region of which there is nothing but ZooKeeper.
async fn region(clock: Arc<VirtualClock>) -> Result<Deployment, Box<dyn Error>> {
    let configuration = Configuration {
        region: "lab".to_owned(),
        dns_domain: "example.net".to_owned(),
        zookeeper: "memory:2181".to_owned(),
        session_timeout_seconds: 8,
        name_seconds: 60,
        routers: Vec::new(),
        datacenters: BTreeMap::new(),
    };
    let http = AnyTransport::new(HttpTransport::new(Duration::from_secs(1))?);
    let zookeeper = Arc::new(MemoryCoordination::new(move || clock.now()));
    Ok(Deployment::connect_through(configuration, http, zookeeper).await?)
}

// The clock is the runtime's: paused, it goes on to the next thing to do whenever every task waits.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let start = "2024-05-06T07:00:00Z".parse()?;
    let clock = Arc::new(VirtualClock::starting_at(start));
    let deployment = region(clock.clone()).await?;
    let journal = Arc::new(MemoryJournal::new(plan(start)?));
    let sequence = sequence()?;

    loop {
        let now = clock.clone();
        let print = move |event: &Event| {
            if !matches!(event, Event::Activity(_) | Event::Logged(_)) {
                println!("{} {}", now.now(), serde_json::json!(event));
            }
        };
        let executor =
            Executor::with_sequence(journal.clone(), deployment.clone(), sequence.clone())
                .with_clock(clock.clone())
                .observed_by(Arc::new(print));
        match executor.run().await? {
            Outcome::Held { phase, what, remedy } => {
                println!("held in {phase}: {what}\nto do: {remedy}");
            }
            ended @ (Outcome::Done | Outcome::Paused { .. } | Outcome::Aborted) => {
                println!("{ended:?}");
                return Ok(());
            }
        }
    }
}

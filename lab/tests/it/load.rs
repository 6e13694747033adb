//! The load generator, against routers and shards in memory, and what the checker makes of its log.

use std::time::Duration;

use lab::checker::{CheckOptions, History, Report, ViolationKind, check};
use lab::load::{Load, LoadError, LoadOptions, LoadSummary};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::tier::{Fault, Tier};

struct Setup {
    tier: Tier,
    options: LoadOptions,
    directory: TempDir,
    servers: Vec<moray_client::Server>,
}

impl Setup {
    async fn new(tier: Tier, host: u8) -> Self {
        let servers = vec![tier.start(host).await, tier.start(host + 1).await];
        let addresses = servers.iter().map(moray_client::Server::address).collect();
        let directory = tempfile::tempdir().unwrap();
        let options = LoadOptions {
            writes_per_second: 400.0,
            reads_per_second: 400.0,
            workers: 16,
            keys: 200,
            directories: 40,
            request_timeout: Duration::from_millis(300),
            ..LoadOptions::new(addresses, directory.path().join("log"))
        };
        Self { tier, options, directory, servers }
    }

    fn check(&self) -> Report {
        // In this order.
        let world = self.tier.world();
        let mut history = History::default();
        history.add_log(&self.options.log).unwrap();
        check(&history, &world, &self.tier.rings(), &CheckOptions::default()).unwrap()
    }

    /// Runs the load until so many writes are acknowledged.
    async fn run(&self, writes: u64) -> LoadSummary {
        let load = Load::start(self.options.clone()).unwrap();
        until(&load, writes).await;
        load.stop().await.unwrap()
    }
}

async fn until(load: &Load, writes: u64) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while load.stats().writes.acknowledged < writes {
        assert!(Instant::now() < deadline, "{}", load.stats());
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_right_tier_is_green_while_it_runs_and_after() {
    let setup = Setup::new(Tier::new(|_| None), 10).await;
    let load = Load::start(setup.options.clone()).unwrap();
    for writes in [100, 200, 300] {
        until(&load, writes).await;
        let report = setup.check();
        assert!(report.is_green(), "{report}");
    }
    let summary = load.stop().await.unwrap();
    let report = setup.check();
    assert!(report.is_green(), "{report}");
    assert_eq!(report.checked.acknowledged, summary.writes.acknowledged);
    assert_eq!(report.checked.reads, summary.reads.answered);
    assert_eq!((report.checked.open, summary.reads.wrong, summary.reads.failed), (0, 0, 0));
    assert!(report.checked.null_vnodes > 0, "batches are part of the load");
    assert_eq!(report.write_latency.count, summary.writes.latency.count);
    // The log is not written over.
    assert!(matches!(Load::start(setup.options.clone()), Err(LoadError::Log { .. })));
    setup.directory.close().unwrap();
}

#[tokio::test]
async fn a_right_tier_in_trouble_is_green() {
    let faults = |number| match number % 40 {
        3..8 => Some(Fault::Refuse),
        11 => Some(Fault::Silence),
        17 => Some(Fault::Swallow),
        23 => Some(Fault::Late),
        29 => Some(Fault::Break),
        _ => None,
    };
    let setup = Setup::new(Tier::new(faults), 12).await;
    let summary = setup.run(600).await;
    let report = setup.check();
    assert!(report.is_green(), "{report}");
    assert!(summary.writes.refused > 20 && summary.writes.unknown > 20, "{summary}");
    assert_eq!(summary.reads.wrong, 0);
    let errors = &report.untouched_writes.errors;
    for error in ["ReadOnlyError", "timed out", "FastTransportError"] {
        assert!(errors.contains_key(error), "{errors:?}");
    }
    // The load goes on though some requests take long; those that had to wait count as long.
    assert!(summary.writes.latency.max > 100.0, "{summary}");
}

#[tokio::test]
async fn requests_go_on_to_another_router() {
    let mut setup = Setup::new(Tier::new(|_| None), 40).await;
    let load = Load::start(setup.options.clone()).unwrap();
    until(&load, 100).await;
    setup.servers.pop();
    until(&load, 400).await;
    let summary = load.stop().await.unwrap();
    let report = setup.check();
    assert!(report.is_green(), "{report}");
    let checked = &report.checked;
    assert!(checked.retried_writes > 0 && checked.retried_reads > 0, "{report}");
    assert_eq!((summary.reads.failed, summary.reads.wrong), (0, 0), "{summary}");
    // A write that was under way when its router went may have been done.
    let errors = report.untouched_writes.errors.keys();
    assert!(errors.clone().all(|error| error == "connection broke"), "{errors:?}");
    assert!(report.to_string().contains("at another router"), "{report}");
}

#[tokio::test]
async fn a_tier_that_drops_acknowledged_writes_is_found_out() {
    let setup = Setup::new(Tier::new(|number| (number % 50 == 0).then_some(Fault::Lie)), 14).await;
    let summary = setup.run(400).await;
    let report = setup.check();
    let wrong = report.count(ViolationKind::Lost)
        + report.count(ViolationKind::Stale)
        + report.count(ViolationKind::WrongRead)
        + report.count(ViolationKind::FalseCondition);
    assert!(wrong > 0 && !report.is_green(), "{report}");
    assert!(summary.reads.wrong > 0, "{summary}");
}

#[tokio::test]
async fn a_load_that_is_cut_off_leaves_a_log_that_can_be_checked() {
    let setup =
        Setup::new(Tier::new(|number| (number % 9 == 0).then_some(Fault::Silence)), 16).await;
    let load = Load::start(setup.options.clone()).unwrap();
    until(&load, 100).await;
    drop(load);
    let report = setup.check();
    assert!(report.is_green(), "{report}");
    assert!(report.checked.open > 0, "{report}");
}

#[tokio::test]
async fn while_no_router_is_there_nothing_is_written_and_nothing_is_unknown() {
    let mut setup = Setup::new(Tier::new(|_| None), 18).await;
    setup.options.addresses = vec!["127.77.205.99:2020".parse().unwrap()];
    let load = Load::start(setup.options.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while load.stats().writes.refused < 50 || load.stats().reads.failed < 50 {
        assert!(Instant::now() < deadline, "{}", load.stats());
        sleep(Duration::from_millis(10)).await;
    }
    let summary = load.stop().await.unwrap();
    assert_eq!((summary.writes.acknowledged, summary.writes.unknown), (0, 0), "{summary}");
    let report = setup.check();
    assert!(report.is_green(), "{report}");
    assert_eq!(report.reads.failed, summary.reads.failed);
}

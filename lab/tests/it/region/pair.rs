//! Two labs on one machine.

use super::remembered::zookeeper;
use super::run;
use super::started::{Region, every_address_answers};

/// They take different addresses by themselves, though they start at the same time, and neither notices the other.
#[tokio::test(flavor = "multi_thread")]
async fn two_labs_run_side_by_side() {
    let (one, other) = tokio::join!(Region::start(), Region::start());
    let blocks = [&one, &other].map(|region| region.lab.layout().block.number());
    assert_ne!(blocks[0], blocks[1]);
    let running: Vec<u8> = lab::running().await.iter().map(|block| block.number()).collect();
    assert!(blocks.iter().all(|block| running.contains(block)), "{running:?}");
    every_address_answers(&one);
    every_address_answers(&other);

    let rows = "select count(*) from manta";
    let before = other.psql(1, rows).await;
    one.psql(1, "delete from manta").await;
    zookeeper(one.lab.layout(), &["create", "/only-here", "x"]);
    assert_eq!(
        (one.psql(1, rows).await.as_str(), other.psql(1, rows).await),
        ("0", before.clone())
    );
    assert!(zookeeper(one.lab.layout(), &["ls", "/"]).contains("only-here"));
    assert!(!zookeeper(other.lab.layout(), &["ls", "/"]).contains("only-here"));

    one.stop_and_leave_nothing().await;
    every_address_answers(&other);
    assert_eq!(other.psql(1, rows).await, before);
    assert!(run("curl", &["-sS", &other.url("sapi", "/instances")]).contains("uuid"));
    other.stop_and_leave_nothing().await;
}

//! Everything that `reshard lab break` offers, and `reshard lab heal` after it.

mod apis;
mod jobs;
mod peers;
mod promotions;
mod tools;
mod zones;

use std::process::Command;

use lab::control::ControlClient;
use lab::{ActiveFault, Fault, Lab, Options};

use super::started::Region;

/// One shard of three peers.
#[tokio::test(flavor = "multi_thread")]
async fn peers_break_and_heal() {
    let region = start(Options { shards: 1, ..small() }).await;
    peers::whole(&region).await;
    peers::an_async_dies_and_comes_back(&region).await;
    peers::a_lag_is_seen(&region).await;
    peers::a_full_disk_refuses_writes(&region).await;
    peers::a_compute_node_loses_its_power(&region).await;
    peers::a_partitioned_primary_is_deposed_and_rebuilt(&region).await;
    promotions::an_async_becomes_the_sync_and_then_the_primary(&region).await;
    region.stop_and_leave_nothing().await;
}

/// Two shards of one peer: what has nothing to do with replication.
#[tokio::test(flavor = "multi_thread")]
async fn zones_apis_and_jobs_break_and_heal() {
    let region = start(Options { peers: 1, ..small() }).await;
    zones::a_partitioned_moray_is_registered_again(&region).await;
    zones::routers_that_are_not_ready_are_not_registered(&region).await;
    zones::a_slow_zone_is_slow(&region).await;
    tools::commands_have_their_paths_of_production(&region);
    tools::tables_are_as_moray_makes_them(&region).await;
    tools::mlocate_tells_where_the_router_puts_an_object(&region).await;
    tools::a_read_only_database_refuses(&region).await;
    apis::every_api_fails_as_it_is_told(&region).await;
    apis::every_api_acts_and_cuts_the_connection(&region).await;
    apis::a_corrupt_image_has_another_checksum(&region).await;
    jobs::jobs_fail_and_take_longer(&region).await;
    region.stop_and_leave_nothing().await;
}

fn small() -> Options {
    Options {
        routers: 1,
        router_instances: 2,
        vnodes: 64,
        objects: 500,
        session_timeout: std::time::Duration::from_secs(2),
        ..Options::default()
    }
}

async fn start(options: Options) -> Region {
    let builder = Lab::builder().program(env!("CARGO_BIN_EXE_reshard-lab")).options(options);
    let lab = builder.start().await.unwrap();
    let control = ControlClient::new(&format!("http://{}", lab.layout().block.control()));
    Region { lab, control }
}

async fn cause(region: &Region, fault: Fault) -> ActiveFault {
    region.control.cause(&fault).await.unwrap()
}

async fn heal(region: &Region, fault: ActiveFault) {
    assert_eq!(region.control.heal(Some(fault.id)).await.unwrap(), [fault]);
}

/// The status of a request by curl, or 000 without an answer within a second.
fn status(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "1"])
        .args(arguments)
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

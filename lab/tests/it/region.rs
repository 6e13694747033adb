//! A whole lab, walked through with ordinary tools.

mod apis;
mod breaks;
mod dumps;
mod faults;
mod kept;
mod pair;
mod remembered;
mod rings;
mod size;
mod started;
mod zones;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use self::started::Region;

/// One lab for all of this: each part leaves it as whole as it found it.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_keeps_its_promises() {
    let region = Region::start().await;
    started::every_address_answers(&region);
    zones::commands_see_only_their_zone(&region).await;
    zones::services_are_governed_by_svcadm(&region).await;
    zones::a_router_holds_its_ring(&region).await;
    zones::a_moray_keeps_an_edited_configuration(&region).await;
    apis::scripts_run_in_zones_by_cnapi(&region);
    apis::metadata_reach_a_zone_when_it_asks(&region).await;
    apis::a_peer_is_provisioned_and_catches_up(&region).await;
    apis::the_rules_of_aliases_and_images(&region);
    faults::apis_misbehave(&region).await;
    faults::a_standby_lags_and_a_zone_hangs(&region).await;
    faults::a_full_disk_and_a_corrupt_image(&region).await;
    dumps::the_dump_honours_its_lock(&region).await;
    faults::zookeeper_comes_back(&region).await;
    region.stop_and_leave_nothing().await;
}

/// The output of a program. It has to succeed.
fn run(program: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{program} {arguments:?}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}

/// The answer of an API to curl, as JSON.
fn curl(arguments: &[&str]) -> serde_json::Value {
    let text = run("curl", &[&["-sS", "--max-time", "120"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

/// Asks until it is so.
async fn eventually<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !ask().await {
        assert!(Instant::now() < deadline, "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

//! Zones that hang or are slow, and the name service that finds them.

use std::time::Instant;

use lab::{Fault, Role};
use uuid::Uuid;

use super::super::eventually;
use super::super::started::Region;
use super::{cause, heal, status};

/// Tells whether ZooKeeper's own command line lists a zone below a node.
async fn is_listed(region: &Region, node: &str, zone: Uuid) -> bool {
    let nameservice = region.zone(Role::Nameservice, 0).spec.uuid;
    let listed = region.output(nameservice, &format!("zkCli.sh ls {node}")).await;
    listed.contains(&zone.to_string())
}

/// Its session is over by the time it goes on: it takes another, and is entered by that.
pub(super) async fn a_partitioned_moray_is_registered_again(region: &Region) {
    let zone = region.zone(Role::Moray, 0).spec;
    let node = "/net/example/lab/moray/1";
    eventually("the Moray is registered", async || is_listed(region, node, zone.uuid).await).await;
    let apart = cause(region, Fault::Freeze { zone: zone.uuid }).await;
    eventually("it is missed", async || !is_listed(region, node, zone.uuid).await).await;
    heal(region, apart).await;
    eventually("it is registered again", async || is_listed(region, node, zone.uuid).await).await;
    // Not by what was left of the old session.
    tokio::time::sleep(region.lab.layout().options.session_timeout).await;
    assert!(is_listed(region, node, zone.uuid).await);
}

pub(super) async fn routers_that_are_not_ready_are_not_registered(region: &Region) {
    let zone = region.zone(Role::ElectricMoray, 0).spec.uuid;
    let check = "json -f /opt/smartdc/registrar/etc/config.json healthCheck.command";
    let ready = "test -e /var/tmp/electric-moray-ready";
    assert_eq!(region.output(zone, check).await.trim(), ready);
    let node = "/net/example/lab/electric-moray";
    eventually("the router is registered", async || is_listed(region, node, zone).await).await;
    region.output(zone, "rm /var/tmp/electric-moray-ready").await;
    eventually("it is not any more", async || !is_listed(region, node, zone).await).await;
    // A router makes the file when it has started.
    region.output(zone, "svcadm restart -s electric-moray-2021").await;
    eventually("it is registered again", async || is_listed(region, node, zone).await).await;
}

pub(super) async fn a_slow_zone_is_slow(region: &Region) {
    let zone = region.zone(Role::ElectricMoray, 0).spec;
    let url = format!("http://{}:4022/status", zone.address);
    // The longest of some requests, in milliseconds.
    let longest = || {
        let timed = |_| {
            let begin = Instant::now();
            // One that takes a second is late, whatever curl says then.
            status(&[&url]);
            begin.elapsed().as_millis()
        };
        (0..8).map(timed).max().unwrap()
    };
    let slow = cause(region, Fault::Slow { zone: zone.uuid, percent: 60 }).await;
    eventually("answers are late", async || longest() >= 80).await;
    heal(region, slow).await;
    eventually("answers are in time again", async || longest() < 80).await;

    let apart = cause(region, Fault::Freeze { zone: zone.uuid }).await;
    assert_eq!(status(&[&url]), "000");
    heal(region, apart).await;
    eventually("it answers again", async || status(&[&url]) == "200").await;
}

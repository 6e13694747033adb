//! Things that are broken on purpose break, and are whole again afterwards.

use std::time::{Duration, Instant};

use lab::{ApiFault, ApiName, Fault, FaultKind, Role};
use uuid::Uuid;

use super::started::{Region, psql};
use super::{eventually, run};

/// The status of a request by curl, or 000 where the connection was cut.
fn status(arguments: &[&str]) -> String {
    let arguments =
        [&["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "2"], arguments].concat();
    let output = std::process::Command::new("curl").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(super) async fn apis_misbehave(region: &Region) {
    let ping = region.url("vmapi", "/vms");
    for (kind, expected) in [
        (FaultKind::Error500, "500"),
        (FaultKind::Unavailable503, "503"),
        (FaultKind::Hang, "000"),
        (FaultKind::CutBeforeActing, "000"),
    ] {
        let fault = Fault::Api { api: ApiName::Vmapi, how: ApiFault::new(kind) };
        let caused = region.control.cause(&fault).await.unwrap();
        assert_eq!(status(&[&ping]), expected, "{kind:?}");
        region.control.heal(Some(caused.id)).await.unwrap();
        assert_eq!(status(&[&ping]), "200", "{kind:?} is healed");
    }
    // Done, but nobody is told.
    let application = region.lab.layout().application;
    let url = region.url("sapi", &format!("/applications/{application}"));
    let how = ApiFault {
        requests: Some(1),
        method: Some("PUT".to_owned()),
        ..ApiFault::new(FaultKind::CutAfterActing)
    };
    region.control.cause(&Fault::Api { api: ApiName::Sapi, how }).await.unwrap();
    let body = r#"{"metadata":{"REGION_TEST":"told"}}"#;
    let put = ["-X", "PUT", "-H", "content-type: application/json", "-d", body, &url];
    assert_eq!(status(&put), "000");
    assert_eq!(super::curl(&[&url])["metadata"]["REGION_TEST"], serde_json::json!("told"));
    assert_eq!(status(&put), "200", "only once");
}

pub(super) async fn a_standby_lags_and_a_zone_hangs(region: &Region) {
    let standby = region.zone(Role::Postgres, 3).spec;
    let address = standby.address.to_string();
    let lag = region.control.cause(&Fault::Lag { zone: standby.uuid }).await.unwrap();
    region.psql(2, "create table lagging (id int)").await;
    let seen = "select to_regclass('lagging') is not null";
    assert_eq!(psql(&address, seen), "f");
    region.control.heal(Some(lag.id)).await.unwrap();
    eventually("the standby replays again", async || psql(&address, seen) == "t").await;
    region.psql(2, "drop table lagging").await;

    let (moray, other) = (region.zone(Role::Moray, 1).spec, region.zone(Role::Moray, 0).spec);
    // Whenever in its turn a slow zone is healed: nothing of it stands still afterwards.
    for _ in 0..5 {
        let slow = Fault::Slow { zone: moray.uuid, percent: 90 };
        let slow = region.control.cause(&slow).await.unwrap();
        region.control.heal(Some(slow.id)).await.unwrap();
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            assert!(!stands_still(region, moray.uuid).await);
        }
    }
    let slow = region.control.cause(&Fault::Slow { zone: moray.uuid, percent: 50 }).await.unwrap();
    let both = region.control.cause(&Fault::Freeze { zone: moray.uuid }).await.unwrap_err();
    assert!(both.to_string().contains("broken already"), "{both}");
    let frozen = region.control.cause(&Fault::Freeze { zone: other.uuid }).await.unwrap();
    assert_eq!(region.control.faults().await.unwrap(), [slow, frozen]);
    let healed = region.control.heal(None).await.unwrap();
    assert_eq!(healed.len(), 2);
    let running = region.output(moray.uuid, "svcs -H -o state moray-2020").await;
    assert_eq!(running.trim(), "online");
}

async fn stands_still(region: &Region, zone: Uuid) -> bool {
    let processes = region.control.processes(zone).await.unwrap();
    processes.iter().any(|process| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid));
        status.is_ok_and(|status| status.contains("\nState:\tT"))
    })
}

pub(super) async fn a_full_disk_and_a_corrupt_image(region: &Region) {
    let zone = region.zone(Role::Moray, 0).spec.uuid;
    let full = region.control.cause(&Fault::DiskFull { zone }).await.unwrap();
    let refused = region.script(zone, "echo much >/var/tmp/file").await;
    assert_ne!(refused.exit_code, 0, "{refused:?}");
    region.control.heal(Some(full.id)).await.unwrap();
    region.output(zone, "echo much >/var/tmp/file").await;

    let image = region.lab.layout().ring_image;
    let file = region.url("imgapi", &format!("/images/{image}/file"));
    let digest = || run("sh", &["-c", &format!("curl -sS {file} | sha1sum")]);
    let before = digest();
    let corrupt = region.control.cause(&Fault::Image { image }).await.unwrap();
    assert_ne!(digest(), before);
    region.control.heal(Some(corrupt.id)).await.unwrap();
    assert_eq!(digest(), before);
}

/// Without ZooKeeper PostgreSQL goes on; with it again everybody is who they were.
pub(super) async fn zookeeper_comes_back(region: &Region) {
    let zone = region.zone(Role::Postgres, 0).spec;
    let first = zone.address.to_string();
    let peers = async || region.output(zone.uuid, "manatee-adm peers -H -o role,ip").await;
    let generation = async || {
        let script = "manatee-adm zk-state | json generation";
        region.output(zone.uuid, script).await.trim().to_owned()
    };
    let verified = async || region.script(zone.uuid, "manatee-adm verify").await.stdout;
    let (before, well) = ((peers().await, generation().await), verified().await);
    // So short that sessions outlive it, and so long that none does.
    for outage in [Duration::ZERO, region.lab.layout().options.session_timeout * 2] {
        let killed = region.control.cause(&Fault::ZooKeeper).await.unwrap();
        assert_eq!(psql(&first, "select 1"), "1", "PostgreSQL goes on without ZooKeeper");
        let refused = region.script(zone.uuid, "manatee-adm peers").await;
        assert!(refused.stderr.contains("unable to connect to zk"), "{refused:?}");
        tokio::time::sleep(outage).await;
        region.control.heal(Some(killed.id)).await.unwrap();
        let shown = region.zookeeper("get /manatee/1.moray.lab.example.net/state").await;
        assert!(shown.contains(&first), "{shown}");
        eventually("the shard is whole", async || verified().await == well).await;
        // Sessions that were lost are over by then.
        tokio::time::sleep(region.lab.layout().options.session_timeout).await;
        assert_eq!((peers().await, generation().await), before, "nobody took over");
        eventually("every shard takes writes", async || region.writes().await.is_ok()).await;
    }
}

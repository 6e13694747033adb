//! Commands and services in zones.

use lab::Role;
use zookeeper::{Acls, CreateMode};

use super::started::Region;
use super::{curl, eventually, run};
use crate::servers::zookeeper_client;

pub(super) async fn commands_see_only_their_zone(region: &Region) {
    let zone = region.zone(Role::Postgres, 0).spec;
    let seen = region
        .output(zone.uuid, "zonename; mdata-get sdc:alias; id -u; ls /manatee/pg/data/PG_VERSION")
        .await;
    let expected = format!("{}\n{}\n0\n/manatee/pg/data/PG_VERSION\n", zone.uuid, zone.alias);
    assert_eq!(seen, expected);
    region.output(zone.uuid, "echo here >/var/tmp/trace").await;
    let root = region.lab.directory().zone_root(zone.uuid);
    assert_eq!(std::fs::read_to_string(root.join("var/tmp/trace")).unwrap(), "here\n");
    let other = region.zone(Role::Postgres, 1).spec.uuid;
    let missing = region.script(other, "cat /var/tmp/trace").await;
    assert_ne!(missing.exit_code, 0);
    let outside =
        region.script(zone.uuid, &format!("ls {}", region.lab.directory().path().display())).await;
    assert_ne!(outside.exit_code, 0, "{outside:?}");
    let shown = region.output(zone.uuid, "manatee-adm show -v").await;
    assert!(shown.contains("cluster:     1.moray.lab.example.net"), "{shown}");
    let sitter =
        region.output(zone.uuid, "json -f /opt/smartdc/manatee/etc/sitter.json shardPath").await;
    assert_eq!(sitter, "/manatee/1.moray.lab.example.net\n");
}

pub(super) async fn services_are_governed_by_svcadm(region: &Region) {
    let router = region.zone(Role::ElectricMoray, 0).spec.uuid;
    let states = "svcs -H -o state electric-moray-2021";
    region.output(router, "svcadm disable -s electric-moray-2021").await;
    assert_eq!(region.output(router, states).await.trim(), "disabled");
    // haproxy passes on to the other one.
    let count = region.psql(1, "select count(*) from manta").await;
    assert_ne!(count, "0");
    region.output(router, "svcadm enable -s electric-moray-2021").await;
    assert_eq!(region.output(router, states).await.trim(), "online");
    let location =
        region.output(router, "svcprop -p electric-moray/ring-location electric-moray-2022").await;
    assert_eq!(location, "/electric-moray/chash/leveldb-2022\n");
    let unknown = region.script(router, "svcadm enable no-such-service").await;
    assert_eq!(unknown.exit_code, 1, "{unknown:?}");
    assert!(unknown.stderr.contains("doesn't match any instances"), "{unknown:?}");
}

/// A router opens its ring under LevelDB's lock, and knows only what it read at its start.
pub(super) async fn a_router_holds_its_ring(region: &Region) {
    let zone = region.zone(Role::ElectricMoray, 0).spec;
    let ring = region.lab.directory().in_zone(zone.uuid, "/electric-moray/chash/leveldb-2021");
    let locked = fash::RingEditor::open(&ring).map(drop).unwrap_err();
    assert!(locked.to_string().contains("in use"), "{locked}");

    let client = moray_client::Client::new(
        format!("{}:2020", zone.address),
        moray_client::ClientOptions::default(),
    );
    let key = "/b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69/stor/region/object";
    let value = serde_json::json!({
        "key": key, "dirname": "/b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69/stor/region", "name": "object",
        "owner": "b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69", "type": "object", "objectId": "1",
    });
    let put = client
        .put_object("manta", key, &value, &moray_client::PutOptions::default())
        .await
        .unwrap();
    let vnode = put.node.unwrap().vnode;

    for instance in ["electric-moray-2021", "electric-moray-2022"] {
        region.output(zone.uuid, &format!("svcadm disable -s {instance}")).await;
    }
    for number in [2021, 2022] {
        let path = region
            .lab
            .directory()
            .in_zone(zone.uuid, format!("/electric-moray/chash/leveldb-{number}"));
        let mut editor = fash::RingEditor::open(&path).unwrap();
        let vnode = fash::Vnode::new(u32::try_from(vnode).unwrap());
        editor.set_data(&[vnode], &fash::VnodeData::read_only()).unwrap();
        // Where this runs as root: the files are the zone's.
        let (owner, ring) = (path.parent().unwrap().display(), path.display());
        run("chown", &["-R", &format!("--reference={owner}"), &ring.to_string()]);
    }
    for instance in ["electric-moray-2021", "electric-moray-2022"] {
        region.output(zone.uuid, &format!("svcadm enable -s {instance}")).await;
    }
    eventually("the router refuses the vnode", async || {
        let refused =
            client.put_object("manta", key, &value, &moray_client::PutOptions::default()).await;
        refused.is_err_and(|error| {
            error.server_error().is_some_and(|error| error.message.contains("read-only mode"))
        })
    })
    .await;
    let read = client.get_object("manta", key, &moray_client::GetOptions::default()).await.unwrap();
    assert_eq!(read.value["name"], "object");
}

/// While config-agent is disabled nobody writes a Moray's file, not even at a reboot, and Moray follows what it says. Enabled again,
/// it has the last word.
pub(super) async fn a_moray_keeps_an_edited_configuration(region: &Region) {
    let layout = region.lab.layout();
    let moray = region.zone(Role::Moray, 0).spec;
    let (first, second) = (layout.shard_name(1), layout.shard_name(2));
    let (regular, switch) = (format!("/manatee/{first}"), format!("/manta_reshard/switch/{first}"));
    let zookeeper = zookeeper_client(&layout.zookeeper()).await;
    let persistent = CreateMode::Persistent.with_acls(Acls::anyone_all());
    zookeeper.mkdir(&switch, &persistent).await.unwrap();
    let (state, _) = zookeeper.get_data(&format!("/manatee/{second}/state")).await.unwrap();
    zookeeper.create(&format!("{switch}/state"), &state, &persistent).await.unwrap();
    let all_are_at = async |shard: u32| {
        let sql = format!(
            "select count(*) from pg_stat_activity where usename = 'moray' and client_addr = '{}'",
            moray.address
        );
        [region.psql(shard, &sql).await, region.psql(3 - shard, &sql).await] == ["16", "0"]
    };
    eventually("all sessions are at the shard", async || all_are_at(1).await).await;

    let config = "/opt/smartdc/moray/etc/config.json";
    let edit = format!(
        "svcadm disable -s config-agent && sed -i 's|{regular}|{switch}|' {config} && svcadm restart moray"
    );
    region.output(moray.uuid, &edit).await;
    eventually("all sessions are where the file says", async || all_are_at(2).await).await;
    let url = region.url("vmapi", &format!("/vms/{}?action=reboot", moray.uuid));
    let job = curl(&["-X", "POST", "-d", "", &url])["job_uuid"].clone();
    let wait = region.url("vmapi", &format!("/jobs/{}/wait", job.as_str().unwrap()));
    assert_eq!(curl(&[&wait])["execution"], "succeeded");
    eventually("all sessions are there again", async || all_are_at(2).await).await;
    let path = format!("json -f {config} manatee.manatee.path");
    assert_eq!(region.output(moray.uuid, &path).await.trim(), switch);

    region.output(moray.uuid, "svcadm enable -s config-agent && svcadm restart moray").await;
    assert_eq!(region.output(moray.uuid, &path).await.trim(), regular);
    eventually("all sessions are at the shard", async || all_are_at(1).await).await;
    eventually("the shard takes writes", async || region.writes().await.is_ok()).await;
    zookeeper.delete(&format!("{switch}/state"), None).await.unwrap();
}

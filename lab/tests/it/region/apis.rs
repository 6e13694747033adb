//! The emulated Triton, by curl.

use lab::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::started::{Region, psql};
use super::{curl, eventually, run};

fn post(url: &str, body: &Value) -> Value {
    curl(&["-X", "POST", "-H", "content-type: application/json", "-d", &body.to_string(), url])
}

pub(super) fn scripts_run_in_zones_by_cnapi(region: &Region) {
    let zone = region.zone(Role::Postgres, 0).spec;
    let script = format!("#!/bin/bash\nzlogin {} 'zonename; exit 3'\n", zone.uuid);
    let url = region.url("cnapi", &format!("/servers/{}/execute", zone.server));
    let answer = post(&url, &json!({"script": script, "json": true}));
    assert_eq!(answer["stdout"], json!(format!("{}\n", zone.uuid)), "{answer}");
    assert_eq!(answer["exitCode"], json!(3), "{answer}");
}

/// A zone knows what SAPI is told only after config-agent has asked, and its services only after a restart.
pub(super) async fn metadata_reach_a_zone_when_it_asks(region: &Region) {
    let router = region.zone(Role::ElectricMoray, 0).spec;
    let application = region.lab.layout().application;
    let url = region.url("sapi", &format!("/applications/{application}"));
    let shards = json!([
        {"host": "1.moray.lab.example.net"},
        {"host": "2.moray.lab.example.net", "readOnly": true, "last": true},
    ]);
    let change = |shards: &Value| {
        let body =
            json!({"action": "update", "metadata": {"INDEX_MORAY_SHARDS": shards}}).to_string();
        curl(&["-X", "PUT", "-H", "content-type: application/json", "-d", &body, &url])
    };
    change(&shards);
    let read_only =
        "json -f /opt/smartdc/electric-moray/etc/config.json ringCfg.indexShards.1.readOnly";
    region.output(router.uuid, "svcadm restart -s config-agent").await;
    assert_eq!(region.output(router.uuid, read_only).await.trim(), "true");
    let status = format!("http://{}:4021/status", router.address);
    assert_eq!(curl(&[&status])["index_shards"][1].get("readOnly"), None);
    region.output(router.uuid, "svcadm restart -s electric-moray-2021").await;
    eventually("the router knows", async || {
        let shown = run("sh", &["-c", &format!("curl -sS {status} || true")]);
        shown.contains("\"readOnly\":true")
    })
    .await;
    let shards = json!([{"host": "1.moray.lab.example.net"}, {"host": "2.moray.lab.example.net", "last": true}]);
    change(&shards);
    region
        .output(
            router.uuid,
            "svcadm restart -s config-agent; svcadm restart -s electric-moray-2021",
        )
        .await;
}

/// An instance that SAPI is told to make really is a zone, restores, and streams as an async.
pub(super) async fn a_peer_is_provisioned_and_catches_up(region: &Region) {
    let services = curl(&[&region.url("sapi", "/services?name=postgres&include_master=true")]);
    let service = services[0]["uuid"].as_str().unwrap();
    let sibling = region.zone(Role::Postgres, 0).spec;
    let instance = curl(&[&region.url("sapi", &format!("/instances/{}", sibling.uuid))]);
    let uuid = Uuid::new_v4();
    let alias = format!("1.postgres.lab.example.net-{}", &uuid.to_string()[..8]);
    let body = json!({
        "uuid": uuid, "service_uuid": service, "master": true, "metadata": instance["metadata"],
        "params": {
            "alias": alias, "server_uuid": sibling.server, "image_uuid": sibling.image,
            "tags": {"manta_role": "postgres", "manta_reshard_plan": "region"},
        },
    });
    post(&region.url("sapi", "/instances"), &body);
    let vm = curl(&[&region.url("vmapi", &format!("/vms/{uuid}"))]);
    assert_eq!(vm["state"], json!("running"), "{vm}");
    let address = region.control.zone(uuid).await.unwrap().spec.address.to_string();
    eventually("the new peer streams", async || {
        let url = format!("tcp://postgres@{address}:5432/postgres");
        let sync = region.zone(Role::Postgres, 1).spec.address.to_string();
        let sql = format!("select state from pg_stat_replication where application_name = '{url}'");
        psql(&sync, &sql) == "streaming"
    })
    .await;
    let rows = "select count(*) from manta";
    let primary = region.psql(1, rows).await;
    eventually("the new peer has the rows", async || psql(&address, rows) == primary).await;

    // Gone again, with its zone.
    let deleted = region.url("sapi", &format!("/instances/{uuid}"));
    run("curl", &["-sSf", "-X", "DELETE", &deleted]);
    let vm = curl(&[&region.url("vmapi", &format!("/vms/{uuid}"))]);
    assert_eq!(vm["state"], json!("destroyed"), "{vm}");
}

pub(super) fn the_rules_of_aliases_and_images(region: &Region) {
    let zone = region.zone(Role::Moray, 0).spec;
    let update = region.url("vmapi", &format!("/vms/{}?action=update", zone.uuid));
    let duplicate = post(&update, &json!({"alias": zone.alias}));
    assert_eq!(duplicate["errors"][0]["code"], json!("Duplicate"), "{duplicate}");

    let image = region.url("imgapi", &format!("/images/{}", region.lab.layout().ring_image));
    let ring = curl(&[&image]);
    assert_eq!(ring["name"], json!("manta-hash-ring"), "{ring}");
    let file = run("sh", &["-c", &format!("curl -sS {image}/file | tar -tzf -")]);
    assert!(file.lines().any(|line| line == "hash_ring/CURRENT"), "{file}");
}

//! Zones as SAPI makes them: configured from its metadata, with rings from IMGAPI. All real but the services, which are
//! scripts. The only test that takes the block's addresses for APIs.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use fash::{Algorithm, Pnode, Ring, RingReader, create_ring, pack};
use serde_json::{Value, json};
use uuid::Uuid;

use super::tests::{Lab, eventually};
use crate::config_agent;
use crate::context::ServiceContext;
use crate::messages::{ExecRequest, ServiceState, SmfAction, ZoneState};
use crate::role::Role;
use crate::triton::cnapi::Cnapi;
use crate::triton::vmapi::{JobFault, JobTask, Vmapi, VmapiOptions};
use crate::triton::{ApiServer, FaultPoint, Imgapi, ImgapiOptions, Population, Sapi, SapiOptions};
use crate::zones::{Manifest, manifests};

#[derive(clap::Parser)]
struct Arguments {
    #[command(flatten)]
    context: ServiceContext,
}

struct Region {
    lab: Lab,
    vmapi: Arc<Vmapi>,
    client: reqwest::Client,
    _servers: [ApiServer; 4],
}

impl Region {
    async fn new() -> Self {
        let lab = Lab::new();
        let layout = lab.zones.layout().clone();
        let block = layout.block;
        let state = |name: &str| lab.directory.path().join("triton").join(name);
        let url = |address| format!("http://{address}");
        let none = FaultPoint::none();
        let templates = manifests(&layout).into_iter().map(Manifest::into_template).collect();
        let population = Population::of(&layout, templates);
        let mut options = SapiOptions::new(url(block.vmapi()), url(block.cnapi()));
        options.job_poll = Duration::from_millis(50);
        let sapi = Sapi::open(&state("sapi"), options, population).unwrap();
        let imgapi = Imgapi::open(&state("imgapi"), ImgapiOptions::new(layout.poseidon)).unwrap();
        let job_duration = Duration::from_millis(50);
        let options = VmapiOptions { job_duration, imgapi: Some(url(block.imgapi())) };
        let vmapi = Vmapi::open(&state("vmapi"), lab.zones.clone(), options).unwrap();
        let cnapi = Cnapi::new(lab.zones.clone());
        let servers = [
            sapi.serve(block.sapi(), none.clone()).await.unwrap(),
            imgapi.serve(block.imgapi(), none.clone()).await.unwrap(),
            vmapi.serve(block.vmapi(), none.clone()).await.unwrap(),
            cnapi.serve(block.cnapi(), none).await.unwrap(),
        ];
        Self { lab, vmapi, client: reqwest::Client::new(), _servers: servers }
    }

    async fn send(&self, method: &str, url: String, body: Vec<u8>, json: bool) -> (u16, Value) {
        let kind = if json { "application/json" } else { "application/octet-stream" };
        let request = self.client.request(method.parse().unwrap(), format!("http://{url}"));
        let request = request.header("accept-version", "~2").header("content-type", kind);
        let response = request.body(body).send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn sapi(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.lab.zones.layout().block.sapi());
        self.send(method, url, body.to_string().into(), true).await
    }

    /// Puts a ring of so many vnodes into IMGAPI, and its name into SAPI.
    async fn publish_ring(&self, image: Uuid, vnodes: u32) {
        let layout = self.lab.zones.layout();
        let place = self.lab.directory.path().join(image.to_string());
        let pnode: Pnode = "tcp://1.moray.lab.example.net:2020".parse().unwrap();
        let ring = Ring::create(Algorithm::Sha256, vnodes, vec![pnode]).unwrap();
        fs::create_dir(&place).unwrap();
        create_ring(place.join("hash_ring"), &ring).unwrap();
        pack(&place.join("hash_ring"), &place.join("ring.tgz"), None).unwrap();
        let manifest = json!({"v": 2, "uuid": image, "owner": layout.poseidon, "name": "manta-hash-ring",
            "version": "20181122T000000Z", "type": "other", "os": "other", "public": false});
        let url = format!("{}/images/{image}", layout.block.imgapi());
        let import = format!("{url}?action=import");
        let done = self.send("POST", import, manifest.to_string().into(), true).await;
        assert_eq!(done.0, 200, "{}", done.1);
        let file = fs::read(place.join("ring.tgz")).unwrap();
        let done = self.send("PUT", format!("{url}/file?compression=gzip"), file, false).await;
        assert_eq!(done.0, 200, "{}", done.1);
        let done = self.send("POST", format!("{url}?action=activate"), Vec::new(), true).await;
        assert_eq!(done.0, 200, "{}", done.1);
        let imgapi = format!("http://{}", layout.block.imgapi());
        let metadata = json!({"HASH_RING_IMAGE": image, "HASH_RING_IMGAPI_SERVICE": imgapi});
        let path = format!("/applications/{}", layout.application);
        assert_eq!(self.sapi("PUT", &path, json!({"metadata": metadata})).await.0, 200);
    }

    fn read(&self, zone: Uuid, path: &str) -> String {
        fs::read_to_string(self.lab.zones.inner.directory.in_zone(zone, path)).unwrap()
    }

    async fn service(&self, name: &str) -> String {
        let (_, services) = self.sapi("GET", &format!("/services?name={name}"), json!({})).await;
        services[0]["uuid"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_are_made_through_sapi() {
    let region = Region::new().await;
    postgres(&region).await;
    electric_moray(&region).await;
    config_agent(&region).await;
    region.lab.zones.shut_down().await;
}

async fn postgres(region: &Region) {
    let layout = region.lab.zones.layout();
    let uuid = Uuid::new_v4();
    let shard = layout.shard_name(2);
    let alias = layout.alias(Role::Postgres, Some(2), uuid);
    let instance = json!({
        "uuid": uuid, "service_uuid": region.service("postgres").await,
        "params": {"alias": alias, "server_uuid": layout.servers[2].uuid,
            "image_uuid": layout.image(Role::Postgres), "tags": {"manta_role": "postgres"}},
        "metadata": {"SERVICE_NAME": shard, "SHARD": "2", "MANATEE_SHARD_PATH": format!("/manatee/{shard}")},
    });
    let (status, made) = region.sapi("POST", "/instances", instance.clone()).await;
    assert_eq!(status, 200, "{made}");
    let zone = region.lab.zones.status(uuid).unwrap();
    assert_eq!((zone.state, zone.spec.role), (ZoneState::Running, Role::Postgres));
    assert_eq!(zone.spec.server, layout.servers[2].uuid);
    assert!(zone.services.iter().all(|service| service.state == ServiceState::Online));
    let sitter: Value =
        serde_json::from_str(&region.read(uuid, "/opt/smartdc/manatee/etc/sitter.json")).unwrap();
    assert_eq!(sitter["shardPath"], json!(format!("/manatee/{shard}")));
    assert_eq!(sitter["ip"], json!(zone.spec.address));
    assert_eq!(sitter["zookeeper"]["servers"], layout.zookeeper());
    let stdin = "echo $SHARD $ZK_IPS".to_owned();
    let login = ExecRequest { stdin, ..ExecRequest::default() };
    let shell = async || region.lab.zones.exec(uuid, &login).await.unwrap().stdout;
    assert_eq!(shell().await, format!("{shard} {}\n", layout.zookeeper()));

    // The metadata reaches the zone with config-agent's next pass, and the environment with a reprovision.
    let third = layout.shard_name(3);
    let path = format!("/manatee/{third}");
    let update = json!({"metadata": {"MANATEE_SHARD_PATH": path, "SERVICE_NAME": third}});
    assert_eq!(region.sapi("PUT", &format!("/instances/{uuid}"), update).await.0, 200);
    region.lab.smf(uuid, SmfAction::Restart, "config-agent").await;
    assert!(region.read(uuid, "/opt/smartdc/manatee/etc/sitter.json").contains(&path));
    let backup = region.read(uuid, "/opt/smartdc/manatee/etc/backup.json");
    assert!(backup.contains(&third), "{backup}");
    assert!(shell().await.starts_with(&shard));
    let directory = &region.lab.zones.inner.directory;
    fs::write(directory.in_zone(uuid, "/manatee/pg/kept"), "").unwrap();
    fs::write(directory.in_zone(uuid, "/var/tmp/lost"), "").unwrap();
    let upgrade = json!({"image_uuid": layout.image(Role::Postgres)});
    let (status, done) = region.sapi("PUT", &format!("/instances/{uuid}/upgrade"), upgrade).await;
    assert_eq!(status, 200, "{done}");
    assert!(shell().await.starts_with(&third));
    assert!(directory.in_zone(uuid, "/manatee/pg/kept").exists());
    assert!(!directory.in_zone(uuid, "/var/tmp/lost").exists());

    let message = "no compute resources available".to_owned();
    let task = JobTask::Provision;
    region.vmapi.fail_next(JobFault { task, message, object: false, after_acting: false });
    let mut failing = instance;
    failing["uuid"] = json!(Uuid::new_v4());
    failing["params"]["alias"] = json!("2.postgres.other");
    let (status, error) = region.sapi("POST", "/instances", failing).await;
    assert_eq!((status, &error["code"]), (500, &json!("ProvisionFailedError")), "{error}");
}

async fn electric_moray(region: &Region) {
    let layout = region.lab.zones.layout();
    region.publish_ring(layout.ring_image, 64).await;
    let spec = layout.zones_of(Role::ElectricMoray).next().unwrap().clone();
    let zone = spec.uuid;
    region.lab.zones.provision(spec.clone()).await.unwrap();
    region.vmapi.adopt(layout.poseidon, &[spec]).unwrap();
    let config = "/opt/smartdc/electric-moray/etc/config.json";
    let config: Value = serde_json::from_str(&region.read(zone, config)).unwrap();
    let hosts = json!([{"host": layout.shard_name(1)}, {"host": layout.shard_name(2)}]);
    assert_eq!(config["ringCfg"]["indexShards"], hosts);
    let directory = &region.lab.zones.inner.directory;
    let vnodes = |number: u32| {
        let path = super::services::ring_location(number);
        let reader = RingReader::open_live(directory.in_zone(zone, path)).unwrap();
        reader.load().unwrap().vnode_count()
    };
    assert_eq!((vnodes(1), vnodes(2)), (64, 64));
    // A reprovision installs the ring that SAPI names then.
    region.publish_ring(Uuid::new_v4(), 128).await;
    let path = format!("/instances/{zone}/upgrade");
    let upgrade = json!({"image_uuid": layout.image(Role::ElectricMoray)});
    let (status, done) = region.sapi("PUT", &path, upgrade).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!((vnodes(1), vnodes(2)), (128, 128));
}

/// The service itself, which asks SAPI again and again.
async fn config_agent(region: &Region) {
    let layout = region.lab.zones.layout();
    let directory = &region.lab.zones.inner.directory;
    fs::write(directory.layout(), serde_json::to_vec(layout).unwrap()).unwrap();
    let zone = layout.zones_of(Role::ElectricMoray).next().unwrap().uuid;
    let lab = directory.path().display().to_string();
    let words = ["config-agent", "--lab", &lab, "--zone", &zone.to_string()];
    let context = Arguments::parse_from(words).context;
    let agent = tokio::spawn(async move { config_agent::run(context).await.unwrap() });
    let shards = json!([{"host": layout.shard_name(1), "readOnly": true, "last": true}]);
    let update = json!({"metadata": {"INDEX_MORAY_SHARDS": shards}});
    let path = format!("/applications/{}", layout.application);
    assert_eq!(region.sapi("PUT", &path, update).await.0, 200);
    eventually("the new configuration", async || {
        let config = region.read(zone, "/opt/smartdc/electric-moray/etc/config.json");
        let config: Value = serde_json::from_str(&config).unwrap();
        let expected = json!([{"host": layout.shard_name(1), "readOnly": true}]);
        config["ringCfg"]["indexShards"] == expected
    })
    .await;
    agent.abort();
}

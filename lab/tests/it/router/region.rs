//! Two shards of one PostgreSQL server each, a Moray for each, and one zone of routers.

use std::fs;
use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fash::{Algorithm, Ring, Vnode};
use lab::seed::{self, ShardKind};
use lab::{AddressBlock, Host, LabDirectory, Layout, Options, Role, ZoneSpec};
use moray_client::{
    Client, ClientOptions, Error, ErrorName, EtagCondition, GetOptions, Object, PutOptions,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Postgres, ZooKeeper};
use zookeeper::{Acls, CreateMode};

use crate::servers::{Process, configure_moray, service, wait_until, write, zookeeper_client};

const VNODES: u32 = 1024;
pub(super) const OBJECTS: u64 = 3000;

/// Two shards of one PostgreSQL server each, a Moray for each, and one zone of routers.
pub(super) struct Region {
    pub(super) layout: Layout,
    directory: LabDirectory,
    pub(super) ring: Ring,
    pub(super) postgres: Vec<Postgres>,
    pub(super) router_zone: ZoneSpec,
    pub(super) routers: Vec<Option<Process>>,
    pub(super) client: Client,
    /// Those of the shards.
    pub(super) registrars: Vec<Option<Process>>,
    others: Option<Vec<Process>>,
    _zookeeper: ZooKeeper,
    _temporary: TempDir,
}

impl Region {
    pub(super) async fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        assert!(
            std::process::Command::new("chmod")
                .arg("755")
                .arg(temporary.path())
                .status()
                .unwrap()
                .success()
        );
        let options = Options {
            peers: 1,
            routers: 1,
            router_instances: 2,
            vnodes: VNODES,
            objects: OBJECTS,
            ..Options::default()
        };
        let host = Host::default();
        let layout = Layout::new(options, AddressBlock::new(202), host).unwrap();
        let directory = LabDirectory::new(temporary.path());
        fs::write(directory.layout(), serde_json::to_string(&layout).unwrap()).unwrap();
        let server = ZooKeeper::start_at(layout.zookeeper().parse().unwrap());
        let mut others = Vec::new();
        let postgres: Vec<Postgres> = layout
            .zones_of(Role::Postgres)
            .map(|zone| {
                Postgres::start_at(SocketAddrV4::new(zone.address, 5432)).in_database("moray")
            })
            .collect();

        let pnodes = layout.shard_names().map(|name| format!("tcp://{name}:2020").parse().unwrap());
        let pnodes: Vec<fash::Pnode> = pnodes.collect();
        let ring = Ring::create(Algorithm::Sha256, VNODES, pnodes.clone()).unwrap();
        for server in &postgres {
            seed::install(server.address(), ShardKind::IndexAndStorage).await.unwrap();
            seed::install(server.address(), ShardKind::Index).await.unwrap();
        }
        let shards: Vec<_> =
            pnodes.into_iter().zip(postgres.iter().map(Postgres::address)).collect();
        let began = Instant::now();
        let loaded = seed::load(1, OBJECTS, &ring, &shards).await.unwrap();
        assert_eq!(loaded.iter().sum::<u64>(), OBJECTS);
        println!("{OBJECTS} objects loaded in {:.2?}", began.elapsed());
        enter_states(&layout, 0).await;

        let router_zone = layout.zones_of(Role::ElectricMoray).next().unwrap().clone();
        let mut region = Self {
            router_zone,
            client: Client::new("127.77.202.20:2020", ClientOptions::default()),
            routers: vec![None, None],
            registrars: Vec::new(),
            others: None,
            _zookeeper: server,
            _temporary: temporary,
            layout,
            directory,
            ring,
            postgres,
        };
        let zookeeper = json!({"servers": region.layout.zookeeper(), "sessionTimeoutMs": 3000});
        for zone in region.layout.zones_of(Role::Moray) {
            let shard = region.layout.shard_name(zone.shard.unwrap());
            let registration = json!({"domain": shard, "type": "moray_host", "ports": [2020]});
            let config = json!({"registration": registration, "zookeeper": zookeeper, "adminIp": zone.address});
            region.write(zone, "/opt/smartdc/registrar/etc/config.json", &config);
            let (path, servers) = (format!("/manatee/{shard}"), region.layout.zookeeper());
            configure_moray(&region.directory, zone, &servers, &path, &json!({}));
            others.push(service(region.directory.path(), zone.uuid, "moray", None));
        }
        region.start_registrars();
        let zone = region.router_zone.clone();
        fs::create_dir_all(region.directory.zone(zone.uuid)).unwrap();
        fs::write(region.directory.zone_spec(zone.uuid), serde_json::to_string(&zone).unwrap())
            .unwrap();
        let domain = "electric-moray.lab.example.net";
        let config = json!({"registration": {"domain": domain, "type": "moray_host", "ports": [2020]},
            "zookeeper": zookeeper, "adminIp": zone.address, "healthCheck": {"file": "/var/tmp/electric-moray-ready"}});
        region.write(&zone, "/opt/smartdc/registrar/etc/config.json", &config);
        others.push(service(region.directory.path(), zone.uuid, "registrar", None));
        others.push(service(region.directory.path(), zone.uuid, "haproxy", None));
        region.others = Some(others);
        for instance in 0..2 {
            fash::create_ring(region.ring_path(instance), &region.ring).unwrap();
        }
        region.start_routers(&[1, 2], None);
        region.eventually_put("/start/stor/first").await;
        region
    }

    fn write(&self, zone: &ZoneSpec, path: &str, config: &Value) {
        write(&self.directory, zone, path, config);
    }

    pub(super) fn start_registrars(&mut self) {
        let start = |zone: &ZoneSpec| service(self.directory.path(), zone.uuid, "registrar", None);
        self.registrars = self.layout.zones_of(Role::Moray).map(start).map(Some).collect();
    }

    pub(super) fn ring_path(&self, instance: usize) -> PathBuf {
        let path = format!("/electric-moray/chash/leveldb-{}", 2021 + instance);
        let path = self.directory.in_zone(self.router_zone.uuid, path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Starts the routers with these shards as the configured ones.
    pub(super) fn start_routers(&mut self, shards: &[u32], read_only: Option<u32>) {
        let shards: Vec<Value> = shards
            .iter()
            .map(|shard| {
                let host = self.layout.shard_name(*shard);
                if read_only == Some(*shard) {
                    json!({"host": host, "readOnly": true})
                } else {
                    json!({"host": host})
                }
            })
            .collect();
        let zone = self.router_zone.clone();
        let config = json!({"ringCfg": {"indexShards": shards}, "ip": zone.address, "domain": "lab.example.net",
            "zookeeper": {"servers": self.layout.zookeeper(), "sessionTimeoutMs": 3000}});
        self.write(&zone, "/opt/smartdc/electric-moray/etc/config.json", &config);
        for instance in 0..2 {
            let name = format!(
                "svc:/smartdc/application/electric-moray:electric-moray-{}",
                2021 + instance
            );
            self.routers[instance] =
                Some(service(self.directory.path(), zone.uuid, "electric-moray", Some(&name)));
        }
        // What the old one is connected to is gone.
        self.client = Client::new("127.77.202.20:2020", ClientOptions::default());
        for port in [4021, 4022] {
            wait_until("the router's status server listens", || {
                std::net::TcpStream::connect((zone.address, port)).is_ok()
            });
        }
    }

    pub(super) fn stop_routers(&mut self) {
        for router in &mut self.routers {
            assert!(
                router.take().unwrap().stop(Signal::TERM),
                "a router that is told to stop ends well"
            );
        }
    }

    pub(super) async fn eventually_put(&self, key: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Err(error) = self.put(key, &EtagCondition::Any).await {
            assert!(Instant::now() < deadline, "{}", error.with_causes());
            assert!(!error.is_etag_conflict());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Reads an object as soon as the router knows where its shard is, which it learns only after it listens.
    pub(super) async fn eventually_get(&self, key: &str) -> Object {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.client.get_object("manta", key, &GetOptions::default()).await {
                Ok(object) => return object,
                Err(error) => {
                    let name = error.server_error().map(|error| &error.name);
                    assert_eq!(name, Some(&ErrorName::NoBackends), "{}", error.with_causes());
                    assert!(Instant::now() < deadline, "{}", error.with_causes());
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) async fn put(
        &self,
        key: &str,
        etag: &EtagCondition,
    ) -> Result<moray_client::Put, Error> {
        let (dirname, name) = key.rsplit_once('/').unwrap();
        let value = json!({"dirname": dirname, "key": key, "name": name, "type": "object", "objectId": name});
        let options = PutOptions { etag: etag.clone(), ..Default::default() };
        self.client.put_object("manta", key, &value, &options).await
    }

    /// The server that has a key's directory, and the vnode.
    pub(super) fn home(&self, directory: &str) -> (&Postgres, Vnode) {
        let node = self.ring.lookup(directory.as_bytes()).unwrap();
        let index = self.ring.pnodes().iter().position(|pnode| pnode == node.pnode).unwrap();
        (&self.postgres[index], node.vnode)
    }

    /// A directory of a shard.
    pub(super) fn directory_on(&self, shard: usize) -> String {
        let pnode = &self.ring.pnodes()[shard];
        let name = |number: u32| format!("/on{shard}/stor/{number}");
        (0..1000)
            .map(name)
            .find(|key| self.ring.lookup(key.as_bytes()).unwrap().pnode == pnode)
            .unwrap()
    }
}

impl Drop for Region {
    /// Shows what the services had to say if the test has failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.directory.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("log-") {
                println!(
                    "{}\n{}",
                    entry.path().display(),
                    fs::read_to_string(entry.path()).unwrap()
                );
            }
        }
    }
}

/// Enters a cluster state of one peer for each shard. The peer is the one of the shard so many further on.
pub(crate) async fn enter_states(layout: &Layout, shift: usize) {
    let client = zookeeper_client(&layout.zookeeper()).await;
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let zones: Vec<_> = layout.zones_of(Role::Postgres).collect();
    for (index, zone) in zones.iter().enumerate() {
        let peer = zones[(index + shift) % zones.len()];
        let path = format!("/manatee/{}", layout.shard_name(zone.shard.unwrap()));
        client.mkdir(&path, &options).await.unwrap();
        let ip = peer.address;
        let primary = json!({"id": format!("{ip}:5432:12345"), "ip": ip, "zoneId": zone.uuid,
            "pgUrl": format!("tcp://postgres@{ip}:5432/postgres"), "backupUrl": format!("http://{ip}:12345")});
        let state = json!({"generation": 1, "primary": primary, "sync": null, "async": [], "deposed": [],
            "initWal": "0/00000000", "oneNodeWriteMode": true, "freeze": {"date": "", "reason": "a test"}});
        let (path, state) = (format!("{path}/state"), state.to_string());
        if client.check_stat(&path).await.unwrap().is_some() {
            client.set_data(&path, state.as_bytes(), None).await.unwrap();
        } else {
            client.create(&path, state.as_bytes(), &options).await.unwrap();
        }
    }
}

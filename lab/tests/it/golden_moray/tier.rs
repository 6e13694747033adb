//! Two shards without a bucket, a Moray for each, and a router whose ring has a read-only vnode.

use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use fash::{Algorithm, Ring, RingEditor, Vnode, VnodeData};
use lab::{AddressBlock, Host, LabDirectory, Layout, Options, Role, ZoneSpec};
use moray_client::{Client, ClientOptions, GetOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Postgres, ZooKeeper};

use crate::router::region::enter_states;
use crate::servers::{Process, configure_moray, service, wait_until, write};

const VNODES: u32 = 1024;
/// The vnode that none of the probe's keys is on.
const READ_ONLY: u32 = 1023;

/// The servers.
pub(super) struct Tier {
    layout: Layout,
    directory: LabDirectory,
    postgres: Vec<Postgres>,
    processes: Vec<Process>,
    _zookeeper: ZooKeeper,
    temporary: TempDir,
}

impl Tier {
    pub(super) async fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // PostgreSQL runs as someone else.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let options = Options {
            peers: 1,
            routers: 1,
            router_instances: 1,
            vnodes: VNODES,
            ..Options::default()
        };
        let layout = Layout::new(options, AddressBlock::new(203), Host::default()).unwrap();
        let directory = LabDirectory::new(temporary.path());
        fs::write(directory.layout(), serde_json::to_string(&layout).unwrap()).unwrap();
        let zookeeper = ZooKeeper::start_at(layout.zookeeper().parse().unwrap());
        let postgres: Vec<Postgres> = layout
            .zones_of(Role::Postgres)
            .map(|zone| {
                Postgres::start_at(SocketAddrV4::new(zone.address, 5432)).in_database("moray")
            })
            .collect();
        for server in &postgres {
            server.sql_in("postgres", "CREATE ROLE moray LOGIN CREATEDB PASSWORD 'moray'");
            let create = "CREATE DATABASE moray OWNER moray TEMPLATE template0 ENCODING 'UNICODE' \
                                  LC_COLLATE 'C' LC_CTYPE 'C'";
            server.sql_in("postgres", create);
            let table = "SET ROLE moray; CREATE TABLE buckets_config (name text PRIMARY KEY, index text NOT NULL, \
                         pre text NOT NULL, post text NOT NULL, options text, mtime timestamp without time zone \
                         DEFAULT now() NOT NULL)";
            server.sql(table);
        }
        enter_states(&layout, 0).await;
        let processes = Vec::new();
        let mut tier =
            Self { layout, directory, postgres, processes, _zookeeper: zookeeper, temporary };
        tier.start_morays();
        tier.start_router();
        tier.routed().await;
        tier
    }

    /// Waits until the router knows the Morays of both shards, which it learns only after it listens.
    async fn routed(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let router = self.router();
        for number in 0..16 {
            let key = format!("/{number}/x");
            while let Err(error) = router.get_object("manta", &key, &GetOptions::default()).await {
                if error.is_not_found() {
                    break;
                }
                assert!(Instant::now() < deadline, "{}", error.with_causes());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn zookeeper(&self) -> Value {
        json!({"servers": self.layout.zookeeper(), "sessionTimeoutMs": 3000})
    }

    fn zones(&self, role: Role) -> Vec<ZoneSpec> {
        self.layout.zones_of(role).cloned().collect()
    }

    fn write(&self, zone: &ZoneSpec, path: &str, config: &Value) {
        write(&self.directory, zone, path, config);
    }

    fn run(&mut self, zone: &ZoneSpec, name: &str, instance: Option<&str>) {
        self.processes.push(service(self.temporary.path(), zone.uuid, name, instance));
    }

    fn start_morays(&mut self) {
        for zone in self.zones(Role::Moray) {
            let shard = self.layout.shard_name(zone.shard.unwrap());
            let registration = json!({"domain": shard, "type": "moray_host", "ports": [2020]});
            let config = json!({"registration": registration, "zookeeper": self.zookeeper(), "adminIp": zone.address});
            self.write(&zone, "/opt/smartdc/registrar/etc/config.json", &config);
            let (path, servers) = (format!("/manatee/{shard}"), self.layout.zookeeper());
            configure_moray(&self.directory, &zone, &servers, &path, &json!({}));
            self.run(&zone, "moray", None);
            self.run(&zone, "registrar", None);
        }
    }

    fn start_router(&mut self) {
        let pnodes =
            self.layout.shard_names().map(|name| format!("tcp://{name}:2020").parse().unwrap());
        let ring = Ring::create(Algorithm::Sha256, VNODES, pnodes).unwrap();
        for zone in self.zones(Role::ElectricMoray) {
            let path = self.directory.in_zone(zone.uuid, "/electric-moray/chash/leveldb-2021");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fash::create_ring(&path, &ring).unwrap();
            let mut editor = RingEditor::open(&path).unwrap();
            editor.set_data(&[Vnode::new(READ_ONLY)], &VnodeData::read_only()).unwrap();
            drop(editor);
            let hosts: Vec<Value> =
                self.layout.shard_names().map(|host| json!({"host": host})).collect();
            let config = json!({"ringCfg": {"indexShards": hosts}, "ip": zone.address,
                "domain": "lab.example.net", "zookeeper": self.zookeeper()});
            self.write(&zone, "/opt/smartdc/electric-moray/etc/config.json", &config);
            let name = "svc:/smartdc/application/electric-moray:electric-moray-2021";
            self.run(&zone, "electric-moray", Some(name));
            wait_until("the router listens", || {
                std::net::TcpStream::connect((zone.address, 2021)).is_ok()
            });
        }
    }

    /// A client of the router.
    pub(super) fn router(&self) -> Client {
        let zone = &self.zones(Role::ElectricMoray)[0];
        Client::new(format!("{}:2021", zone.address), ClientOptions::default())
    }

    /// A client of the first shard's Moray.
    pub(super) fn moray(&self) -> Client {
        Client::new(
            format!("{}:2020", self.zones(Role::Moray)[0].address),
            ClientOptions::default(),
        )
    }

    /// The first shard's primary.
    pub(super) fn primary(&self) -> &Postgres {
        &self.postgres[0]
    }
}

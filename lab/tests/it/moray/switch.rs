//! Two PostgreSQL servers, and one Moray that follows a node of ZooKeeper to either.

use std::fs;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lab::seed::{self, ShardKind};
use lab::{AddressBlock, Host, LabDirectory, Layout, Options, Role, ZoneSpec};
use moray_client::{Client, ClientOptions, Error, Put, PutOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Postgres, ZooKeeper};
use zookeeper::{Acls, CreateMode};

use crate::servers::{Process, configure_moray, service, zookeeper_client};

/// The path that Moray follows at first.
pub(super) const PATH: &str = "/manta_reshard/switch/3.moray.lab.example.net";
/// Sessions that Moray has.
pub(super) const SESSIONS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(20);

/// The servers.
pub(super) struct Switch {
    layout: Layout,
    directory: LabDirectory,
    pub(super) postgres: Vec<Postgres>,
    pub(super) client: Client,
    pub(super) zookeeper: zookeeper::Client,
    pub(super) process: Option<Process>,
    _server: ZooKeeper,
    _temporary: TempDir,
}

/// A cluster state with a primary.
pub(super) fn state(primary: SocketAddr) -> Vec<u8> {
    let url = format!("tcp://postgres@{primary}/postgres");
    let peer =
        json!({"id": format!("{primary}:12345"), "ip": primary.ip(), "pgUrl": url, "zoneId": "z"});
    json!({"generation": 1, "primary": peer, "sync": null, "async": [], "deposed": []})
        .to_string()
        .into_bytes()
}

impl Switch {
    /// Starts all of it, with the first server as the primary.
    pub(super) async fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // PostgreSQL runs as someone else.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let options = Options { peers: 1, routers: 1, router_instances: 1, ..Options::default() };
        let layout = Layout::new(options, AddressBlock::new(206), Host::default()).unwrap();
        let directory = LabDirectory::new(temporary.path());
        fs::write(directory.layout(), serde_json::to_string(&layout).unwrap()).unwrap();
        let server = ZooKeeper::start_at(layout.zookeeper().parse().unwrap());
        let postgres: Vec<Postgres> = layout
            .zones_of(Role::Postgres)
            .map(|zone| {
                Postgres::start_at(SocketAddrV4::new(zone.address, 5432)).in_database("moray")
            })
            .collect();
        for server in &postgres {
            seed::install(server.address(), ShardKind::Index).await.unwrap();
        }
        let zookeeper = zookeeper_client(&layout.zookeeper()).await;
        let moray = layout.zones_of(Role::Moray).next().unwrap().address;
        let client = Client::new(format!("{moray}:2020"), ClientOptions::default());
        let mut switch = Self {
            layout,
            directory,
            postgres,
            client,
            zookeeper,
            process: None,
            _server: server,
            _temporary: temporary,
        };
        switch.make(&format!("{PATH}/election"), b"").await;
        switch.make(&format!("{PATH}/state"), &state(switch.server(0))).await;
        switch.restart(PATH, &json!({}));
        switch.sessions_are(0).await;
        switch
    }

    pub(super) fn zookeeper_address(&self) -> String {
        self.layout.zookeeper()
    }

    fn moray(&self) -> &ZoneSpec {
        self.layout.zones_of(Role::Moray).next().unwrap()
    }

    pub(super) fn server(&self, index: usize) -> SocketAddr {
        self.postgres[index].address()
    }

    /// An address where nothing listens.
    pub(super) fn closed(&self) -> SocketAddr {
        SocketAddr::new(self.server(0).ip(), 1)
    }

    /// Starts Moray, anew if it runs, with a configuration of this path.
    pub(super) fn restart(&mut self, path: &str, pg: &Value) {
        if let Some(process) = self.process.take() {
            assert!(process.stop(rustix::process::Signal::TERM));
        }
        let never = Duration::from_hours(1).as_millis();
        let mut settings = json!({"maxConnections": SESSIONS, "checkInterval": never});
        for (name, value) in pg.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let servers = self.layout.zookeeper();
        configure_moray(&self.directory, self.moray(), &servers, path, &settings);
        self.process = Some(service(self.directory.path(), self.moray().uuid, "moray", None));
    }

    /// Makes a node, and those above it.
    pub(super) async fn make(&self, path: &str, data: &[u8]) {
        let (parent, _) = path.rsplit_once('/').unwrap();
        let persistent = CreateMode::Persistent.with_acls(Acls::anyone_all());
        self.zookeeper.mkdir(parent, &persistent).await.unwrap();
        self.zookeeper.create(path, data, &persistent).await.unwrap();
    }

    /// Changes the state of the path that is followed at first.
    pub(super) async fn point(&self, primary: SocketAddr) {
        let path = format!("{PATH}/state");
        self.zookeeper.set_data(&path, &state(primary), None).await.unwrap();
    }

    pub(super) async fn put(&self, key: &str) -> Result<Put, Error> {
        put(&self.client, key, 41).await
    }

    /// The number of sessions of Moray at a server, by the address that they come from.
    pub(super) fn sessions(&self, index: usize) -> usize {
        let address = self.moray().address;
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'moray' AND client_addr = '{address}'"
        );
        self.postgres[index].sql(&sql).parse().unwrap()
    }

    /// Waits until all sessions are at one server, and none at the other.
    pub(super) async fn sessions_are(&self, index: usize) {
        self.until("all sessions are at the primary", || {
            self.sessions(index) == SESSIONS && self.sessions(1 - index) == 0
        })
        .await;
    }

    /// The number of objects at a server with a key of that beginning.
    pub(super) fn rows(&self, index: usize, beginning: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM manta WHERE _key LIKE '{beginning}%'");
        self.postgres[index].sql(&sql).parse().unwrap()
    }

    /// Waits until it is so.
    pub(super) async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

impl Drop for Switch {
    /// Shows what Moray had to say if the test has failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.directory.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("log-") {
                println!("{}", fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

/// Puts an object of a vnode.
pub(super) async fn put(client: &Client, key: &str, vnode: u32) -> Result<Put, Error> {
    let value = json!({"dirname": "/t", "name": key, "owner": "o", "type": "object", "objectId": "i", "vnode": vnode});
    client.put_object("manta", key, &value, &PutOptions::default()).await
}

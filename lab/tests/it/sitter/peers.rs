//! The peers of a shard, and what a test asks of them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{AddressBlock, Host, LabDirectory, Layout, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::ZooKeeper;
use uuid::Uuid;
use zookeeper::{Acls, Client, CreateMode};

use super::until;
use crate::servers::zookeeper_client;

pub(crate) const SESSION_TIMEOUT: Duration = Duration::from_secs(2);
/// Whom the sitters run as if the test runs as root, which PostgreSQL refuses. Debian's package makes the user.
const USER: &str = "postgres";

/// Test `test`'s peer `peer` has this address.
pub(crate) fn address(test: u8, peer: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 77, 201, test * 10 + u8::try_from(peer).unwrap() + 1)
}

pub(crate) struct Shard {
    test: u8,
    path: String,
    directory: TempDir,
    zones: Vec<Uuid>,
    singleton: bool,
    sitters: Vec<Option<Child>>,
    backup_servers: Vec<Option<Child>>,
    client: Client,
    pub(crate) zookeeper: ZooKeeper,
}

impl Shard {
    /// Peers that do not run yet, and a ZooKeeper that does.
    pub(crate) async fn new(test: u8, peers: usize) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let host = Host::default();
        let layout = Layout::new(Options::default(), AddressBlock::new(201), host).unwrap();
        let lab = LabDirectory::new(directory.path());
        fs::write(lab.layout(), serde_json::to_vec(&layout).unwrap()).unwrap();
        let server = SocketAddr::from((address(test, 9), 2181));
        let zookeeper = ZooKeeper::start_at(server);
        let shard = Self {
            test,
            path: "/manatee/1.moray.lab.example.net".to_owned(),
            zones: (0..peers).map(|_| Uuid::new_v4()).collect(),
            singleton: false,
            sitters: (0..peers).map(|_| None).collect(),
            backup_servers: (0..peers).map(|_| None).collect(),
            client: zookeeper_client(&server.to_string()).await,
            zookeeper,
            directory,
        };
        (0..peers).for_each(|peer| shard.configure(peer));
        shard
    }

    pub(crate) fn singleton(&mut self) {
        self.singleton = true;
        self.configure(0);
    }

    /// From the next start on the peers belong to another shard.
    pub(crate) async fn rename(&mut self, path: &str) {
        path.clone_into(&mut self.path);
        (0..self.zones.len()).for_each(|peer| self.configure(peer));
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        for node in ["election", "history"] {
            self.client.mkdir(&format!("{path}/{node}"), &options).await.unwrap();
        }
    }

    fn configure(&self, peer: usize) {
        let lab = LabDirectory::new(self.directory.path());
        let zone = self.zones[peer];
        let file = lab.in_zone(zone, "/opt/smartdc/manatee/etc/sitter.json");
        let config = json!({
            "shardPath": self.path,
            "ip": address(self.test, peer),
            "postgresPort": 5432,
            "backupPort": 12345,
            "zoneId": zone,
            "zookeeper": {
                "servers": format!("{}:2181", address(self.test, 9)),
                "sessionTimeoutMs": SESSION_TIMEOUT.as_millis(),
            },
            "oneNodeWriteMode": self.singleton,
            "dataDir": "/manatee/pg/data",
        });
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::create_dir_all(lab.in_zone(zone, "/manatee/pg")).unwrap();
        fs::write(&file, config.to_string()).unwrap();
        if is_root() {
            let zone = lab.zone(zone);
            let chown = Command::new("chown").arg("-R").arg(USER).arg(zone).status();
            assert!(chown.unwrap().success());
        }
    }

    /// Starts a peer's sitter, and its backup server.
    pub(crate) fn start(&mut self, peer: usize) {
        for (service, children) in
            [("sitter", &mut self.sitters), ("backup-server", &mut self.backup_servers)]
        {
            if service == "sitter" || children[peer].is_none() {
                let child = spawn(service, self.directory.path(), self.zones[peer]);
                children[peer] = Some(child);
            }
        }
    }

    /// Kills a peer's sitter, and with it PostgreSQL.
    pub(crate) async fn kill(&mut self, peer: usize) {
        let mut sitter = self.sitters[peer].take().unwrap();
        sitter.kill().unwrap();
        sitter.wait().unwrap();
        until("PostgreSQL ends with its sitter", async || !self.answers(peer)).await;
    }

    /// Asks a peer's sitter to stop. Whether that was orderly.
    pub(crate) async fn terminate(&mut self, peer: usize) -> bool {
        let mut sitter = self.sitters[peer].take().unwrap();
        kill_process(Pid::from_child(&sitter), Signal::TERM).unwrap();
        let mut status = None;
        until("a sitter stops", async || {
            status = sitter.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.is_some_and(|status| status.success())
    }

    pub(crate) fn runs(&mut self, peer: usize) -> bool {
        self.sitters[peer].as_mut().is_some_and(|sitter| sitter.try_wait().unwrap().is_none())
    }

    pub(crate) fn url(&self, peer: usize) -> String {
        format!("tcp://postgres@{}:5432/postgres", address(self.test, peer))
    }

    pub(crate) fn answers(&self, peer: usize) -> bool {
        self.sql_may_fail(peer, "SELECT 1").is_some()
    }

    /// The output of `psql`.
    pub(crate) fn sql(&self, peer: usize, sql: &str) -> String {
        self.sql_may_fail(peer, sql).unwrap_or_else(|| panic!("peer {peer} refuses {sql}"))
    }

    pub(crate) fn sql_may_fail(&self, peer: usize, sql: &str) -> Option<String> {
        let url = format!("postgresql://postgres@{}:5432/postgres", address(self.test, peer));
        let output = Command::new("psql").args(["-XAtq", &url, "-c", sql]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim().to_owned())
    }

    pub(crate) fn is_writable(&self, peer: usize) -> bool {
        let sql = "SELECT current_setting('default_transaction_read_only'), pg_is_in_recovery()";
        self.sql_may_fail(peer, sql).as_deref() == Some("off|f")
    }

    /// Tells whether `downstream` streams from `upstream`, and says who it is.
    pub(crate) fn streams(&self, upstream: usize, downstream: usize) -> bool {
        let name = self.url(downstream);
        let sql =
            format!("SELECT state FROM pg_stat_replication WHERE application_name = '{name}'");
        self.sql_may_fail(upstream, &sql).as_deref() == Some("streaming")
    }

    pub(crate) async fn get(&self, peer: usize, path: &str) -> (u16, Value) {
        self.ask(peer, 5433, path).await
    }

    pub(crate) async fn backup(&self, peer: usize, uuid: &str) -> (u16, Value) {
        self.ask(peer, 12345, &format!("/backup/{uuid}")).await
    }

    /// 0 while nobody listens.
    async fn ask(&self, peer: usize, port: u16, path: &str) -> (u16, Value) {
        let url = format!("http://{}:{port}{path}", address(self.test, peer));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let Ok(response) = client.get(url).send().await else { return (0, Value::Null) };
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    pub(crate) async fn state(&self) -> Option<Value> {
        let (data, _) = self.client.get_data(&self.node("state")).await.ok()?;
        Some(serde_json::from_slice(&data).unwrap())
    }

    pub(crate) async fn version(&self) -> i32 {
        self.client.get_data(&self.node("state")).await.unwrap().1.version
    }

    pub(crate) async fn create(&self, state: &Value) {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let data = state.to_string();
        self.client.create(&self.node("state"), data.as_bytes(), &options).await.unwrap();
    }

    pub(crate) async fn edit(&self, change: impl FnOnce(&mut Value)) {
        let (data, stat) = self.client.get_data(&self.node("state")).await.unwrap();
        let mut state: Value = serde_json::from_slice(&data).unwrap();
        change(&mut state);
        let data = state.to_string();
        let written =
            self.client.set_data(&self.node("state"), data.as_bytes(), Some(stat.version));
        written.await.unwrap();
    }

    /// Empty while ZooKeeper is away.
    pub(crate) async fn active(&self) -> Vec<String> {
        self.client.list_children(&self.node("election")).await.unwrap_or_default()
    }

    pub(crate) async fn history(&self) -> Vec<String> {
        let mut names = self.client.list_children(&self.node("history")).await.unwrap();
        names.sort_by_key(|name| name.rsplit_once('-').unwrap().1.to_owned());
        names
    }

    fn node(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }
}

fn spawn(service: &str, lab: &Path, zone: Uuid) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    }
    let log = LabDirectory::new(lab).zone(zone).join(format!("{service}.log"));
    let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    command
        .args([env!("CARGO_BIN_EXE_reshard-lab"), "lab-service", service, "--lab"])
        .arg(lab)
        .args(["--zone", &zone.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Drop for Shard {
    fn drop(&mut self) {
        let children = self.sitters.iter_mut().chain(&mut self.backup_servers);
        for child in children.flatten() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        if std::thread::panicking() {
            for zone in &self.zones {
                let log = LabDirectory::new(self.directory.path()).zone(*zone).join("sitter.log");
                let log = fs::read_to_string(log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(60).collect();
                println!("== {zone}, last line first\n{}", last.join("\n"));
            }
        }
    }
}

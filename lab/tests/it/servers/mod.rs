//! The lab's services, as children of a test.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use lab::{LabDirectory, ZoneSpec};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use test_servers::tied_to_the_test;

/// A process that ends with the test.
pub(crate) struct Process(Child);

impl Process {
    /// Tells whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, signal: Signal) -> bool {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
}

pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    test_servers::wait_until(what, Duration::from_secs(30), condition);
}

/// A client of ZooKeeper that makes nodes as servers know it before 3.5, too.
pub(crate) async fn zookeeper_client(servers: &str) -> zookeeper::Client {
    let connector = zookeeper::Client::connector().with_server_version(3, 4, 0);
    connector.with_session_timeout(Duration::from_mins(1)).connect(servers).await.unwrap()
}

/// Writes a file of a zone.
pub(crate) fn write(lab: &LabDirectory, zone: &ZoneSpec, path: &str, content: &Value) {
    let path = lab.in_zone(zone.uuid, path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

/// Writes down what a Moray has to know that follows the cluster of a path, with `pg` over the usual settings.
pub(crate) fn configure_moray(
    lab: &LabDirectory,
    zone: &ZoneSpec,
    zookeeper: &str,
    path: &str,
    pg: &Value,
) {
    fs::create_dir_all(lab.zone(zone.uuid)).unwrap();
    fs::write(lab.zone_spec(zone.uuid), serde_json::to_string(zone).unwrap()).unwrap();
    let zk = json!({"connStr": zookeeper, "opts": {"sessionTimeout": 3000}});
    let mut settings = json!({"connectTimeout": 4000, "maxConnections": 16, "user": "moray"});
    for (name, value) in pg.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let config = json!({"manatee": {"manatee": {"path": path, "zk": zk}, "pg": settings}});
    write(lab, zone, "/opt/smartdc/moray/etc/config.json", &config);
}

/// A service of a zone.
pub(crate) fn service(lab: &Path, zone: uuid::Uuid, name: &str, instance: Option<&str>) -> Process {
    let mut command = tied_to_the_test(env!("CARGO_BIN_EXE_reshard-lab"), None);
    command.args(["lab-service", name, "--lab"]).arg(lab).args(["--zone", &zone.to_string()]);
    if let Some(instance) = instance {
        command.args(["--instance", instance]);
    }
    let log = format!("log-{name}-{}-{zone}", instance.unwrap_or("default").replace('/', "_"));
    let log = fs::File::create(lab.join(log)).unwrap();
    Process(command.current_dir("/").stderr(log).spawn().unwrap())
}

//! The lab's services, as children of a test.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use test_servers::tied_to_the_test;

/// A process that ends with the test.
pub(crate) struct Process(Child);

impl Process {
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

//! A ZooKeeper server for a test.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::until;

/// Where Debian has them; the first ones' manifest names the others.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:\
                    /usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:\
                    /usr/share/java/snappy-java.jar";

pub(crate) struct ZooKeeper {
    directory: TempDir,
    address: SocketAddr,
    process: Option<Child>,
}

impl ZooKeeper {
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let mut server = Self { directory: TempDir::new().unwrap(), address, process: None };
        server.resume().await;
        server
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) async fn resume(&mut self) {
        let config = self.directory.path().join("zoo.cfg");
        let data = self.directory.path().join("data");
        let settings = format!(
            "dataDir={}\nclientPort={}\nclientPortAddress={}\ntickTime=200\nmaxSessionTimeout=60000\n\
             admin.enableServer=false\n4lw.commands.whitelist=srvr\n",
            data.display(),
            self.address.port(),
            self.address.ip()
        );
        std::fs::write(&config, settings).unwrap();
        self.process = Some(start(&config));
        let address = self.address;
        until("ZooKeeper answers", async || {
            let answer = timeout(Duration::from_secs(1), answers(address)).await;
            answer.is_ok_and(|answer| answer.is_some())
        })
        .await;
    }
}

fn start(config: &Path) -> Child {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args(["-Xmx128m", "-Dzookeeper.forceSync=no", "-cp", JARS])
        .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn answers(address: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"srvr").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.contains("Mode: standalone").then_some(())
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        self.stop();
    }
}

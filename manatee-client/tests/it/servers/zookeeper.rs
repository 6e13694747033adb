//! A ZooKeeper server: Debian's `libzookeeper-java` under a headless Java.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tempfile::TempDir;

use super::{free_port, tied_to_the_test, wait_until};

/// Its manifest names the other jars it needs; these it forgets.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:\
                    /usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:\
                    /usr/share/java/snappy-java.jar";

/// A running ZooKeeper server of one.
pub(crate) struct ZooKeeper {
    directory: TempDir,
    port: u16,
    process: Option<Child>,
}

impl ZooKeeper {
    /// Starts a server with an empty tree. Sessions may be as short as 400 milliseconds.
    pub(crate) fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let mut server = Self { directory, port: free_port(), process: None };
        server.resume();
        server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Stops the server; its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server again on the same port with the same data.
    pub(crate) fn resume(&mut self) {
        let data = self.directory.path().join("data");
        let config = self.directory.path().join("zoo.cfg");
        let (data, port) = (data.display(), self.port);
        let settings = format!(
            "dataDir={data}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime=200\nmaxSessionTimeout=60000\n\
             maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n"
        );
        fs::write(&config, settings).unwrap();
        let java = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m"];
        // Nothing here has to survive the loss of power.
        let process = tied_to_the_test(Path::new("java"), None)
            .args(java)
            .args(["-Dzookeeper.forceSync=no", "-cp", JARS])
            .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
            .arg(config)
            .spawn()
            .unwrap();
        self.process = Some(process);
        wait_until(
            "ZooKeeper answers (is libzookeeper-java installed?)",
            Duration::from_secs(30),
            || self.says("srvr").is_some_and(|answer| answer.contains("Mode: standalone")),
        );
    }

    /// The answer to one of its four-letter words.
    fn says(&self, word: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.write_all(word.as_bytes()).ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        self.stop();
    }
}

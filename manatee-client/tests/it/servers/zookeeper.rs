//! A ZooKeeper server: Debian's `libzookeeper-java` under a headless Java.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use tempfile::TempDir;

use super::{free_port, own_address, tied_to_the_test, wait_until};

/// Its manifest names the other jars it needs; these it forgets.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:\
                    /usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:\
                    /usr/share/java/snappy-java.jar";

/// A ZooKeeper server, alone or of an ensemble.
pub(crate) struct ZooKeeper {
    directory: TempDir,
    port: u16,
    /// What the configuration says of the ensemble.
    ensemble: String,
    process: Option<Child>,
}

impl ZooKeeper {
    /// Starts a server with an empty tree. Sessions may be as short as 400 milliseconds.
    pub(crate) fn start() -> Self {
        let mut server = Self::new(String::new());
        server.resume();
        server.wait_until_it_serves();
        server
    }

    /// Starts two servers that serve only together: if one is stopped, the other has no leader.
    pub(crate) fn start_two() -> [Self; 2] {
        let mut ensemble = "initLimit=50\nsyncLimit=25\n".to_owned();
        for id in [1, 2] {
            let (host, peers, election) = (own_address(), free_port(), free_port());
            writeln!(ensemble, "server.{id}={host}:{peers}:{election}").unwrap();
        }
        let mut servers = [Self::new(ensemble.clone()), Self::new(ensemble)];
        for (id, server) in ["1", "2"].iter().zip(&mut servers) {
            let data = server.directory.path().join("data");
            fs::create_dir(&data).unwrap();
            fs::write(data.join("myid"), id).unwrap();
            server.resume();
        }
        servers.iter().for_each(Self::wait_until_it_serves);
        servers
    }

    fn new(ensemble: String) -> Self {
        Self { directory: TempDir::new().unwrap(), port: free_port(), ensemble, process: None }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", own_address(), self.port)
    }

    /// Stops the server; its data stay.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server again on the same port with the same data, and does not wait until it serves.
    pub(crate) fn resume(&mut self) {
        let data = self.directory.path().join("data");
        let config = self.directory.path().join("zoo.cfg");
        let (data, host, port, ensemble) =
            (data.display(), own_address(), self.port, &self.ensemble);
        let settings = format!(
            "dataDir={data}\nclientPort={port}\nclientPortAddress={host}\ntickTime=200\nmaxSessionTimeout=60000\n\
             maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr,wchs\n{ensemble}"
        );
        fs::write(&config, settings).unwrap();
        let java = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m"];
        // Nothing here has to survive the loss of power.
        let process = tied_to_the_test(Path::new("java"), None)
            .args(java)
            .args(["-Dzookeeper.forceSync=no", "-cp", JARS])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(config)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    fn wait_until_it_serves(&self) {
        wait_until(
            "ZooKeeper answers (is libzookeeper-java installed?)",
            Duration::from_secs(30),
            || self.says("srvr").is_some_and(|answer| answer.contains("Mode: ")),
        );
    }

    /// The answer to one of its four-letter words.
    pub(crate) fn says(&self, word: &str) -> Option<String> {
        let mut stream = TcpStream::connect((own_address(), self.port)).ok()?;
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

//! A ZooKeeper server under a headless Java.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::address::{free_port, own_address};
use crate::process::{end, tied_to_the_test, wait_until};
use crate::programs::class_path;

/// A ZooKeeper server, alone or of an ensemble.
#[derive(Debug)]
pub struct ZooKeeper {
    directory: TempDir,
    address: SocketAddr,
    /// The part of the configuration that tells of the ensemble.
    ensemble: String,
    process: Option<Child>,
}

impl ZooKeeper {
    /// Starts a server with an empty tree. Sessions may be as short as 400 milliseconds.
    pub fn start() -> Self {
        Self::start_at((own_address(), free_port()).into())
    }

    /// Starts one at an address that is the caller's own.
    pub fn start_at(address: SocketAddr) -> Self {
        let mut server = Self::new(address, String::new());
        server.resume();
        server.wait_until_it_serves();
        server
    }

    /// Starts two servers that serve only together: if one is stopped, the other has no leader.
    pub fn start_two() -> [Self; 2] {
        let mut ensemble = "initLimit=50\nsyncLimit=25\n".to_owned();
        for id in [1, 2] {
            let (host, peers, election) = (own_address(), free_port(), free_port());
            writeln!(ensemble, "server.{id}={host}:{peers}:{election}").unwrap();
        }
        let address = || (own_address(), free_port()).into();
        let mut servers = [Self::new(address(), ensemble.clone()), Self::new(address(), ensemble)];
        for (id, server) in ["1", "2"].iter().zip(&mut servers) {
            let data = server.directory.path().join("data");
            fs::create_dir(&data).unwrap();
            fs::write(data.join("myid"), id).unwrap();
            server.resume();
        }
        servers.iter().for_each(Self::wait_until_it_serves);
        servers
    }

    fn new(address: SocketAddr, ensemble: String) -> Self {
        Self { directory: TempDir::new().unwrap(), address, ensemble, process: None }
    }

    /// The address at which it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Stops the server; its data stay.
    pub fn stop(&mut self) {
        end(&mut self.process, Signal::KILL);
    }

    /// Starts the server again on the same port with the same data, and does not wait until it serves.
    pub fn resume(&mut self) {
        let data = self.directory.path().join("data");
        let config = self.directory.path().join("zoo.cfg");
        let (data, host, port, ensemble) =
            (data.display(), self.address.ip(), self.address.port(), &self.ensemble);
        let settings = format!(
            "dataDir={data}\nclientPort={port}\nclientPortAddress={host}\ntickTime=200\nmaxSessionTimeout=60000\n\
             maxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr,wchs,cons\n{ensemble}"
        );
        fs::write(&config, settings).unwrap();
        let java = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m"];
        // Nothing here has to survive the loss of power.
        let process = tied_to_the_test("java", None)
            .args(java)
            .args(["-Dzookeeper.forceSync=no", "-cp", &class_path()])
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(config)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Waits until it answers clients: after [`Self::resume`].
    pub fn wait_until_it_serves(&self) {
        wait_until("ZooKeeper answers", Duration::from_secs(30), || {
            self.says("srvr").is_some_and(|answer| answer.contains("Mode: "))
        });
    }

    /// The answer to one of its four-letter words.
    pub fn says(&self, word: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
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

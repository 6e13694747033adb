//! A PostgreSQL primary and standbys that stream one from the other, wired as Manatee wires them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use manatee_client::{Peer, ZoneId};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{free_port, own_address, tied_to_the_test, wait_until};

/// Where Debian has the programs of PostgreSQL 15.
const DEBIAN: &str = "/usr/lib/postgresql/15/bin";
/// Whom the servers run as if the test runs as root, which PostgreSQL refuses. Debian's package makes the user.
const USER: &str = "postgres";

/// The servers of a shard: the first is the primary, each other streams from the one before.
pub(crate) struct Chain {
    directory: TempDir,
    servers: Vec<Server>,
    strangers: Vec<Child>,
}

struct Server {
    peer: Peer,
    data: PathBuf,
    process: Option<Child>,
}

impl Chain {
    /// Starts this many servers. The second is the primary's synchronous standby.
    pub(crate) fn start(count: usize) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let peers: Vec<Peer> = (0..count)
            .map(|index| {
                let zone = format!("{index:08}-0000-4000-8000-000000000000");
                Peer::new(ZoneId::from(zone.as_str()), &host(), free_port(), 12345)
            })
            .collect();
        let mut chain = Self { directory, servers: Vec::new(), strangers: Vec::new() };
        for (index, peer) in peers.iter().enumerate() {
            let data = chain.directory.path().join(format!("data{index}"));
            make_own_directory(&data);
            match index.checked_sub(1) {
                None => make_primary(&data, peers.get(1)),
                Some(upstream) => make_standby(&data, peer, &peers[upstream]),
            }
            chain.servers.push(Server { peer: peer.clone(), data, process: None });
            chain.resume(index);
        }
        chain
    }

    /// The peers, in the order of the chain.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.servers.iter().map(|server| server.peer.clone()).collect()
    }

    /// Stops a server at once.
    pub(crate) fn stop(&mut self, index: usize) {
        self.servers[index].stop();
    }

    /// Starts a server that was stopped.
    pub(crate) fn resume(&mut self, index: usize) {
        let server = &mut self.servers[index];
        let sockets = server.data.display().to_string();
        let port = port(&server.peer).to_string();
        let process = tied_to_the_test(&program("postgres"), user())
            .arg("-D")
            .arg(&server.data)
            .args(["-p", &port, "-k", &sockets, "-h", &host()])
            .args(["-c", "fsync=off", "-c", "shared_buffers=8MB", "-c", "max_wal_size=128MB"])
            .args(["-c", "wal_retrieve_retry_interval=100ms", "-c", "logging_collector=off"])
            .spawn()
            .unwrap();
        server.process = Some(process);
        wait_until("PostgreSQL answers", Duration::from_secs(30), || {
            let mut ready = Command::new(program("pg_isready"));
            ready.args(["-q", "-h", &host(), "-p", &port]).status().unwrap().success()
        });
    }

    /// Lets somebody who is no peer stream from a server, until the end.
    pub(crate) fn let_a_stranger_stream(&mut self, index: usize) {
        let directory = self.directory.path().join(format!("stranger{}", self.strangers.len()));
        make_own_directory(&directory);
        let port = port(&self.servers[index].peer).to_string();
        let stranger = tied_to_the_test(&program("pg_receivewal"), user())
            .args(["-h", &host(), "-p", &port, "-U", "postgres", "-D"])
            .arg(&directory)
            .spawn()
            .unwrap();
        self.strangers.push(stranger);
        wait_until("a stranger streams", Duration::from_secs(30), || {
            let rows = "SELECT count(*) FROM pg_stat_replication \
                        WHERE application_name = 'pg_receivewal' AND state = 'streaming'";
            self.sql(index, rows) == "1"
        });
    }

    /// Runs SQL on a server as a client would, and returns what it prints.
    pub(crate) fn sql(&self, index: usize, sql: &str) -> String {
        let port = port(&self.servers[index].peer).to_string();
        let output = Command::new(program("psql"))
            .args(["-X", "-A", "-t", "-q", "-U", "postgres", "-c", sql])
            .args(["-h", &host(), "-p", &port])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Changes a setting and lets the server read it.
    pub(crate) fn set(&self, index: usize, name: &str, value: &str) {
        self.sql(index, &format!("ALTER SYSTEM SET {name} = {value}"));
        self.sql(index, "SELECT pg_reload_conf()");
    }
}

fn make_primary(data: &Path, sync: Option<&Peer>) {
    run(
        &program("initdb"),
        &["-A", "trust", "-U", "postgres", "-E", "UTF-8", "--no-locale", "-N"],
        data,
    );
    let names = sync.map(|sync| format!("synchronous_standby_names = '\"{}\"'\n", sync.pg_url));
    let config = format!(
        "wal_level = replica\nmax_wal_senders = 15\nhot_standby = on\nsynchronous_commit = remote_write\n{}",
        names.unwrap_or_default()
    );
    append(&data.join("postgresql.conf"), &config);
    append(&data.join("pg_hba.conf"), "host all,replication all 127.0.0.0/8 trust\n");
}

/// Copies the primary's data and points the copy at its upstream. A standby waits for nobody's confirmation.
fn make_standby(data: &Path, peer: &Peer, upstream: &Peer) {
    let upstream_port = port(upstream).to_string();
    let host = host();
    let from = ["-h", &host, "-p", &upstream_port, "-U", "postgres"];
    let how = ["-c", "fast", "-X", "stream", "-N"];
    run(&program("pg_basebackup"), &[&from[..], &how[..]].concat(), data);
    let conninfo = format!(
        "host={host} port={upstream_port} user=postgres application_name={} connect_timeout=60",
        peer.pg_url
    );
    let config = format!(
        "primary_conninfo = '{conninfo}'\nsynchronous_standby_names = ''\nwal_receiver_status_interval = 1\n"
    );
    append(&data.join("postgresql.conf"), &config);
    append(&data.join("standby.signal"), "");
}

fn host() -> String {
    own_address().to_string()
}

fn port(peer: &Peer) -> u16 {
    peer.endpoint().unwrap().port
}

fn program(name: &str) -> PathBuf {
    let debian = Path::new(DEBIAN).join(name);
    if debian.exists() { debian } else { PathBuf::from(name) }
}

/// The user to become, if the test runs as root.
fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some(USER)
}

fn user_ids() -> Option<(u32, u32)> {
    let user = user()?;
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{user}:"))).unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn make_own_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    own(path);
}

fn own(path: &Path) {
    if let Some((user, group)) = user_ids() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn append(path: &Path, text: &str) {
    let mut content = fs::read_to_string(path).unwrap_or_default();
    content.push_str(text);
    fs::write(path, content).unwrap();
    own(path);
}

/// Runs a program that fills the data directory.
fn run(program: &Path, arguments: &[&str], data: &Path) {
    let mut command = tied_to_the_test(program, user());
    command.args(arguments).arg("-D").arg(data).stderr(Stdio::piped()).current_dir("/");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Server {
    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = Pid::from_child(&process);
            // The quick way that still tells the clients.
            kill_process(id, Signal::QUIT).unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        for stranger in &mut self.strangers {
            stranger.kill().unwrap();
            stranger.wait().unwrap();
        }
        // From the end: a server does not stop while others stream from it, unless it is made to.
        self.servers.iter_mut().rev().for_each(Server::stop);
    }
}

//! Servers for the tools to talk to: one over HTTP with given answers, a ZooKeeper, a PostgreSQL.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A request: `POST /zones/x/smf`, and its body.
pub(crate) type Seen = (String, String);

/// A server that answers what the first fitting rule says, and remembers what it was asked.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The beginning of the request's line, the status, the body.
pub(crate) type Rule = (String, u16, Vec<u8>);

pub(crate) fn rule(request: &str, status: u16, body: impl Into<Vec<u8>>) -> Rule {
    (request.to_owned(), status, body.into())
}

impl Scripted {
    /// It serves until the test ends.
    pub(crate) fn start(at: &str, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &rules, &log);
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, rules: &[Rule], log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    log.lock().unwrap().push((request.clone(), String::from_utf8_lossy(&body).into_owned()));
    let found = rules.iter().find(|(wanted, ..)| request.starts_with(wanted));
    let missing = rule("", 404, r#"{"code":"ResourceNotFound","message":"no such thing"}"#);
    let (_, status, body) = found.unwrap_or(&missing);
    let digest = <md5::Md5 as md5::Digest>::digest(body);
    let digest = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\nContent-MD5: {digest}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

/// Waits for a condition.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "this did not come true in 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port of an address that nobody has.
pub(crate) fn free_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// A process that is killed at the end.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
        assert!(killed.is_ok() && self.0.wait().is_ok());
    }
}

const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:\
                    /usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:\
                    /usr/share/java/snappy-java.jar";

/// A ZooKeeper of one.
pub(crate) struct ZooKeeper {
    pub(crate) address: String,
    _process: Server,
    _directory: TempDir,
}

impl ZooKeeper {
    pub(crate) fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let host = "127.77.204.10";
        let port = free_port(host);
        let config = directory.path().join("zoo.cfg");
        let data = directory.path().join("data");
        let settings = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress={host}\ntickTime=200\nmaxSessionTimeout=60000\n\
             maxClientCnxns=0\nadmin.enableServer=false\n",
            data.display()
        );
        fs::write(&config, settings).unwrap();
        let process = Command::new("java")
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx128m"])
            .args(["-Dzookeeper.forceSync=no", "-cp", JARS])
            .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self {
            address: format!("{host}:{port}"),
            _process: Server(process),
            _directory: directory,
        };
        wait_until("ZooKeeper listens", || TcpStream::connect(&server.address).is_ok());
        server
    }
}

/// A PostgreSQL with one database, `moray`.
pub(crate) struct Postgres {
    pub(crate) port: u16,
    _process: Server,
    _directory: TempDir,
}

/// A program that PostgreSQL's user runs, if this is root.
fn unprivileged(program: &Path) -> Command {
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = Command::new(if is_root { Path::new("setpriv") } else { program });
    if is_root {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Postgres {
    pub(crate) fn start(host: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let bin = PathBuf::from("/usr/lib/postgresql/15/bin");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(directory.path(), mode).unwrap();
        let data = directory.path().join("data");
        let made = unprivileged(&bin.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-N", "--locale=C", "-D"])
            .arg(&data)
            .status();
        assert!(made.unwrap().success());
        let mut access = fs::read_to_string(data.join("pg_hba.conf")).unwrap();
        access.push_str("host all all 127.0.0.0/8 trust\nhost replication all 127.0.0.0/8 trust\n");
        fs::write(data.join("pg_hba.conf"), access).unwrap();
        let port = free_port(host);
        let process = unprivileged(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", &format!("listen_addresses={host}")])
            .args([
                "-c",
                "fsync=off",
                "-c",
                "unix_socket_directories=",
                "-c",
                "shared_buffers=16MB",
            ])
            .process_group(0)
            .spawn()
            .unwrap();
        let server = Self { port, _process: Server(process), _directory: directory };
        let psql = |database: &str, sql: &str| {
            let mut psql = Command::new("psql");
            psql.args([
                "-qh",
                host,
                "-p",
                &port.to_string(),
                "-U",
                "postgres",
                "-d",
                database,
                "-c",
                sql,
            ]);
            psql.stderr(Stdio::null()).status().unwrap().success()
        };
        wait_until("PostgreSQL makes a database", || psql("postgres", "create database moray"));
        assert!(psql(
            "moray",
            "create table manta (_key text); insert into manta values ('/a/stor/b')"
        ));
        server
    }
}

//! Reading shards from a real PostgreSQL.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::checker::{
    CheckOptions, History, Rings, ShardAddress, ViolationKind, WorldError, check, read_world,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};

use crate::rows::transform;

/// A PostgreSQL server that ends with the test.
struct Postgres {
    child: Child,
    _directory: TempDir,
    address: SocketAddr,
}

/// Debian's newest.
fn programs() -> PathBuf {
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is not installed: apt-get install postgresql")
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    versions.sort();
    versions.pop().unwrap()
}

/// PostgreSQL does not run as root, and ends with this process.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if rustix::process::geteuid().is_root() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg(program);
    command
}

fn done(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Postgres {
    async fn start(host: u8) -> (Self, Client) {
        let directory = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 77, 205, host], 5432));
        if rustix::process::geteuid().is_root() {
            done(Command::new("chown").arg("postgres").arg(directory.path()));
        }
        let (programs, data) = (programs(), directory.path().join("data"));
        let mut initdb = as_user(&programs.join("initdb"));
        initdb.args([
            "--encoding=UTF-8",
            "--locale=C",
            "--username=moray",
            "--auth=trust",
            "-N",
            "-D",
        ]);
        done(initdb.arg(&data));
        let mut command = as_user(&programs.join("postgres"));
        command.arg("-D").arg(&data);
        let listen = format!("listen_addresses={}", address.ip());
        for option in [&*listen, "unix_socket_directories=", "fsync=off", "shared_buffers=16MB"] {
            command.args(["-c", option]);
        }
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Self { child, _directory: directory, address };
        let admin = server.connect("postgres").await;
        admin.batch_execute("CREATE DATABASE moray").await.unwrap();
        let client = server.connect("moray").await;
        (server, client)
    }

    async fn connect(&self, database: &str) -> Client {
        let config = format!("host={} user=moray dbname={database}", self.address.ip());
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match tokio_postgres::connect(&config, NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, but with its own processes.
        let id = rustix::process::Pid::from_child(&self.child);
        let sent = rustix::process::kill_process(id, rustix::process::Signal::QUIT);
        assert!(sent.is_ok() && self.child.wait().is_ok());
    }
}

const SCHEMA: &str = "
    CREATE TABLE manta (_id BIGINT, _key TEXT PRIMARY KEY, _value TEXT NOT NULL,
        _etag CHAR(8) NOT NULL, _vnode BIGINT);
    CREATE TABLE manta_directory_counts (_key TEXT PRIMARY KEY, entries NUMERIC);";

#[tokio::test]
async fn rows_are_read_from_a_primary() {
    let (server, client) = Postgres::start(40).await;
    client.batch_execute(SCHEMA).await.unwrap();
    // More than are fetched at once, by no load, then one by a load and one whose etag is not its own.
    let others = "INSERT INTO manta SELECT n, '/o/d/' || n, '123456789', 'CBF43926', 1
        FROM generate_series(1, 4500) n";
    client.batch_execute(others).await.unwrap();
    let insert = "INSERT INTO manta VALUES (0, $1, $2, $3, $4)";
    let value = "{\"a\":\"é\"}";
    client.execute(insert, &[&"/o/d/x", &value, &"8696A8FD", &None::<i64>]).await.unwrap();
    let value = "{\"loadWrite\":\"00000001-5\"}";
    client.execute(insert, &[&"/o/e/\n\"y\"", &value, &"00000000", &Some(2_i64)]).await.unwrap();
    let counts =
        "INSERT INTO manta_directory_counts VALUES ('/o/d', 4501), ('/o/e', 2), ('/o/f', NULL)";
    client.batch_execute(counts).await.unwrap();

    let pnode = "tcp://1.moray.test:2020";
    let world = read_world(&[ShardAddress::new(pnode, server.address)]).await.unwrap();
    let shard = &world.shards[0];
    assert_eq!(shard.rows.len(), 4502);
    assert!(shard.read_from <= shard.read_until);
    let row = |key: &str| shard.rows.iter().find(|row| &*row.key == key).unwrap();
    assert_eq!((row("/o/d/1").vnode, row("/o/d/x").vnode), (Some(1), None));
    assert!(row("/o/d/1").intact && row("/o/d/x").intact && !row("/o/e/\n\"y\"").intact);
    assert_eq!(row("/o/e/\n\"y\"").write.map(|write| write.number), Some(5));
    assert_ne!(row("/o/d/1").hash, row("/o/d/x").hash);

    // One shard that owns everything on a single vnode.
    let ring = fash::Ring::create(fash::Algorithm::Sha256, 1, [pnode.parse().unwrap()]).unwrap();
    let rings = Rings::always(ring, transform);
    let mut history = History::default();
    history.add_seeds(&world, &rings);
    let report = check(&history, &world, &rings, &CheckOptions::default()).unwrap();
    assert_eq!(report.count(ViolationKind::Damaged), 1, "{report}");
    // One counts wrong, and one counts nothing: NULL is not the zero that it would have to be.
    assert_eq!(report.count(ViolationKind::DirectoryCount), 2, "{report}");
    assert_eq!(report.count(ViolationKind::WrongVnode), 4501, "{report}");

    let nobody = ShardAddress::new(pnode, "127.77.205.41:5432".parse().unwrap());
    let error = read_world(&[nobody]).await.unwrap_err();
    assert!(matches!(error, WorldError::Postgres { .. }), "{error}");
}

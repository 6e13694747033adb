//! A PostgreSQL server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::address::{free_port, own_address};
use crate::process::{end, own, tied_to_the_test, user, wait_until};
use crate::programs::{postgresql_version, program};

/// A server of which a test has the only connections. Every user of the loopback is let in.
#[derive(Debug)]
pub struct Postgres {
    address: SocketAddrV4,
    directory: TempDir,
    database: String,
    process: Option<Child>,
}

/// A transaction that stays open until this is dropped.
#[derive(Debug)]
pub struct Held(Child);

impl Postgres {
    /// Starts a server with no database of its own.
    pub fn start() -> Self {
        Self::start_at(SocketAddrV4::new(own_address(), free_port()))
    }

    /// Starts one at an address that is the caller's own.
    pub fn start_at(address: SocketAddrV4) -> Self {
        // It has no standby, and what PostgreSQL has of itself.
        let mut server = Self::primary(address, "synchronous_commit = on\n");
        server.resume();
        server
    }

    /// A server with these settings, which does not run yet.
    pub(crate) fn primary(address: SocketAddrV4, settings: &str) -> Self {
        let server = Self::new(address);
        let options = ["-A", "trust", "-U", "postgres", "-E", "UTF-8", "--no-locale", "-N"];
        run(&program("initdb"), &options, &server.data());
        let common = "wal_level = replica\nmax_wal_senders = 15\nhot_standby = on\n\
                      synchronous_commit = remote_write\n";
        append(&server.data().join("postgresql.conf"), &format!("{common}{settings}"));
        // initdb trusts 127.0.0.1 only.
        let access = "host all all 127.0.0.0/8 trust\nhost replication all 127.0.0.0/8 trust\n";
        append(&server.data().join("pg_hba.conf"), access);
        server
    }

    /// A copy of a running server that streams from it under a name, and waits for nobody's confirmation. It does not run yet.
    pub(crate) fn standby_of(upstream: &Self, address: SocketAddrV4, name: &str) -> Self {
        let server = Self::new(address);
        let (host, port) = (upstream.host(), upstream.port());
        let from = ["-h", &host, "-p", &port, "-U", "postgres"];
        let how = ["-c", "fast", "-X", "stream", "-N"];
        run(&program("pg_basebackup"), &[&from[..], &how[..]].concat(), &server.data());
        let conninfo = format!(
            "primary_conninfo = 'host={host} port={port} user=postgres application_name={name} connect_timeout=60'\n"
        );
        let settings = "synchronous_standby_names = ''\nwal_receiver_status_interval = 1\n";
        let config = server.data().join("postgresql.conf");
        append(&config, settings);
        if postgresql_version() >= 12 {
            append(&config, &conninfo);
            append(&server.data().join("standby.signal"), "");
        } else {
            let recovery = "standby_mode = on\nrecovery_target_timeline = 'latest'\n";
            append(&server.data().join("recovery.conf"), &format!("{recovery}{conninfo}"));
        }
        server
    }

    fn new(address: SocketAddrV4) -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let server = Self { address, directory, database: "postgres".to_owned(), process: None };
        make_own_directory(&server.data());
        server
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address.into()
    }

    fn host(&self) -> String {
        self.address.ip().to_string()
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Starts it again with its data after it was stopped, and waits until it answers.
    pub fn resume(&mut self) {
        let (host, port, data) = (self.host(), self.port(), self.data());
        let process = tied_to_the_test(program("postgres"), user())
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&data)
            .args(["-p", &port, "-h", &host])
            .args(["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_wal_size=128MB"])
            .args(["-c", "wal_retrieve_retry_interval=100ms", "-c", "logging_collector=off"])
            .current_dir("/")
            .spawn()
            .unwrap();
        self.process = Some(process);
        wait_until("PostgreSQL answers", Duration::from_secs(30), || {
            let mut ready = Command::new(program("pg_isready"));
            ready.args(["-q", "-h", &host, "-p", &port]).status().unwrap().success()
        });
    }

    /// Stops it as Manatee does: sessions end, transactions are undone.
    pub fn stop(&mut self) {
        end(&mut self.process, Signal::INT);
    }

    /// Stops it at once, as a crash does, but clients are told. It recovers at its next start.
    pub fn crash(&mut self) {
        end(&mut self.process, Signal::QUIT);
    }

    /// Makes a primary of a standby.
    pub(crate) fn promote(&self) {
        run(&program("pg_ctl"), &["promote", "-w"], &self.data());
    }

    /// Lets SQL be run in a database from now on, which need not be there yet. Until then it is `postgres`.
    #[must_use]
    pub fn in_database(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// Runs SQL as a client would, and returns what it prints.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in(&self.database, sql)
    }

    /// Runs SQL in another database.
    pub fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database).args(["-c", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = tied_to_the_test(program("psql"), None);
        psql.args(["-XAtq", "-U", "postgres", "-d", database]);
        psql.args(["-h", &self.host(), "-p", &self.port()]);
        psql.stdout(Stdio::piped()).stderr(Stdio::piped());
        psql
    }

    /// Begins a transaction with a statement, and waits until that is done.
    pub fn hold(&self, sql: &str) -> Held {
        let mut psql = self.psql(&self.database);
        let mut child = psql.stdin(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "BEGIN; {sql};\n\\echo held").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Held(child)
    }

    /// Lets somebody stream from it, who keeps what it gets in a new directory beside the server's data.
    pub(crate) fn streamed_by_a_stranger(&self, directory: &str) -> Child {
        let directory = self.directory.path().join(directory);
        make_own_directory(&directory);
        tied_to_the_test(program("pg_receivewal"), user())
            .args(["-h", &self.host(), "-p", &self.port(), "-U", "postgres", "-D"])
            .arg(&directory)
            .spawn()
            .unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input is the end of psql, which undoes the transaction.
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn make_own_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    own(path);
}

fn append(path: &Path, text: &str) {
    let mut content = fs::read_to_string(path).unwrap_or_default();
    content.push_str(text);
    fs::write(path, content).unwrap();
    own(path);
}

/// Runs a program on a data directory.
fn run(program: &Path, arguments: &[&str], data: &Path) {
    let mut command = tied_to_the_test(program, user());
    command.args(arguments).arg("-D").arg(data).stderr(Stdio::piped()).current_dir("/");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", program.display());
}

//! Real PostgreSQL and ZooKeeper servers, and the lab's services, as children of a test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Where Debian has PostgreSQL's programs.
const POSTGRESQL: &str = "/usr/lib/postgresql/15/bin";
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/slf4j-api.jar:\
                    /usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:/usr/share/java/metrics-core.jar:\
                    /usr/share/java/snappy-java.jar";

/// A process that ends with the test.
pub(crate) struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
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

fn tied(program: impl AsRef<Path>, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg(program.as_ref()).current_dir("/");
    command
}

/// Whom PostgreSQL runs as if the test runs as root.
fn user() -> Option<&'static str> {
    (fs::metadata("/proc/self").unwrap().uid() == 0).then_some("postgres")
}

pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A PostgreSQL server at an address of its own.
pub(crate) struct Postgres {
    data: PathBuf,
    address: Ipv4Addr,
    process: Option<Process>,
}

impl Postgres {
    pub(crate) fn start(directory: &Path, address: Ipv4Addr) -> Self {
        let data = directory.join(format!("postgres-{address}"));
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some(user) = user() {
            assert!(Command::new("chown").arg(user).arg(&data).status().unwrap().success());
        }
        let output = tied(Path::new(POSTGRESQL).join("initdb"), user())
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF-8", "--no-locale", "-N", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // initdb trusts 127.0.0.1 only; zones have other addresses.
        let mut access =
            fs::OpenOptions::new().append(true).open(data.join("pg_hba.conf")).unwrap();
        writeln!(access, "host all all 127.0.0.0/8 trust").unwrap();
        let mut server = Self { data, address, process: None };
        server.resume();
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (self.address, 5432).into()
    }

    pub(crate) fn resume(&mut self) {
        let mut command = tied(Path::new(POSTGRESQL).join("postgres"), user());
        command.arg("-D").arg(&self.data).arg("-k").arg(&self.data);
        command.args(["-h", &self.address.to_string(), "-p", "5432", "-c", "fsync=off"]);
        command.args(["-c", "shared_buffers=32MB", "-c", "max_connections=100"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Process::start(&mut command));
        wait_until("PostgreSQL answers", || {
            let mut ready = Command::new(Path::new(POSTGRESQL).join("pg_isready"));
            ready.args(["-q", "-h", &self.address.to_string()]).status().unwrap().success()
        });
    }

    /// Stops it as Manatee does: sessions end, transactions are undone.
    pub(crate) fn stop(&mut self) {
        self.process.take().unwrap().stop(Signal::INT);
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.sql_in("moray", sql)
    }

    pub(crate) fn sql_in(&self, database: &str, sql: &str) -> String {
        let output = Command::new(Path::new(POSTGRESQL).join("psql"))
            .args([
                "-XAtq",
                "-h",
                &self.address.to_string(),
                "-U",
                "postgres",
                "-d",
                database,
                "-c",
                sql,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A transaction that stays open until this is dropped.
pub(crate) struct Held(Process);

impl Postgres {
    /// Begins a transaction with a statement, and waits until that is done.
    pub(crate) fn hold(&self, sql: &str) -> Held {
        let mut command = tied(Path::new(POSTGRESQL).join("psql"), None);
        command.args(["-XAtq", "-h", &self.address.to_string(), "-U", "postgres", "-d", "moray"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "BEGIN; {sql};\n\\echo held").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Held(Process(child))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The end of its input is the end of psql, which undoes the transaction.
        drop(self.0.0.stdin.take());
        self.0.0.wait().unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(Signal::QUIT);
        }
    }
}

/// A ZooKeeper server with an empty tree.
pub(crate) fn zookeeper(directory: &Path, address: SocketAddr) -> Process {
    let (data, config) = (directory.join("zookeeper"), directory.join("zoo.cfg"));
    let settings = format!(
        "dataDir={}\nclientPort={}\nclientPortAddress={}\ntickTime=200\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n\
         admin.enableServer=false\n4lw.commands.whitelist=srvr\n",
        data.display(),
        address.port(),
        address.ip()
    );
    fs::write(&config, settings).unwrap();
    let mut command = tied("java", None);
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m"]);
    command.args(["-Dzookeeper.forceSync=no", "-cp", JARS]);
    command.arg("org.apache.zookeeper.server.ZooKeeperServerMain").arg(config);
    let process = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let says = || -> Option<String> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.write_all(b"srvr").ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    wait_until("ZooKeeper answers (is libzookeeper-java installed?)", || {
        says().is_some_and(|answer| answer.contains("Mode: standalone"))
    });
    process
}

/// A service of a zone.
pub(crate) fn service(lab: &Path, zone: uuid::Uuid, name: &str, instance: Option<&str>) -> Process {
    let mut command = tied(env!("CARGO_BIN_EXE_reshard-lab"), None);
    command.args(["lab-service", name, "--lab"]).arg(lab).args(["--zone", &zone.to_string()]);
    if let Some(instance) = instance {
        command.args(["--instance", instance]);
    }
    let log = format!("log-{name}-{}-{zone}", instance.unwrap_or("default").replace('/', "_"));
    let log = fs::File::create(lab.join(log)).unwrap();
    Process::start(command.stdout(Stdio::null()).stderr(log))
}

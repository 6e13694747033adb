//! A ZooKeeper server: its jars under a Java of their own.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::jars::{class_path, missing_jar};
use crate::host::LAB_DIRECTORY;
use crate::process::supervised;

/// The status with which `setpriv` exits when there is no such program.
const NO_SUCH_PROGRAM: i32 = 127;
/// The longest that a server may take until it answers.
const START: Duration = Duration::from_mins(1);
/// The longest that a server may take to end when it is asked to. It has nothing to lose when it is killed.
const STOP: Duration = Duration::from_secs(2);

/// A server of one. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct ZooKeeperServer {
    directory: PathBuf,
    address: SocketAddr,
    run_as: Option<String>,
    jars: PathBuf,
    process: Option<Child>,
}

/// The reason for which there is no ZooKeeper.
#[derive(Debug, Error)]
pub(crate) enum ServerError {
    /// No Java.
    #[error("there is no java: install Debian's package default-jre-headless")]
    NoJava,
    /// No ZooKeeper.
    #[error("there is no {}: install Debian's package libzookeeper-java", .0.display())]
    NoJar(PathBuf),
    /// Its directory could not be prepared.
    #[error("cannot prepare {} for ZooKeeper", path.display())]
    Directory {
        /// The directory, or the file in it.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Somebody else is there.
    #[error("ZooKeeper cannot listen on {address}")]
    Taken {
        /// The address at which it was to listen.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// It could not be started at all.
    #[error("cannot start ZooKeeper")]
    Spawn(#[source] io::Error),
    /// It ended at once.
    #[error("ZooKeeper on {address} ended at once ({status}): {log}")]
    Ended {
        /// The address at which it was to listen.
        address: SocketAddr,
        /// Its exit status.
        status: ExitStatus,
        /// Its last words.
        log: String,
    },
    /// It does not answer.
    #[error("ZooKeeper on {address} did not answer within {START:?}")]
    Silent {
        /// The address at which it was to listen.
        address: SocketAddr,
    },
}

impl ZooKeeperServer {
    /// Starts a server that keeps its data in a directory, as the user `run_as` when one is given, with
    /// the jars of a directory, and waits until it answers. Data that are there already are used.
    ///
    /// # Errors
    /// Java or ZooKeeper is missing, or the server does not come up.
    pub(crate) async fn start(
        directory: &Path,
        address: SocketAddr,
        run_as: Option<&str>,
        jars: &Path,
    ) -> Result<Self, ServerError> {
        let mut server = Self {
            directory: directory.to_owned(),
            address,
            run_as: run_as.map(str::to_owned),
            jars: jars.to_owned(),
            process: None,
        };
        server.prepare().await?;
        server.resume().await?;
        Ok(server)
    }

    /// Stops the server. Its data stay.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(&process, Signal::TERM);
            if timeout(STOP, process.wait()).await.is_err() {
                end(&mut process).await;
            }
        }
    }

    /// Kills the server. Its data stay.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            end(&mut process).await;
        }
    }

    /// Starts the server again, with the data that it had. Stops it before if it runs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) async fn resume(&mut self) -> Result<(), ServerError> {
        self.stop().await;
        // What answers there later is this server, then.
        let address = self.address;
        drop(TcpListener::bind(address).map_err(|source| ServerError::Taken { address, source })?);
        let mut process = self.spawn()?;
        let deadline = Instant::now() + START;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = process.try_wait() {
                return Err(self.ended(status));
            }
            if self.answers().await {
                self.process = Some(process);
                tracing::info!(address = %self.address, "ZooKeeper is up");
                return Ok(());
            }
            sleep(Duration::from_millis(25)).await;
        }
        Err(ServerError::Silent { address: self.address })
    }

    async fn prepare(&self) -> Result<(), ServerError> {
        if let Some(jar) = missing_jar(&self.jars) {
            return Err(ServerError::NoJar(self.jars.join(jar)));
        }
        let data = self.directory.join("data");
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| ServerError::Directory { path, source }
        };
        fs::create_dir_all(&data).map_err(failed(&data))?;
        let file = self.directory.join("zoo.cfg");
        fs::write(&file, self.settings(&data)).map_err(failed(&file))?;
        if let Some(user) = &self.run_as {
            let chown = Command::new("chown").arg("-R").arg(user).arg(&self.directory).status();
            let status = chown.await.map_err(failed(&self.directory))?;
            if !status.success() {
                let source = io::Error::other(format!("it cannot be given to {user}"));
                return Err(failed(&self.directory)(source));
            }
        }
        Ok(())
    }

    fn settings(&self, data: &Path) -> String {
        let (data, ip, port) = (data.display(), self.address.ip(), self.address.port());
        format!(
            "dataDir={data}\nclientPort={port}\nclientPortAddress={ip}\ntickTime=200\nminSessionTimeout=400\n\
             maxSessionTimeout=60000\nmaxClientCnxns=0\nautopurge.snapRetainCount=3\nautopurge.purgeInterval=1\n\
             admin.enableServer=false\n4lw.commands.whitelist=srvr,ruok\n"
        )
    }

    fn spawn(&self) -> Result<Child, ServerError> {
        let path = self.directory.join("log");
        let failed = |source| ServerError::Directory { path: path.clone(), source };
        let log = File::create(&path).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        // Nothing here has to survive the loss of power: it need not wait for the disk.
        supervised("java", self.run_as.as_deref())
            .env(LAB_DIRECTORY, self.directory.parent().unwrap_or(&self.directory))
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx128m"])
            .args(["-XX:-UsePerfData", "-Dzookeeper.forceSync=no", "-cp", &class_path(&self.jars)])
            .arg("org.apache.zookeeper.server.ZooKeeperServerMain")
            .arg(self.directory.join("zoo.cfg"))
            .current_dir("/")
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(ServerError::Spawn)
    }

    fn ended(&self, status: ExitStatus) -> ServerError {
        if status.code() == Some(NO_SUCH_PROGRAM) {
            return ServerError::NoJava;
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        let log = last.unwrap_or("it said nothing; is its address taken?").to_owned();
        ServerError::Ended { address: self.address, status, log }
    }

    async fn answers(&self) -> bool {
        let asked = timeout(Duration::from_secs(1), ask(self.address, "srvr")).await;
        matches!(asked, Ok(Ok(answer)) if answer.contains("Mode: standalone"))
    }
}

/// The answer to a four-letter word.
async fn ask(address: SocketAddr, word: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(word.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn end(process: &mut Child) {
    if let Err(error) = process.kill().await {
        tracing::warn!(%error, "cannot kill ZooKeeper");
    }
}

fn signal(process: &Child, signal: Signal) {
    let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = id.map(|id| kill_process(id, signal)) {
        tracing::warn!(%error, "cannot signal ZooKeeper");
    }
}

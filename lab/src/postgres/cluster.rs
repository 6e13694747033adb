//! A PostgreSQL data directory and what is done to it while no server runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::programs::Programs;
use super::server::{Server, StartError};
use super::settings::{CLIENT_AUTHENTICATION, SMALL_WAL_SEGMENT, STANDBY_FILES, Settings};
use crate::process::supervised;

/// The longest that processes may take to go after they were killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A data directory. Its files belong to the user of this process, who is not root.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    programs: Programs,
    data: PathBuf,
}

/// Something that could not be done to a data directory.
#[derive(Debug, Error)]
pub(crate) enum ClusterError {
    /// A file of it.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A program could not be run.
    #[error("cannot run {}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A program failed.
    #[error("{} failed ({status}): {said}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// Its output.
        said: String,
    },
    /// A copy does not go on.
    #[error("{} has copied nothing for {seconds} s", program.display())]
    Stalled {
        /// The program.
        program: PathBuf,
        /// The time in which nothing was heard of it.
        seconds: u64,
    },
    /// A server from before is still there.
    #[error("processes of an earlier server in {} do not go away", data.display())]
    LeftOver {
        /// The data directory.
        data: PathBuf,
    },
}

impl Cluster {
    /// The data directory at a path. Nothing is read or made.
    pub(crate) fn new(programs: Programs, data: impl Into<PathBuf>) -> Self {
        Self { programs, data: data.into() }
    }

    /// The directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Tells whether there is nothing in the directory, or no directory.
    pub(crate) fn is_empty(&self) -> bool {
        fs::read_dir(&self.data).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Tells whether a server has ever been configured here: what a sitter calls `setup`.
    pub(crate) fn is_set_up(&self) -> bool {
        self.data.join("postgresql.conf").exists()
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The directory is not empty, or `initdb` fails.
    pub(crate) async fn init(&self) -> Result<(), ClusterError> {
        self.make_parent()?;
        let program = self.programs.program("initdb");
        let failed = |source| ClusterError::Program { program: program.clone(), source };
        let mut initdb = supervised(&program, None);
        if self.programs.version().chooses_wal_segments() {
            initdb.arg(format!("--wal-segsize={SMALL_WAL_SEGMENT}"));
        }
        let output = initdb
            .args(["--encoding=UTF-8", "--locale=C", "--auth=trust", "--username=postgres"])
            .args(["--no-sync", "-D"])
            .arg(&self.data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .await
            .map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ClusterError::Failed { program, status: output.status, said })
    }

    pub(super) fn make_parent(&self) -> Result<(), ClusterError> {
        let parent = self.data.parent().unwrap_or(&self.data);
        let failed = |source| ClusterError::File { path: parent.to_owned(), source };
        fs::create_dir_all(parent).map_err(failed)
    }

    /// Writes the configuration of the next start, or of the next reload. The next start is that of a standby if the
    /// settings are.
    ///
    /// # Errors
    /// A file cannot be written, or removed.
    pub(crate) fn configure(&self, settings: &Settings) -> Result<(), ClusterError> {
        let version = self.programs.version();
        self.write("pg_hba.conf", CLIENT_AUTHENTICATION)?;
        self.write("postgresql.conf", &settings.text(version))?;
        let standby = settings.standby_file(version);
        for name in STANDBY_FILES {
            match &standby {
                Some((file, content)) if *file == name => self.write(name, content)?,
                _ => self.remove(name)?,
            }
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    fn remove(&self, name: &str) -> Result<(), ClusterError> {
        let path = self.data.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ClusterError::File { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// A file is there with its new content or its old, never with a part.
    fn write(&self, name: &str, content: &str) -> Result<(), ClusterError> {
        let path = self.data.join(name);
        let new = self.data.join(format!("{name}.new"));
        fs::write(&new, content)
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| ClusterError::File { path, source })
    }

    /// Starts a server. It is not ready yet: see [`Server::ready`].
    ///
    /// # Errors
    /// There is no such program.
    pub(crate) fn start(&self) -> Result<Server, StartError> {
        Server::spawn(&self.programs, &self.data)
    }

    /// Kills what is left of an earlier server: its parent may have been killed before it could stop it.
    ///
    /// # Errors
    /// Something of it stays.
    pub(crate) async fn kill_left_over(&self) -> Result<(), ClusterError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            if Instant::now() >= deadline {
                return Err(ClusterError::LeftOver { data: self.data.clone() });
            }
            for process in processes {
                tracing::warn!(process = process.as_raw_pid(), "killing an earlier PostgreSQL");
                // It may have gone by itself.
                if let Err(error) = kill_process(process, Signal::KILL) {
                    tracing::debug!(%error, "cannot kill it");
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.remove("postmaster.pid")
    }

    /// The processes that serve this directory. PostgreSQL's work in it.
    fn processes(&self) -> Vec<Pid> {
        let Ok(data) = self.data.canonicalize() else { return Vec::new() };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let id: i32 = entry.file_name().to_str()?.parse().ok()?;
                let directory = fs::read_link(entry.path().join("cwd")).ok()?;
                let program = fs::read_link(entry.path().join("exe")).ok()?;
                let serves = directory == data && program.file_name()? == "postgres";
                if serves { Pid::from_raw(id) } else { None }
            })
            .collect()
    }
}

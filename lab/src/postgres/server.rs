//! A running PostgreSQL server: a direct child, from its start to its end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::programs::Programs;
use super::query::Endpoint;
use crate::process::supervised;

/// The longest that each way of stopping may take before the next, rougher one: fast, immediate, kill.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
    stopping: Arc<AtomicBool>,
    waiter: JoinHandle<()>,
}

/// A server did not start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// There is no such program, or no more processes.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It ended.
    #[error("PostgreSQL in {} ended while it started: {status}", data.display())]
    Ended {
        /// Its data directory.
        data: PathBuf,
        /// Its exit status.
        status: ExitStatus,
    },
    /// It does not answer.
    #[error("PostgreSQL in {} did not answer within {patience:?}", data.display())]
    Silent {
        /// Its data directory.
        data: PathBuf,
        /// The time for which it was waited.
        patience: Duration,
    },
}

impl Server {
    /// Starts a server on a data directory. It says what it has to say on this process's stderr.
    pub(super) fn spawn(programs: &Programs, data: &Path) -> Result<Self, StartError> {
        let program = programs.program("postgres");
        let failed = |source| StartError::Spawn { program: program.clone(), source };
        let mut command = supervised(&program, None);
        let mut child = command.arg("-D").arg(data).spawn().map_err(failed)?;
        let process = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let process = process.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let (sender, exit) = watch::channel(None);
        let waiter = tokio::spawn(async move {
            let status = child.wait().await.unwrap_or_default();
            sender.send_replace(Some(status));
        });
        Ok(Self { process, exit, stopping: Arc::default(), waiter })
    }

    /// Waits until the server answers.
    ///
    /// # Errors
    /// It ends, or is silent for too long.
    pub(crate) async fn ready(
        &mut self,
        endpoint: Endpoint,
        data: &Path,
        patience: Duration,
    ) -> Result<(), StartError> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = *self.exit.borrow() {
                return Err(StartError::Ended { data: data.to_owned(), status });
            }
            // Whoever has the address may not be this server.
            let answer = endpoint.value("SHOW data_directory").await.ok().flatten();
            if answer.is_some_and(|answer| is_same(Path::new(&answer), data)) {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(StartError::Silent { data: data.to_owned(), patience })
    }

    /// A future that ends with the server, and tells how that ended unless it was stopped.
    pub(crate) fn death(&self) -> impl Future<Output = Option<ExitStatus>> + Send + 'static {
        let mut exit = self.exit.clone();
        let stopping = Arc::clone(&self.stopping);
        async move {
            let status = *exit.wait_for(Option::is_some).await.ok()?;
            status.filter(|_| !stopping.load(Ordering::SeqCst))
        }
    }

    /// Lets the server read its configuration again.
    pub(crate) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// Stops the server: fast, with a checkpoint, and if that takes too long without one.
    ///
    /// If this is cancelled the server may still run, and can be stopped again.
    pub(crate) async fn stop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            if self.exit.borrow().is_some() {
                return;
            }
            self.signal(signal);
            if timeout(PATIENCE, self.exit.wait_for(Option::is_some)).await.is_ok() {
                return;
            }
            tracing::warn!(?signal, "PostgreSQL does not stop");
        }
    }

    fn signal(&self, signal: Signal) {
        // As long as no end was seen the process is not reaped, and its id is nobody else's.
        if self.exit.borrow().is_none()
            && let Err(error) = kill_process(self.process, signal)
        {
            tracing::warn!(%error, ?signal, "cannot signal PostgreSQL");
        }
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

impl Drop for Server {
    fn drop(&mut self) {
        // The child goes with the task, and is killed with that.
        self.waiter.abort();
    }
}

//! Runs the process of one SMF instance, as its [`Machine`] says.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::machine::{Action, Event, Machine};
use crate::host::{Belonging, kill_all, signal};
use crate::messages::ServiceState;
use crate::process::supervised;

/// The longest that an instance may take to come to rest, beside the time that its process has to end: as config-agent waits for
/// SAPI before it starts, and processes that die at once are started several times.
const PATIENCE: Duration = Duration::from_mins(1);

/// Work that comes before the start of a process.
pub(crate) type Prepare = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The way in which the process of an instance is started.
#[derive(Clone)]
pub(crate) struct Launch {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Its whole environment.
    pub(crate) environment: Vec<(String, String)>,
    /// A variable of the environment with its value, which only the processes of this instance have.
    pub(crate) mark: String,
    /// Its working directory.
    pub(crate) directory: PathBuf,
    /// The file to which its output is added.
    pub(crate) log: PathBuf,
    /// The user that it runs as. `None`: this one.
    pub(crate) user: Option<String>,
    /// True while its writes fail as on a full disk.
    pub(crate) disk_full: Arc<AtomicBool>,
    /// Work that comes before.
    pub(crate) prepare: Option<Prepare>,
}

/// The settings of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunnerOptions {
    /// True if it runs when the zone is up.
    pub(crate) enabled: bool,
    /// The time that a process has to end after SIGTERM until it is killed.
    pub(crate) stop_timeout: Duration,
}

/// An instance as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    pub(crate) state: ServiceState,
    pub(crate) since: Timestamp,
    pub(crate) pid: Option<u32>,
    pub(crate) enabled: bool,
    settled: bool,
}

impl Current {
    fn of(machine: &Machine) -> Self {
        Self {
            state: machine.state(),
            since: machine.since(),
            pid: machine.pid(),
            enabled: machine.enabled(),
            settled: machine.settled(),
        }
    }
}

/// A running restarter of one instance. It ends, and its process with it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Runner {
    events: mpsc::UnboundedSender<(Event, oneshot::Sender<()>)>,
    current: watch::Receiver<Current>,
    /// The longest that it may take to come to rest.
    patience: Duration,
}

impl Runner {
    /// Keeps an instance of a zone that is down. To be called in a runtime.
    pub(crate) fn spawn(launch: Launch, options: RunnerOptions) -> Self {
        let (events, incoming) = mpsc::unbounded_channel();
        let machine = Machine::new(options.enabled, Timestamp::now());
        let (publish, current) = watch::channel(Current::of(&machine));
        let restarter = Restarter {
            machine,
            launch,
            stop_timeout: options.stop_timeout,
            publish,
            child: None,
            preparing: None,
            due: None,
            kill: None,
        };
        tokio::spawn(restarter.run(incoming));
        Self { events, current, patience: options.stop_timeout + PATIENCE }
    }

    /// The instance as it is now.
    pub(crate) fn current(&self) -> Current {
        *self.current.borrow()
    }

    /// Has something happen to it. Returns when it is under way.
    pub(crate) async fn send(&self, event: Event) {
        let (done, under_way) = oneshot::channel();
        if self.events.send((event, done)).is_ok() {
            // An error is a restarter that has ended: then nothing is under way.
            under_way.await.unwrap_or_default();
        }
    }

    /// Waits until what [`Runner::send`] had happen is done: the process is there, or gone, or in maintenance. `Err`: for how
    /// long that was waited for in vain.
    pub(crate) async fn settle(&self) -> Result<(), Duration> {
        match timeout(self.patience, self.current.clone().wait_for(|now| now.settled)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => {
                tracing::debug!("the restarter has ended");
                Ok(())
            }
            Err(_) => Err(self.patience),
        }
    }
}

struct Restarter {
    machine: Machine,
    launch: Launch,
    stop_timeout: Duration,
    publish: watch::Sender<Current>,
    child: Option<Child>,
    preparing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    due: Option<Instant>,
    kill: Option<Instant>,
}

enum Happened {
    Told(Event, oneshot::Sender<()>),
    Prepared,
    Ended,
    Due,
    KillTime,
    Dropped,
}

impl Restarter {
    async fn run(mut self, mut incoming: mpsc::UnboundedReceiver<(Event, oneshot::Sender<()>)>) {
        loop {
            match self.next(&mut incoming).await {
                Happened::Told(event, done) => {
                    self.handle(event).await;
                    if done.send(()).is_err() {
                        tracing::trace!("nobody waits for this");
                    }
                }
                Happened::Prepared => {
                    self.preparing = None;
                    self.start().await;
                }
                Happened::Ended => {
                    self.sweep().await;
                    self.handle(Event::Ended).await;
                }
                Happened::Due => {
                    self.due = None;
                    self.handle(Event::Due).await;
                }
                Happened::KillTime => {
                    self.kill = None;
                    self.sweep().await;
                }
                Happened::Dropped => break,
            }
        }
        self.sweep().await;
    }

    async fn next(
        &mut self,
        incoming: &mut mpsc::UnboundedReceiver<(Event, oneshot::Sender<()>)>,
    ) -> Happened {
        tokio::select! {
            told = incoming.recv() => match told {
                Some((event, done)) => Happened::Told(event, done),
                None => Happened::Dropped,
            },
            () = maybe(self.preparing.as_mut()) => Happened::Prepared,
            _ = maybe(self.child.as_mut().map(|child| Box::pin(child.wait()))) => Happened::Ended,
            () = maybe(self.due.map(|due| Box::pin(sleep_until(due)))) => Happened::Due,
            () = maybe(self.kill.map(|kill| Box::pin(sleep_until(kill)))) => Happened::KillTime,
        }
    }

    async fn handle(&mut self, event: Event) {
        if event == Event::Ended {
            self.child = None;
            self.kill = None;
        }
        let action = self.machine.handle(event, Timestamp::now());
        match action {
            Some(Action::Start) => match &self.launch.prepare {
                Some(prepare) => self.preparing = Some(prepare()),
                None => Box::pin(self.start()).await,
            },
            Some(Action::Wait(time)) => self.due = Some(Instant::now() + time),
            Some(Action::Cancel) => self.preparing = None,
            Some(Action::Stop) => {
                if let Some(pid) = self.machine.pid() {
                    signal(pid, Signal::TERM);
                }
                self.kill = Some(Instant::now() + self.stop_timeout);
            }
            None => {}
        }
        self.publish.send_replace(Current::of(&self.machine));
    }

    async fn start(&mut self) {
        let started = self.launch.start();
        let event = match started {
            Ok((child, pid)) => {
                self.child = Some(child);
                Event::Started(pid)
            }
            Err(error) => {
                tracing::warn!(mark = self.launch.mark, %error, "cannot start a service");
                Event::Ended
            }
        };
        self.handle(event).await;
    }

    /// Kills what is left of the process, and all that it started: SMF's contract.
    async fn sweep(&mut self) {
        let belonging = Belonging {
            marks: vec![self.launch.mark.clone()],
            directory: None,
            group: self.machine.pid(),
        };
        let swept = tokio::task::spawn_blocking(move || kill_all(&belonging)).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(mark = self.launch.mark, %error, "cannot kill a service's processes");
        }
    }
}

/// A future that never ends when there is none.
async fn maybe<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Runs `"$@"` without its first word, which tells whether the disk is full. A process that ignores SIGXFSZ sees an error where
/// it would write beyond the limit, as it would on a full disk.
const LAUNCHER: &str =
    r#"trap '' XFSZ; if [ "$1" = full ]; then ulimit -S -f 0; fi; shift; exec "$@""#;

impl Launch {
    fn start(&self) -> io::Result<(Child, u32)> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let disk = if self.disk_full.load(Ordering::Relaxed) { "full" } else { "free" };
        let mut child = supervised("/bin/sh", self.user.as_deref())
            .args(["-c", LAUNCHER, "sh", disk])
            .args(&self.command)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory)
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()?;
        match child.id() {
            Some(pid) => Ok((child, pid)),
            None => {
                child.start_kill()?;
                Err(io::Error::other("the process ended at once"))
            }
        }
    }
}

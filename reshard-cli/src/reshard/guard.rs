//! The watchdog of an executor, as the executor sees it: a process of its own that outlives this one.

use std::error::Error as StdError;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reshard_core::Guard;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::watchdog::{BEAT, Message, READY};

/// The longest that the watchdog may take until it stands by: it connects to ZooKeeper.
const STARTING: Duration = Duration::from_secs(20);
/// The longest that telling it the last thing may take.
const LEAVING: Duration = Duration::from_secs(1);

/// Starts the watchdog when it is needed.
pub(super) struct WatchdogGuard {
    plan: PathBuf,
    configuration: PathBuf,
    /// The file for what the watchdog says.
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    messages: UnboundedSender<Message>,
    telling: JoinHandle<()>,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl WatchdogGuard {
    /// A guard for this plan file, whose work directory is `work`.
    pub(super) fn new(plan: PathBuf, configuration: PathBuf, work: &Path) -> Self {
        let log = work.join("watchdog.log");
        Self { plan, configuration, log, running: Mutex::new(None) }
    }

    /// Tells the watchdog that this executor leaves, perhaps with writes refused, and means to.
    pub(super) async fn leave(&self) {
        let Some(running) = self.running.lock().await.take() else { return };
        running.messages.send(Message::Left).ok();
        drop(running.messages);
        timeout(LEAVING, running.telling).await.ok();
    }

    async fn start(&self) -> Result<Running, BoxError> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("watchdog")
            .arg(std::path::absolute(&self.plan)?)
            .arg("--config")
            .arg(std::path::absolute(&self.configuration)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(self.open_log().map_or_else(|_| Stdio::null(), Stdio::from))
            .spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no standard input and output".into());
        };
        let (messages, to_tell) = unbounded_channel();
        let telling = tokio::spawn(tell(stdin, to_tell));
        let mut said = String::new();
        let ready = timeout(STARTING, BufReader::new(stdout).read_line(&mut said)).await;
        if !matches!(ready, Ok(Ok(_))) || said.trim() != READY {
            let log = self.log.display();
            return Err(format!("the watchdog does not stand by; it says why in {log}").into());
        }
        Ok(Running { child, messages, telling })
    }

    fn open_log(&self) -> io::Result<File> {
        if let Some(directory) = self.log.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.log)
    }
}

#[async_trait::async_trait]
impl Guard for WatchdogGuard {
    async fn stand_by(&self, session: i64) -> Result<(), BoxError> {
        let mut running = self.running.lock().await;
        let is_there = match &mut *running {
            Some(running) => running.child.try_wait()?.is_none(),
            None => false,
        };
        if !is_there {
            *running = Some(self.start().await?);
        }
        if let Some(running) = &*running {
            running.messages.send(Message::Session(session))?;
        }
        Ok(())
    }
}

/// Tells the watchdog what there is to tell, and every second that this process is alive. The end of its input tells it that it is
/// not.
async fn tell(mut watchdog: ChildStdin, mut messages: UnboundedReceiver<Message>) {
    loop {
        let message = match timeout(BEAT, messages.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => return,
            Err(_) => Message::Alive,
        };
        if watchdog.write_all(format!("{message}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

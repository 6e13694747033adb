//! `reshard watchdog`: stands by while writes are refused or a cutover goes on, and ends what an executor has left that is gone.
//!
//! Its standard input is a pipe that only the executor writes: its end says that the executor is gone. What this process says goes
//! to the log that the executor has opened for it.

use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use clap::Args;
use jiff::Timestamp;
use manatee_client::LockError;
use reshard_core::{
    Chain, Event, Executor, ExecutorError, Gone, Journal, JournalError, OpenWriteBlock,
    create_private_directory,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin, stdin};

use super::entry::line;
use super::error::Result;
use super::execute::{Work, told};
use super::in_words::InWords;
use super::place::{PlanFile, Region};
use super::remedy::advised;
use crate::output::{Output, say};

/// The word that it says when it stands by.
pub(super) const READY: &str = "ready";
/// The interval at which the executor says that it is alive.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// The time for which an executor may be silent beyond the length of its session with ZooKeeper.
const GRACE: Duration = Duration::from_secs(3);
/// The pauses after rescues that failed. They double.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(Duration::from_secs(30))
    .without_max_times();

/// The file that every watchdog of a plan has locked as long as it is there, in the plan's work directory.
const POST: &str = "watchdog.lock";

/// True if a watchdog stands by, for a plan with this work directory. Who may not see that does not know, and takes it for no.
pub(super) fn stands_by(work: &Path) -> bool {
    let Ok(post) = File::open(work.join(POST)) else { return false };
    matches!(post.try_lock(), Err(TryLockError::WouldBlock))
}

/// Says that a watchdog stands by, as long as it is open. There may be several: a verb by hand leaves one, and the next too.
fn take_post(work: &Path) -> io::Result<File> {
    create_private_directory(work)?;
    let mut options = OpenOptions::new();
    let post =
        options.write(true).create(true).truncate(false).mode(0o600).open(work.join(POST))?;
    post.lock_shared()?;
    Ok(post)
}

/// The messages of an executor to its watchdog: a line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// It is alive.
    Alive,
    /// Its session with ZooKeeper.
    Session(i64),
    /// It leaves, and means to.
    Left,
}

impl Display for Message {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive => write!(to, "alive"),
            Self::Session(session) => write!(to, "session {session}"),
            Self::Left => write!(to, "left"),
        }
    }
}

impl FromStr for Message {
    type Err = ();

    fn from_str(line: &str) -> std::result::Result<Self, ()> {
        match line.split_once(' ') {
            None if line == "alive" => Ok(Self::Alive),
            None if line == "left" => Ok(Self::Left),
            Some(("session", session)) => session.parse().map(Self::Session).map_err(drop),
            _ => Err(()),
        }
    }
}

/// Stand by for an executor, and end its write block or cutover if it is gone
#[derive(Args, Debug)]
#[command(after_help = "Example, as `reshard run` starts it:
  reshard watchdog split.plan --config reshard.toml")]
pub(super) struct WatchdogArgs {
    #[command(flatten)]
    file: PlanFile,
    #[command(flatten)]
    region: Region,
}

impl WatchdogArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        // What ends the executor's terminal does not end this. It fails only for who leads a session already.
        rustix::process::setsid().ok();
        let executor = parent_id();
        let store = self.file.open()?;
        let _post = take_post(&store.work_directory())?;
        let deployment = self.region.connect().await?;
        let silence = deployment.session().timeout() + GRACE;
        let file = self.file.typed();
        let typed = file.clone();
        let log = move |event: &Event| {
            if let Event::Logged(entry) = event {
                note(line(entry, &typed));
            }
        };
        let rescuer = Executor::new(store, deployment).await?.observed_by(Arc::new(log));
        let watchdog = Watchdog { rescuer, file, executor, silence, session: None, urgent: true };
        note(format_args!("process {} stands by for {executor}", std::process::id()));
        writeln!(out, "{READY}")?;
        out.flush()?;
        watchdog.watch(BufReader::new(stdin()).lines()).await;
        Ok(())
    }
}

struct Watchdog {
    /// The executor that ends what was left.
    rescuer: Executor,
    /// The plan's file, as it is typed.
    file: String,
    /// The process of the executor.
    executor: u32,
    /// After so long without a word the executor is as good as gone, if ZooKeeper says so too.
    silence: Duration,
    /// The executor's session with ZooKeeper.
    session: Option<i64>,
    /// True if something is about to begin that must not be left, as the executor tells, or had when the journal could be read last.
    urgent: bool,
}

impl Watchdog {
    /// Watches the executor until it is gone or has left, and does then what there is to do.
    async fn watch(mut self, mut executor: Lines<BufReader<Stdin>>) {
        let mut heard = Instant::now();
        loop {
            match tokio::time::timeout(BEAT, executor.next_line()).await {
                Ok(Ok(Some(line))) => {
                    heard = Instant::now();
                    match line.parse() {
                        Ok(Message::Session(session)) => {
                            (self.session, self.urgent) = (Some(session), true);
                        }
                        Ok(Message::Left) => return self.after_it_left().await,
                        Ok(Message::Alive) => self.look().await,
                        Err(()) => {}
                    }
                }
                Ok(Ok(None) | Err(_)) => break,
                Err(_) if heard.elapsed() < self.silence => {}
                Err(_) => match self.rescuer.needs_rescue().await {
                    Ok(false) => {}
                    Err(JournalError::Locked { .. }) if self.urgent => self.end_executor(),
                    Ok(true) | Err(_) => {
                        if self.rescue(&self.gone("has been silent since", heard, None)).await {
                            return;
                        }
                        heard = Instant::now();
                    }
                },
            }
        }
        let gone = self.gone("was gone at", Instant::now(), self.session);
        self.insist(&gone).await;
    }

    fn gone(&self, how: &str, since: Instant, session: Option<i64>) -> Gone {
        let at =
            Timestamp::now() - jiff::SignedDuration::try_from(since.elapsed()).unwrap_or_default();
        let words = format!(
            "the executor (process {}) {how} {}",
            self.executor,
            at.strftime("%Y-%m-%d %H:%M:%S UTC")
        );
        Gone { words, session }
    }

    /// By hand nobody goes on in time, perhaps.
    async fn after_it_left(self) {
        loop {
            match self.block().await {
                Ok(None | Some(OpenWriteBlock { left: None, .. })) => return,
                Ok(Some(OpenWriteBlock { left: Some(left), .. }))
                    if self.rescuer.way_back().await.is_ok_and(|kept| left <= kept) =>
                {
                    break;
                }
                Ok(Some(_)) | Err(_) => tokio::time::sleep(BEAT).await,
            }
        }
        let words = "nobody has gone on with the plan within the budget".to_owned();
        self.insist(&Gone { words, session: None }).await;
    }

    /// Rescues until nothing is left to do, or somebody else has the plan.
    async fn insist(&self, gone: &Gone) {
        for pause in PAUSES.build() {
            if self.rescue(gone).await {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Ends what was left, and tells whether there is nothing more to do.
    async fn rescue(&self, gone: &Gone) -> bool {
        match self.rescuer.rescue(gone).await {
            Ok(None) => note("writes are not refused, and no cutover goes on: nothing to do"),
            Ok(Some(ended)) => {
                let (told, _) = told(&ended.in_words(Some(&self.file)), Work::Run, &self.file);
                note(format_args!("{}: {}", gone.words, told.replace('\n', ". ")));
            }
            Err(ExecutorError::Lock { source: LockError::Held { record, .. }, .. }) => {
                // One that is silent may wake up; after one that is gone it is another one's business.
                note(format_args!("another executor has the plan: {:?}", record.owner));
                return gone.session.is_some();
            }
            Err(ExecutorError::Over { .. }) => return true,
            Err(error) => {
                let told = advised(Chain(&error), error.hint().as_ref(), Some(&self.file));
                note(format_args!("{}: {told}", gone.words));
            }
        }
        matches!(self.rescuer.needs_rescue().await, Ok(false))
    }

    /// Looks whether anything must not be left, as long as the journal can be read.
    async fn look(&mut self) {
        if let Ok(urgent) = self.rescuer.needs_rescue().await {
            self.urgent = urgent;
        }
    }

    /// Ends an executor that is silent in the middle of a write to the journal: nobody else can write it, or see whether writes
    /// are refused, as long as it lives.
    fn end_executor(&self) {
        let pid = i32::try_from(self.executor).ok().and_then(Pid::from_raw);
        // It is certainly this one, and not another with its number, as long as it is the parent.
        if let Some(pid) = pid.filter(|_| parent_id() == self.executor) {
            note(format_args!(
                "the executor (process {}) is silent and keeps the plan file locked: it is ended",
                self.executor
            ));
            if let Err(error) = kill_process(pid, Signal::KILL) {
                note(format_args!("it cannot be ended: {error}"));
            }
        }
    }

    async fn block(&self) -> std::result::Result<Option<OpenWriteBlock>, JournalError> {
        self.rescuer.write_block().await
    }
}

/// A line of this process's own log.
fn note(text: impl Display) {
    say(format_args!("{} watchdog: {text}", Timestamp::now().strftime("%Y-%m-%d %H:%M:%S")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_executor_tells_is_understood() {
        for message in [Message::Alive, Message::Session(-77), Message::Left] {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
        assert_eq!("session".parse::<Message>(), Err(()));
    }

    #[test]
    fn a_watchdog_is_seen_as_long_as_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let work = directory.path().join("split.plan.work");
        assert!(!stands_by(&work));
        let first = take_post(&work).unwrap();
        let second = take_post(&work).unwrap();
        drop(first);
        assert!(stands_by(&work));
        drop(second);
        assert!(!stands_by(&work));
    }
}

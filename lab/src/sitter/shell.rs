//! The sitter around its state machine: takes what happens to the machine, and does what it says.

use std::net::Ipv4Addr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};
use zookeeper::Client;

use super::config::Config;
use super::election::Election;
use super::machine::{Command, Event, Fatal, Machine, PostgresConfig, Role};
use super::postgres::{Died, Postgres};
use super::restore::Restorer;
use super::state::{ClusterState, Peer};
use super::status::{Health, Status};
use crate::postgres::{Cluster, Endpoint};
use crate::zookeeper::Node;

/// The length of the machine's waits.
const WAIT: Duration = Duration::from_secs(1);
/// The time for which a write that failed is kept back, so that what made it fail is known when the machine looks again.
const FAILED_WRITE: Duration = Duration::from_millis(100);
/// The interval at which PostgreSQL is asked whether it is alive. Production: 10 seconds.
const HEALTH: Duration = Duration::from_secs(1);
/// For how long it may not answer before it counts as ill. Production: 60 seconds.
const ILL: Duration = Duration::from_secs(3);

/// The messages of the parts of a sitter to its middle.
#[derive(Debug)]
pub(crate) enum Message {
    /// There is a new session, and this peer is in the election.
    Session(Client),
    State(Option<Node>),
    Active(Vec<Peer>),
    /// A write is through. `None`: it failed.
    Written(Option<i64>),
    Event(Event),
    /// The sync of this `pgUrl` has everything.
    CaughtUp(String),
    PostgresDied(ExitStatus),
}

/// The reason for which a sitter ends.
#[derive(Debug, Error)]
pub(crate) enum ShellError {
    #[error(transparent)]
    Fatal(#[from] Fatal),
    #[error("the cluster state is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Died(#[from] Died),
}

/// A sitter.
pub(crate) struct Shell {
    machine: Machine,
    election: Election,
    endpoint: Endpoint,
    postgres: Arc<Mutex<Postgres>>,
    status: Status,
    messages: UnboundedReceiver<Message>,
    sender: UnboundedSender<Message>,
    client: Option<Client>,
    /// The state as it was read last.
    state: Option<Node>,
    /// It was read: without a node there is no state.
    state_read: bool,
    active: Option<Vec<Peer>>,
    started: bool,
    /// The state's version that the next write has to find. `None`: any. Production's sitter knows it only after it
    /// has read the state, and takes version 0 for none.
    expected: Option<i32>,
    /// There is a state to replace.
    exists: bool,
    /// The transaction of this sitter's last write. What was read before it is old.
    written: i64,
    tasks: JoinSet<()>,
}

impl Shell {
    /// A sitter that has not begun.
    pub(crate) fn new(config: &Config, cluster: Cluster) -> Self {
        let me = config.peer();
        let (sender, messages) = mpsc::unbounded_channel();
        let status = Status::default();
        let machine = Machine::new(me.clone(), config.one_node_write_mode, cluster.is_set_up());
        status.show_machine(&machine);
        let address: Ipv4Addr = config.ip;
        let restorer = Restorer { cluster, address, zone: config.zone_id.clone() };
        let postgres = Postgres::new(
            me.clone(),
            address,
            config.postgres_port,
            restorer,
            status.clone(),
            sender.clone(),
        );
        let election = Election {
            servers: config.zookeeper.servers.clone(),
            session_timeout: config.zookeeper.session_timeout(),
            shard_path: config.shard_path.clone(),
            me,
        };
        let server = std::net::SocketAddrV4::new(address, config.postgres_port);
        Self {
            machine,
            election,
            endpoint: Endpoint { server, source: address },
            postgres: Arc::new(Mutex::new(postgres)),
            status,
            messages,
            sender,
            client: None,
            state: None,
            state_read: false,
            active: None,
            started: false,
            expected: None,
            exists: false,
            written: 0,
            tasks: JoinSet::new(),
        }
    }

    /// The status that the status server shows.
    pub(crate) fn status(&self) -> Status {
        self.status.clone()
    }

    /// Runs until it cannot go on.
    pub(crate) async fn run(&mut self) -> ShellError {
        self.tasks.spawn(self.election.clone().take_part(self.sender.clone()));
        self.tasks.spawn(check_health(self.endpoint, self.status.clone()));
        loop {
            tokio::select! {
                Some(message) = self.messages.recv() => {
                    if let Err(error) = self.take(message) {
                        return error;
                    }
                }
                // Tasks that are through are forgotten.
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Stops PostgreSQL, whatever is under way.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
        self.postgres.lock().await.stop().await;
    }

    fn take(&mut self, message: Message) -> Result<(), ShellError> {
        match message {
            Message::Session(client) => {
                self.client = Some(client);
                Ok(())
            }
            Message::State(node) => self.take_state(node),
            Message::Active(active) => {
                self.active = Some(active.clone());
                if self.started { self.tell(Event::Active(active)) } else { self.begin() }
            }
            Message::Written(transaction) => {
                self.take_written(transaction);
                self.tell(Event::Written(transaction.is_some()))
            }
            Message::Event(event) => self.tell(event),
            Message::CaughtUp(sync) => {
                let postgres = Arc::clone(&self.postgres);
                self.tasks.spawn(async move {
                    if let Err(error) = postgres.lock().await.caught_up(&sync) {
                        tracing::error!(%error, "the primary stays read-only");
                    }
                });
                Ok(())
            }
            Message::PostgresDied(status) => Err(Died(status).into()),
        }
    }

    fn take_state(&mut self, node: Option<Node>) -> Result<(), ShellError> {
        self.state_read = true;
        let Some(node) = node else {
            // That a state was deleted is not noticed.
            return if self.started { Ok(()) } else { self.begin() };
        };
        if node.transaction < self.written {
            return Ok(());
        }
        self.expected = (node.version > 0).then_some(node.version);
        self.exists = true;
        let state = serde_json::from_slice(&node.data)?;
        self.state = Some(node);
        if self.started { self.tell(Event::State(state)) } else { self.begin() }
    }

    fn take_written(&mut self, transaction: Option<i64>) {
        let Some(transaction) = transaction else { return };
        self.exists = true;
        self.written = self.written.max(transaction);
        let read = self.state.as_ref().map_or(0, |node| node.transaction);
        if read < transaction {
            self.expected = None;
        }
    }

    /// Begins as soon as state and election were read.
    fn begin(&mut self) -> Result<(), ShellError> {
        let Some(active) = self.active.clone().filter(|_| self.state_read) else {
            return Ok(());
        };
        let state = self.state.as_ref();
        let state = state.map(|node| serde_json::from_slice(&node.data)).transpose()?;
        self.started = true;
        self.tell(Event::Started { state, active })
    }

    fn tell(&mut self, event: Event) -> Result<(), ShellError> {
        let commands = self.machine.handle(Timestamp::now(), event);
        self.status.show_machine(&self.machine);
        for command in commands? {
            self.obey(command);
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) {
        let sender = self.sender.clone();
        // Nobody listens only while the process ends.
        let answer = move |message| sender.send(message).unwrap_or_default();
        match command {
            Command::Wait(retry) => self.tasks.spawn(async move {
                sleep(WAIT).await;
                answer(Message::Event(Event::Waited(retry)));
            }),
            Command::AskWal => {
                let (endpoint, role) = (self.endpoint, self.machine.role());
                self.tasks.spawn(async move {
                    answer(Message::Event(Event::Wal(position(endpoint, role).await)));
                })
            }
            Command::Apply(config) => {
                let postgres = Arc::clone(&self.postgres);
                self.tasks.spawn(async move {
                    let applied = apply(&postgres, &config).await;
                    answer(Message::Event(Event::Applied(applied)));
                })
            }
            Command::Write(state) => {
                let written = self.write(state);
                self.tasks.spawn(async move { answer(Message::Written(written.await)) })
            }
        };
    }

    fn write(
        &self,
        state: Box<ClusterState>,
    ) -> impl Future<Output = Option<i64>> + Send + 'static {
        let (election, client) = (self.election.clone(), self.client.clone());
        let (exists, expected) = (self.exists, self.expected);
        async move {
            // Without a session there is nothing to write on.
            if client.is_some() {
                match election.write(&state, !exists, expected).await {
                    Ok(transaction) => {
                        tracing::info!(generation = state.generation, "wrote the cluster state");
                        return Some(transaction);
                    }
                    Err(error) => tracing::warn!(%error, "the cluster state was not written"),
                }
            }
            sleep(FAILED_WRITE).await;
            None
        }
    }
}

async fn apply(postgres: &Mutex<Postgres>, config: &PostgresConfig) -> bool {
    let begin = Instant::now();
    let applied = postgres.lock().await.apply(config).await;
    let elapsed = begin.elapsed();
    match applied {
        Ok(()) => {
            tracing::info!(?elapsed, "PostgreSQL is as its role wants it");
            true
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "cannot configure PostgreSQL");
            false
        }
    }
}

/// The position of PostgreSQL in the WAL: what a primary wrote, what a standby replayed.
async fn position(endpoint: Endpoint, role: Role) -> Option<String> {
    let sql = if role == Role::Primary {
        "SELECT pg_current_wal_lsn()"
    } else {
        "SELECT pg_last_wal_replay_lsn()"
    };
    match endpoint.value(sql).await {
        Ok(position) => position,
        Err(error) => {
            tracing::warn!(%error, "no WAL position");
            None
        }
    }
}

/// Asks PostgreSQL again and again whether it is alive.
async fn check_health(endpoint: Endpoint, status: Status) {
    let mut interval = interval(HEALTH);
    let mut well = Instant::now();
    let mut known = None;
    loop {
        interval.tick().await;
        let error = endpoint.is_alive().await.err().map(|error| error.to_string());
        if error.is_none() {
            well = Instant::now();
            known = Some(true);
        } else if well.elapsed() >= ILL {
            known = Some(false);
        }
        let checked = Timestamp::now();
        status.show_health(Health { healthy: known, error, checked });
    }
}

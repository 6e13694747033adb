//! A shard and what its PostgreSQL servers say.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::id::ShardName;
use crate::peer::{Peer, PgEndpoint};
use crate::postgres::{Postgres, PostgresError};
use crate::replication::{Downstream, downstream_named};
use crate::shard::{Shard, ShardError};
use crate::state::{ClusterState, Role};
use crate::views::lag::Lag;

/// A shard's state and the answers of its peers.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The shard.
    pub shard: ShardName,
    /// Its state.
    pub state: ClusterState,
    /// Primary, sync, asyncs in the order of the chain, deposed.
    pub peers: Vec<PeerView>,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// Its role.
    pub role: Role,
    /// Itself.
    pub peer: Peer,
    /// The answer of its PostgreSQL, if any.
    pub postgres: PostgresView,
}

/// The answer of a peer's PostgreSQL, if any.
#[derive(Clone, Debug)]
pub enum PostgresView {
    /// It was not asked. Deposed peers never are, and manatee-adm shows them as `ok` all the same.
    NotAsked,
    /// It did not answer.
    Failed {
        /// The cause, in manatee-adm's words, which loses the text of PostgreSQL's own errors; here they are kept.
        cause: String,
    },
    /// It answered.
    Answered {
        /// Those that stream from it, oldest connection first.
        downstreams: Vec<Downstream>,
        /// The age of the transaction that it replayed last, in seconds.
        replay_age: Option<f64>,
    },
}

/// The replication from a peer to the next in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link<'a> {
    /// Nobody streams from the peer.
    None,
    /// The next peer does; or somebody does although the peer is the last.
    Found(&'a Downstream),
    /// Others do, and the next peer does not; this is one of them.
    Wrong(&'a Downstream),
}

impl<'a> Link<'a> {
    /// The connection, right or wrong.
    pub fn row(&self) -> Option<&'a Downstream> {
        match self {
            Self::None => None,
            Self::Found(row) | Self::Wrong(row) => Some(row),
        }
    }
}

impl ClusterView {
    /// Reads the state and asks every peer but the deposed, all at once. manatee-adm waits one second for each.
    ///
    /// # Errors
    ///
    /// As [`Shard::read_existing`]. Peers that do not answer are part of the view.
    pub async fn load(shard: &Shard, timeout: Duration) -> Result<Self, ShardError> {
        let mut view = Self::load_peers(shard).await?;
        let mut asked = JoinSet::new();
        for (index, view) in view.peers.iter().enumerate() {
            if view.role == Role::Deposed {
                continue;
            }
            let (endpoint, role) = (view.peer.endpoint(), view.role);
            asked.spawn(async move {
                match endpoint {
                    Ok(endpoint) => (index, ask(endpoint, role, timeout).await),
                    Err(error) => (index, PostgresView::Failed { cause: error.to_string() }),
                }
            });
        }
        // A task that was cancelled with the runtime leaves its peer as not asked.
        while let Some(answer) = asked.join_next().await {
            if let Ok((index, postgres)) = answer
                && let Some(peer) = view.peers.get_mut(index)
            {
                peer.postgres = postgres;
            }
        }
        Ok(view)
    }

    /// Reads the state and asks nobody, as `manatee-adm peers`.
    ///
    /// # Errors
    ///
    /// As [`Shard::read_existing`].
    pub async fn load_peers(shard: &Shard) -> Result<Self, ShardError> {
        let state = shard.read_existing().await?.state;
        Ok(Self::without_answers(shard.name().clone(), state))
    }

    pub(crate) fn without_answers(shard: ShardName, state: ClusterState) -> Self {
        let peers = state
            .peers()
            .map(|(role, peer)| PeerView {
                role,
                peer: peer.clone(),
                postgres: PostgresView::NotAsked,
            })
            .collect();
        Self { shard, state, peers }
    }

    /// The replication from this peer to the next.
    ///
    /// manatee-adm looks at the first row of `pg_stat_replication` and compares addresses; a second connection, such as a dump's
    /// clone, makes that arbitrary. Here the row with the next peer's name is taken, and only if there is none, the first.
    pub fn link<'a>(&'a self, view: &'a PeerView) -> Link<'a> {
        let PostgresView::Answered { downstreams, .. } = &view.postgres else { return Link::None };
        let Some(first) = downstreams.iter().find(|row| row.state.is_some()) else {
            return Link::None;
        };
        let Some(next) = self.state.downstream_of(&view.peer.id) else { return Link::Found(first) };
        if let Some(row) = downstream_named(downstreams, &next.pg_url) {
            return Link::Found(row);
        }
        let other_peers = |row: &Downstream| {
            self.state.peers().any(|(_, peer)| peer.pg_url == row.application_name)
        };
        let same_address = |row: &&Downstream| {
            row.client_addr.as_deref() == Some(next.ip.as_str()) && !other_peers(row)
        };
        match downstreams.iter().find(same_address) {
            Some(row) => Link::Found(row),
            None => Link::Wrong(first),
        }
    }
}

impl PeerView {
    /// The `LAG` column.
    pub fn lag(&self) -> Lag {
        match &self.postgres {
            PostgresView::Answered { replay_age, .. } => Lag::from_age(*replay_age),
            PostgresView::NotAsked | PostgresView::Failed { .. } => Lag::None,
        }
    }

    /// The cause if its PostgreSQL did not answer.
    pub fn failure(&self) -> Option<&str> {
        if let PostgresView::Failed { cause } = &self.postgres { Some(cause) } else { None }
    }
}

async fn ask(endpoint: PgEndpoint, role: Role, timeout: Duration) -> PostgresView {
    let server = Postgres::new(endpoint, timeout);
    let answers = async {
        let downstreams = server.downstreams().await?;
        let replay_age = if role == Role::Primary { None } else { server.replay_age().await? };
        Ok(PostgresView::Answered { downstreams, replay_age })
    };
    match answers.await {
        Ok(answers) => answers,
        Err(error) => PostgresView::Failed { cause: cause(&error) },
    }
}

/// Node's names for the ways in which a connection fails.
const NODE_NAMES: &[(ErrorKind, &str)] = &[
    (ErrorKind::ConnectionRefused, "ECONNREFUSED"),
    (ErrorKind::ConnectionReset, "ECONNRESET"),
    (ErrorKind::HostUnreachable, "EHOSTUNREACH"),
    (ErrorKind::NetworkUnreachable, "ENETUNREACH"),
    (ErrorKind::TimedOut, "ETIMEDOUT"),
];

/// manatee-adm's word for it.
fn cause(error: &PostgresError) -> String {
    match error.reason() {
        PostgresError::Timeout { .. } => "postgres request timed out".to_owned(),
        PostgresError::Refused { message, .. } => format!("postgres: {message}"),
        PostgresError::Connection { kind, source } => {
            let name = NODE_NAMES.iter().find(|(named, _)| Some(*named) == *kind);
            name.map_or_else(|| source.to_string(), |(_, name)| (*name).to_owned())
        }
        other @ (PostgresError::Answer { .. } | PostgresError::At { .. }) => other.to_string(),
    }
}

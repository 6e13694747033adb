//! Switches: paths that lead Morays to a database, as a shard's own path does, and from one to another in one write.
//!
//! A Moray finds its primary at `PATH/state`, `PATH` being `manatee.manatee.path` of its configuration, and while there is no
//! `state` it takes the first child of `PATH/election` for the primary (node-manatee does that). So a path that is nobody's shard
//! leads the Morays that are configured with it wherever its owner wants:
//!
//! * [`Switch::lead_to`] has `state` be a cluster's, and keeps one child in `election` that names its primary.
//! * [`Switch::shut`] puts an *ephemeral* `state` in its place that leads nowhere: Morays let running requests end and queue the
//!   others. If the process dies that did it, the session ends, and the child in `election` leads back.
//! * [`Switch::open`] ends that in one transaction, towards any cluster.
//!
//! node-manatee compares only versions of `state` to see whether it has changed, so a new node never has the version of the one
//! that it takes the place of.

mod error;
#[cfg(test)]
mod tests;

use serde_json::json;

pub use self::error::SwitchError;
use crate::coordination::{BriefSession, Node, Session};
use crate::error::ZooKeeperError;
use crate::fence::Fence;
use crate::id::PeerId;
use crate::lock::HeldLock;
use crate::peer::{Peer, PgEndpoint};
use crate::state::ClusterState;
use crate::wire::{ANY_VERSION, Op};

/// The number of times that [`Switch::lead_to`] tries before it gives up. Nobody else writes there but another of the plan's
/// executors.
const ATTEMPTS: u32 = 10;
/// The versions of the `state` that was there before one that is not there any more: that of a gate, and the next one.
const GATES: [i32; 2] = [0, 1];

/// A path in ZooKeeper that Morays follow.
#[derive(Clone, Debug)]
pub struct Switch {
    session: Session,
    path: String,
    fence: Option<Fence>,
}

/// The place that a switch leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum SwitchStanding {
    /// There is no such path.
    Absent,
    /// To this primary.
    Leads(Box<Peer>),
    /// Nowhere, as long as this session lives.
    Shut {
        /// The session's number.
        session: i64,
    },
    /// To the first in `election`: whoever had shut it is gone.
    Fallback(PeerId),
}

/// A switch that is shut. It opens by itself when the session ends that shut it.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The version of the `state` before.
    before: i32,
    /// The version of the one that leads nowhere.
    version: i32,
    /// The name of the child in `election`.
    child: String,
}

impl Switch {
    /// The switch at a path such as `/manta_reshard/switch/3.moray.example.com`. Nothing is asked or made yet.
    pub fn new(session: Session, path: &str) -> Self {
        Self { session, path: path.to_owned(), fence: None }
    }

    /// The same, whose writes fail once somebody else has taken this lock.
    #[must_use]
    pub fn fenced_by(mut self, lock: &HeldLock) -> Self {
        self.fence = Some(lock.fence());
        self
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The place that it leads to.
    ///
    /// # Errors
    ///
    /// [`SwitchError::ZooKeeper`]; [`SwitchError::State`] if `state` is none; [`SwitchError::Election`] if there is no `state`, and
    /// not one child in `election`.
    pub async fn look(&self) -> Result<SwitchStanding, SwitchError> {
        let Some(node) = self.read().await? else {
            let Some(children) = self.children().await? else { return Ok(SwitchStanding::Absent) };
            let child = self.only(children)?;
            let id = child.rsplit_once('-').map_or(child.as_str(), |(id, _)| id);
            return Ok(SwitchStanding::Fallback(id.into()));
        };
        if node.owner != 0 {
            return Ok(SwitchStanding::Shut { session: node.owner });
        }
        Ok(SwitchStanding::Leads(Box::new(self.state(&node)?.primary)))
    }

    /// Has it lead to a cluster, whatever it leads to now, and makes it if need be. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`SwitchError::ZooKeeper`], [`SwitchError::LockLost`], [`SwitchError::State`] of a state that cannot be written,
    /// [`SwitchError::Contended`] if somebody else changes it all the time.
    pub async fn lead_to(&self, cluster: &ClusterState) -> Result<(), SwitchError> {
        let data = self.bytes(cluster)?;
        let made = self.session.make_directory(&self.election()).await;
        made.map_err(|error| self.failed(error))?;
        for _ in 0..ATTEMPTS {
            let node = self.read().await?;
            let children = self.children().await?.unwrap_or_default();
            let mut ops = self.to_lead(node.as_ref(), &data);
            if children != [child_of(cluster)] {
                ops.extend(children.iter().map(|child| self.delete_child(child)));
                ops.push(self.create_child(cluster));
            }
            if ops.is_empty() {
                return Ok(());
            }
            match self.session.transaction(self.fenced(ops)).await {
                Ok(_) => return Ok(()),
                Err(error) if self.lost(&error) => return Err(self.lock_lost()),
                // It is looked at again: either that happened, or somebody else was faster.
                Err(error) if error.outcome_unknown() || is_race(&error) => {
                    tracing::debug!(path = %self.path, %error, "a switch is looked at again");
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(SwitchError::Contended { path: self.path.clone() })
    }

    /// Has it lead to `nowhere`, where nothing may listen, as long as this session lives.
    ///
    /// # Errors
    ///
    /// [`SwitchError::NotLeading`] if it leads nowhere already; [`SwitchError::ZooKeeper`], after which it may be shut: ending the
    /// session opens it; [`SwitchError::LockLost`], [`SwitchError::Contended`], [`SwitchError::State`].
    pub async fn shut(
        &self,
        through: &mut BriefSession,
        nowhere: &PgEndpoint,
    ) -> Result<Gate, SwitchError> {
        let not_leading = || SwitchError::NotLeading { path: self.path.clone() };
        let node = self.read().await?.filter(|node| node.owner == 0).ok_or_else(not_leading)?;
        let child = self.only(self.children().await?.unwrap_or_default())?;
        let version = other_than(&[node.version]);
        let data = self.bytes(&leading_nowhere(self.state(&node)?, nowhere))?;
        let mut ops = vec![
            Op::Delete { path: self.state_path(), version: node.version },
            Op::CreateEphemeral { path: self.state_path(), data: data.clone() },
        ];
        ops.extend(self.count_up_to(version, &data));
        self.commit(through, ops).await?;
        Ok(Gate { before: node.version, version, child })
    }

    /// Has a switch that is shut lead to a cluster.
    ///
    /// # Errors
    ///
    /// [`SwitchError::Contended`] if it is not shut any more; [`SwitchError::ZooKeeper`], after which [`Switch::look`] tells
    /// whether it happened, and [`Switch::lead_to`] does it; [`SwitchError::LockLost`], [`SwitchError::State`].
    pub async fn open(
        &self,
        through: &mut BriefSession,
        gate: &Gate,
        cluster: &ClusterState,
    ) -> Result<(), SwitchError> {
        let data = self.bytes(cluster)?;
        let mut ops = vec![Op::Delete { path: self.state_path(), version: gate.version }];
        ops.extend(self.create(&data, &[gate.before, gate.version]));
        if gate.child != child_of(cluster) {
            ops.extend([self.delete_child(&gate.child), self.create_child(cluster)]);
        }
        self.commit(through, ops).await
    }

    /// Removes it. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`SwitchError::ZooKeeper`], [`SwitchError::LockLost`], [`SwitchError::Contended`].
    pub async fn remove(&self) -> Result<(), SwitchError> {
        let Some(children) = self.children().await? else { return Ok(()) };
        let mut ops: Vec<Op> = self
            .read()
            .await?
            .map(|node| Op::Delete { path: self.state_path(), version: node.version })
            .into_iter()
            .collect();
        ops.extend(children.iter().map(|child| self.delete_child(child)));
        ops.push(Op::Delete { path: self.election(), version: ANY_VERSION });
        ops.push(Op::Delete { path: self.path.clone(), version: ANY_VERSION });
        let done = self.session.transaction(self.fenced(ops)).await;
        done.map(drop).map_err(|error| self.refused(error))
    }

    /// The operations after which `state` is these bytes; none if it is.
    fn to_lead(&self, node: Option<&Node>, data: &[u8]) -> Vec<Op> {
        match node {
            None => self.create(data, &GATES),
            Some(node) if node.owner != 0 => {
                let delete = Op::Delete { path: self.state_path(), version: node.version };
                let created = self.create(data, &[GATES.as_slice(), &[node.version]].concat());
                std::iter::once(delete).chain(created).collect()
            }
            Some(node) if node.data == data => Vec::new(),
            Some(node) => {
                let (path, data) = (self.state_path(), data.to_owned());
                vec![Op::Set { path, data, version: node.version }]
            }
        }
    }

    /// Makes a persistent `state` of another version than these.
    fn create(&self, data: &[u8], taken: &[i32]) -> Vec<Op> {
        let (path, data) = (self.state_path(), data.to_owned());
        let create = Op::Create { path, data: data.clone(), sequential: false };
        std::iter::once(create).chain(self.count_up_to(other_than(taken), &data)).collect()
    }

    /// Writes a `state` that was just made until it has this version.
    fn count_up_to(&self, version: i32, data: &[u8]) -> impl Iterator<Item = Op> {
        let (path, data) = (self.state_path(), data.to_owned());
        (0..version).map(move |version| Op::Set { path: path.clone(), data: data.clone(), version })
    }

    fn create_child(&self, cluster: &ClusterState) -> Op {
        let primary = &cluster.primary;
        let data = json!({
            "zoneId": primary.zone_id,
            "ip": primary.ip,
            "pgUrl": primary.pg_url,
            "backupUrl": primary.backup_url,
        });
        let path = format!("{}/{}", self.election(), child_of(cluster));
        Op::Create { path, data: data.to_string().into_bytes(), sequential: false }
    }

    fn delete_child(&self, name: &str) -> Op {
        Op::Delete { path: format!("{}/{name}", self.election()), version: ANY_VERSION }
    }

    fn fenced(&self, ops: Vec<Op>) -> Vec<Op> {
        self.fence.iter().map(Fence::check).chain(ops).collect()
    }

    async fn commit(&self, through: &mut BriefSession, ops: Vec<Op>) -> Result<(), SwitchError> {
        let done = through.transaction(self.fenced(ops)).await;
        done.map(drop).map_err(|error| self.refused(error))
    }

    async fn read(&self) -> Result<Option<Node>, SwitchError> {
        self.session.read(&self.state_path()).await.map_err(|error| self.failed(error))
    }

    async fn children(&self) -> Result<Option<Vec<String>>, SwitchError> {
        self.session.children(&self.election()).await.map_err(|error| self.failed(error))
    }

    fn only(&self, children: Vec<String>) -> Result<String, SwitchError> {
        let found = children.len();
        let mut children = children.into_iter();
        match (children.next(), children.next()) {
            (Some(child), None) => Ok(child),
            _ => Err(SwitchError::Election { path: self.election(), found }),
        }
    }

    fn state(&self, node: &Node) -> Result<ClusterState, SwitchError> {
        let read = ClusterState::from_json(&node.data);
        read.map_err(|source| SwitchError::State { path: self.state_path(), source })
    }

    fn bytes(&self, state: &ClusterState) -> Result<Vec<u8>, SwitchError> {
        let bytes = state.to_checked_json();
        bytes.map_err(|source| SwitchError::State { path: self.state_path(), source })
    }

    fn state_path(&self) -> String {
        format!("{}/state", self.path)
    }

    fn election(&self) -> String {
        format!("{}/election", self.path)
    }

    fn lost(&self, error: &ZooKeeperError) -> bool {
        self.fence.as_ref().is_some_and(|fence| fence.failed(error))
    }

    fn lock_lost(&self) -> SwitchError {
        SwitchError::LockLost { path: self.path.clone() }
    }

    fn failed(&self, source: ZooKeeperError) -> SwitchError {
        SwitchError::ZooKeeper { path: self.path.clone(), source }
    }

    fn refused(&self, error: ZooKeeperError) -> SwitchError {
        if self.lost(&error) {
            return self.lock_lost();
        }
        if is_race(&error) {
            return SwitchError::Contended { path: self.path.clone() };
        }
        self.failed(error)
    }
}

/// Tells whether a transaction failed because somebody else was faster.
fn is_race(error: &ZooKeeperError) -> bool {
    error.is_no_node() || error.is_bad_version() || error.is_node_exists()
}

/// The name of the child of `election` that leads to a cluster's primary, as a sitter's is made of its peer's id.
fn child_of(cluster: &ClusterState) -> String {
    format!("{}-0000000000", cluster.primary.id.as_str())
}

/// The least version that is none of these.
fn other_than(taken: &[i32]) -> i32 {
    (0..).take(taken.len() + 1).find(|version| !taken.contains(version)).unwrap_or(0)
}

/// The state of a cluster whose only server is at `nowhere`.
fn leading_nowhere(cluster: ClusterState, nowhere: &PgEndpoint) -> ClusterState {
    let primary = Peer { pg_url: nowhere.to_string(), ..cluster.primary };
    let (sync, asyncs) = (None, Vec::new());
    ClusterState { primary, sync, asyncs, one_node_write_mode: true, ..cluster }
}

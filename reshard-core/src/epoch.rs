//! ZooKeeper's knowledge of plans: which copy of a plan's file is the latest, and what it said.
//!
//! Before an executor changes anything it tells there how much the journal has. A copy of the file that was made earlier knows
//! less than that, and changes nothing any more.

use std::fmt;

use jiff::Timestamp;
use manatee_client::{Lock, LockError, LockState, Servers};
use serde::{Deserialize, Serialize};

use crate::deployment::Deployment;
use crate::journal::{Journal, JournalError, PlanState};
use crate::plan_uuid::PlanUuid;
use crate::retryable::Retryable;

/// The node below which the locks of plans are in ZooKeeper.
pub(crate) const PLAN_LOCKS: &str = "/manta_reshard/plans";
/// The name of the note beside a plan's lock.
pub(crate) const NOTE: &str = "epoch";

/// The note that the last executor of a plan left in ZooKeeper. It outlives the executor, the plan, and the plan's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// The executor's token.
    pub token: u64,
    /// The token that the file has: less than the executor's if the file cannot be written while writes are refused.
    pub claimed: u64,
    /// The number of entries that the log had.
    pub entries: u64,
    /// The state of the plan.
    pub state: PlanState,
    /// The plan's file, on `host`.
    pub file: String,
    /// The executor's machine or zone.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// The shard whose vnodes move.
    pub source: String,
    /// The shards that they move to.
    pub targets: Vec<String>,
    /// The time at which this was told.
    pub told: Timestamp,
    /// Since when writes to the moving vnodes are refused, if they are.
    pub writes_refused_since: Option<Timestamp>,
}

impl Epoch {
    /// Tells whether the plan is done or was rolled back.
    pub fn is_over(&self) -> bool {
        self.state.is_over()
    }

    /// Reads what is written in a node. Everybody in the region can write there.
    pub(crate) fn parse(node: &str, data: &[u8]) -> Result<Self, EpochError> {
        let failed = |problem: String| EpochError::Unreadable { node: node.to_owned(), problem };
        let epoch: Self =
            serde_json::from_slice(data).map_err(|error| failed(error.to_string()))?;
        let (phase, what, remedy) = match &epoch.state {
            PlanState::Held { phase, what, remedy } => (&**phase, &**what, remedy.to_string()),
            PlanState::Planned
            | PlanState::Running
            | PlanState::Paused
            | PlanState::Aborting
            | PlanState::Aborted
            | PlanState::Done => ("", "", String::new()),
        };
        let texts = [&*epoch.file, &*epoch.host, &*epoch.source, phase, what, &*remedy];
        let targets = epoch.targets.iter().map(String::as_str);
        let moves_cursor = |text: &str| text.contains(|c: char| c.is_control() && c != '\n');
        if texts.into_iter().chain(targets).any(moves_cursor) {
            return Err(failed("it has control characters in it".to_owned()));
        }
        Ok(epoch)
    }
}

/// Names its executor: `process 77 on headnode, with the file /var/tmp/split.plan`.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}, with the file {}", self.pid, self.host, self.file)
    }
}

/// Everything that is known of a plan outside its file.
#[derive(Debug)]
pub struct KnownPlan {
    /// The plan.
    pub plan: PlanUuid,
    /// The epoch that its last executor told; `None` if none has got so far.
    pub epoch: Result<Option<Epoch>, EpochError>,
    /// Its lock: held by an executor that is at work, abandoned by one that died, or free.
    pub lock: Result<LockState, LockError>,
}

/// The relation of a plan file to what ZooKeeper knows of its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It knows as much.
    Latest,
    /// It is an older copy: it knows less, or ZooKeeper knows that the plan is over and the file does not.
    Older,
    /// Its plan has begun, and ZooKeeper knows nothing of that: it is another region's, or was wiped.
    Unknown,
}

impl Standing {
    /// Compares a plan file with what ZooKeeper knows of its plan.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn of(store: &dyn Journal, epoch: Option<&Epoch>) -> Result<Self, JournalError> {
        let entries = store.entries().await?;
        let Some(epoch) = epoch else {
            let begun = entries > 0 || !store.phases().await?.is_empty();
            return Ok(if begun { Self::Unknown } else { Self::Latest });
        };
        let token = store.presence().await?.map_or(0, |presence| presence.token);
        let has_missed_the_end = epoch.is_over() && !store.state().await?.is_over();
        if token < epoch.claimed || entries < epoch.entries || has_missed_the_end {
            return Ok(Self::Older);
        }
        Ok(Self::Latest)
    }
}

/// The node of a plan's note.
pub(crate) fn node(plan: PlanUuid) -> String {
    format!("{PLAN_LOCKS}/{plan}/{NOTE}")
}

fn lock(deployment: &Deployment, plan: PlanUuid) -> Result<Lock, EpochError> {
    let lock = Lock::new(deployment.session().clone(), PLAN_LOCKS, &plan.to_string());
    lock.map_err(|source| EpochError::Lock { plan, source })
}

/// Reads what ZooKeeper knows of a plan; `None` if no executor of it has got so far.
///
/// # Errors
///
/// [`EpochError`]
pub async fn epoch_of(
    deployment: &Deployment,
    plan: PlanUuid,
) -> Result<Option<Epoch>, EpochError> {
    let note = lock(deployment, plan)?.note(NOTE).await;
    let note = note.map_err(|source| EpochError::Lock { plan, source })?;
    note.map(|note| Epoch::parse(&node(plan), note.data())).transpose()
}

/// All plans that ZooKeeper knows, in the order of their UUIDs.
///
/// # Errors
///
/// [`EpochError::List`]. What cannot be read of one plan is an error in its place.
pub async fn known_plans(deployment: &Deployment) -> Result<Vec<KnownPlan>, EpochError> {
    let session = deployment.session();
    let names = Lock::list(session, PLAN_LOCKS).await;
    let names =
        names.map_err(|source| EpochError::List { servers: session.servers().clone(), source })?;
    let mut known = Vec::new();
    // Others may have made nodes there too.
    for plan in names.iter().filter_map(|name| name.parse::<PlanUuid>().ok()) {
        known.push(known_plan(deployment, plan).await?);
    }
    Ok(known)
}

/// Everything that ZooKeeper knows of a plan.
pub(crate) async fn known_plan(
    deployment: &Deployment,
    plan: PlanUuid,
) -> Result<KnownPlan, EpochError> {
    let epoch = epoch_of(deployment, plan).await;
    let lock = lock(deployment, plan)?.state().await;
    Ok(KnownPlan { plan, epoch, lock })
}

/// ZooKeeper's knowledge of plans cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EpochError {
    /// The note of a plan cannot be read or written.
    #[error("cannot see what ZooKeeper knows of plan {plan}")]
    Lock {
        /// The plan.
        plan: PlanUuid,
        /// The cause.
        source: LockError,
    },
    /// The plans cannot be listed.
    #[error("cannot list the plans that ZooKeeper at {servers} knows")]
    List {
        /// The servers.
        servers: Servers,
        /// The cause.
        source: manatee_client::ZooKeeperError,
    },
    /// Another executor has told something of the plan since.
    #[error("another executor has taken over the plan: {by}")]
    Overtaken {
        /// The epoch that it told.
        by: Box<Epoch>,
    },
    /// Writing was tried again and again.
    #[error("{node} in ZooKeeper could not be written: answers were lost again and again")]
    Contention {
        /// The node.
        node: String,
    },
    /// The journal cannot be read.
    #[error("the journal failed")]
    Journal(#[from] JournalError),
    /// Something else is written there.
    #[error("{node} in ZooKeeper is not what an executor wrote: {problem}")]
    Unreadable {
        /// The node.
        node: String,
        /// The problem with it.
        problem: String,
    },
}

impl Retryable for EpochError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Lock { source, .. } => source.may_pass(),
            Self::List { source, .. } => source.may_pass(),
            Self::Contention { .. } => true,
            Self::Overtaken { .. } | Self::Unreadable { .. } | Self::Journal(_) => false,
        }
    }
}

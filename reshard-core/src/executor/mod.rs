//! Carrying a plan out: one phase after the other, through crashes, troubles, pauses and aborts.

mod budget;
mod context;
mod event;
mod heartbeat;
mod present_block;
mod run;
mod sessions;
mod step;
#[cfg(test)]
mod tests;
mod undo;
mod way_back;
mod write_block;

use std::sync::{Arc, Mutex, PoisonError};

use manatee_client::{HeldLock, LockError};

pub use self::context::{Context, Seen, Waiting};
pub use self::event::{Event, Observer};
pub use self::present_block::OpenWriteBlock;
pub use self::way_back::taken_back_by_abort;
pub(crate) use self::write_block::WRITE_BLOCKS;
pub use self::write_block::WriteBlockRecord;
use crate::clock::{Clock, SystemClock};
use crate::deployment::{Deployment, DeploymentError};
use crate::journal::{Store, StoreError};
use crate::phase::Phase;
use crate::plan::{Plan, PlanUuid};

/// Where the locks of plans are in ZooKeeper.
pub(crate) const PLAN_LOCKS: &str = "/manta_reshard/plans";

/// Carries out one plan.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// use std::sync::Arc;
/// use reshard_core::{Configuration, Deployment, Event, Executor, SqliteStore, phases};
///
/// let configuration = Configuration::read(Path::new("reshard.toml"))?;
/// let deployment = Deployment::connect(configuration).await?;
/// let store = Arc::new(SqliteStore::open(Path::new("split.plan"))?);
/// let executor = Executor::new(store, deployment, phases::rfd103())
///     .observed_by(Arc::new(|event: &Event| println!("{event:?}")));
/// println!("{:?}", executor.run().await?);
/// # Ok(()) }
/// ```
pub struct Executor {
    store: Arc<dyn Store>,
    /// With the session that is used now.
    deployment: Mutex<Deployment>,
    clock: Arc<dyn Clock>,
    phases: Vec<Arc<dyn Phase>>,
    observers: Vec<Arc<dyn Observer>>,
}

/// How an execution ended. As JSON: `{"ended": "held", "phase": …}`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Ended {
    /// The plan is done.
    Done,
    /// The operator stopped it before or in this phase.
    Paused {
        /// The phase.
        phase: String,
    },
    /// It needs the operator.
    Held {
        /// The phase.
        phase: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// It was taken back.
    Aborted,
}

/// A plan cannot be carried out now. What was done so far is in the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// The journal cannot be read or written.
    #[error("the journal failed")]
    Journal(#[from] StoreError),
    /// Another executor runs the plan, or ZooKeeper cannot be asked.
    #[error("cannot become the only executor of plan {plan}")]
    Lock {
        /// The plan.
        plan: PlanUuid,
        /// Why not.
        source: LockError,
    },
    /// ZooKeeper ended the session.
    #[error("the session with ZooKeeper is over")]
    SessionOver,
    /// ZooKeeper ended the session, and there is no other.
    #[error(
        "the session with ZooKeeper is over, and no new one can be had; when ZooKeeper is back, `reshard resume`"
    )]
    NoSession(#[source] DeploymentError),
    /// An abort was asked for too late.
    #[error(
        "plan {plan} cannot be taken back: {phase} has begun, and the new ring may be in use. `reshard resume` brings it \
         to its end; to undo the move, plan one in the other direction afterwards"
    )]
    TooLate {
        /// The plan.
        plan: PlanUuid,
        /// The phase from which on there is no way back.
        phase: String,
    },
    /// A phase was asked for before its turn.
    #[error("{phase} has to wait for {missing}: phases go in their order")]
    NotYet {
        /// The phase.
        phase: String,
        /// The first phase before it that is not done.
        missing: &'static str,
    },
    /// There is no such phase.
    #[error("the plan has no phase {name}")]
    NoPhase {
        /// The name.
        name: String,
    },
    /// It is over.
    #[error("plan {plan} is over: {how}")]
    Over {
        /// The plan.
        plan: PlanUuid,
        /// How it ended.
        how: &'static str,
    },
}

impl Executor {
    /// Executes the plan in the store with these phases, such as [`crate::phases::rfd103`].
    pub fn new(store: Arc<dyn Store>, deployment: Deployment, phases: Vec<Arc<dyn Phase>>) -> Self {
        let clock = Arc::new(SystemClock);
        let deployment = Mutex::new(deployment);
        Self { store, deployment, clock, phases, observers: Vec::new() }
    }

    /// Tells an observer what happens.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Ends the session with ZooKeeper. Without it the next executor of the plan may have to wait until ZooKeeper misses this
    /// one.
    pub async fn close(self) {
        let deployment = self.deployment.into_inner().unwrap_or_else(PoisonError::into_inner);
        deployment.close().await;
    }

    /// The phases in order.
    pub fn phases(&self) -> &[Arc<dyn Phase>] {
        &self.phases
    }

    fn context(&self, alone: &Alone) -> Context {
        Context {
            plan: alone.plan.clone(),
            deployment: alone.deployment.clone(),
            clock: self.clock.clone(),
            store: self.store.clone(),
            observers: self.observers.clone(),
            lock: alone.lock.clone(),
            phase: "",
            in_write_block: false,
            no_way_back: false,
            undoing: false,
        }
    }
}

/// The plan, the region, and the lock that makes this the plan's only executor.
struct Alone {
    plan: Arc<Plan>,
    deployment: Deployment,
    lock: HeldLock,
}

impl Alone {
    async fn end(self) {
        if let Err(error) = self.lock.release().await {
            tracing::warn!(%error, "the plan's lock was not given back; it is free when the session ends");
        }
    }
}

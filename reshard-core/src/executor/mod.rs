//! Carrying a plan out: one phase after the other, through crashes, troubles, pauses and aborts.

mod advice;
mod begin_anew;
mod budget;
mod companions;
mod guard;
mod heartbeat;
mod mirror;
mod present_block;
mod rescue;
mod run;
mod sequence;
mod sessions;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod undo;
mod way_back;
mod without_journal;
mod write_block;
mod zones;

use std::sync::Arc;

use manatee_client::{HeldLock, LockError};

pub use self::guard::Guard;
use self::mirror::Mirror;
pub use self::present_block::OpenWriteBlock;
pub use self::rescue::{Gone, urgent_phase};
pub use self::sequence::phase_sequence;
pub use self::way_back::{past_pivot, refuse_if_over, rolled_back_by_abort};
use crate::clock::{Clock, SystemClock};
use crate::deployment::{Deployment, DeploymentError};
use crate::epoch::{Epoch, EpochError, PLAN_LOCKS};
use crate::hint::Hint;
use crate::journal::{Journal, JournalError, PlanState};
use crate::phase::{Context, Lease, Observer, Sequence, SequenceError, StopHandle};
use crate::plan::PlanUuid;

/// Carries out one plan.
///
/// Each execution has a session with ZooKeeper of its own, and ends it: what the session shows as alive (the plan's lock, the
/// ring, names) is free when [`Executor::run`] and the like return. A future that is dropped frees it a moment later, and a
/// process that is killed when ZooKeeper misses it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::path::Path;
/// use std::sync::Arc;
/// use reshard_core::{Configuration, Deployment, Event, Executor, SqliteJournal};
///
/// let configuration = Configuration::read(Path::new("reshard.toml"))?;
/// let deployment = Deployment::connect(configuration).await?;
/// let store = Arc::new(SqliteJournal::open(Path::new("split.plan"))?);
/// let executor = Executor::new(store, deployment).await?
///     .observed_by(Arc::new(|event: &Event| println!("{event:?}")));
/// println!("{:?}", executor.run().await?);
/// # Ok(()) }
/// ```
pub struct Executor {
    store: Arc<Mirror>,
    deployment: Deployment,
    clock: Arc<dyn Clock>,
    sequence: Sequence,
    observers: Vec<Arc<dyn Observer>>,
    guard: Option<Arc<dyn Guard>>,
    stop: StopHandle,
}

/// The end of an execution. As JSON: `{"ended": "held", "phase": …}`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
pub enum Outcome {
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
        /// The problem.
        what: String,
        /// The remedy.
        remedy: Hint,
    },
    /// It was rolled back.
    Aborted,
}

/// A plan cannot be carried out now. What was done so far is in the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// The journal cannot be read or written.
    #[error("the journal failed")]
    Journal(#[source] JournalError),
    /// Another executor has taken the plan over while this one slept, or had no session with ZooKeeper.
    #[error("another executor has taken over this plan: {by}. This one has stopped")]
    Overtaken {
        /// The other executor.
        by: String,
    },
    /// The file is an older copy of the plan's.
    #[error(
        "{file} is an older copy of plan {plan}, which was carried on by {latest}: {}. Nothing was done. Go on with that \
         file: what only it knows was made since cannot be told from what is in use now",
        told(latest)
    )]
    OlderCopy {
        /// The plan.
        plan: PlanUuid,
        /// The older copy.
        file: String,
        /// The epoch that the executor told that had the latest.
        latest: Box<Epoch>,
    },
    /// The plan has begun, but not in this region.
    #[error(
        "ZooKeeper at {zookeeper} knows nothing of plan {plan}, which has begun as {file} says. Nothing was done. Either the \
         configuration is another region's: look at `zookeeper` in it; or /manta_reshard was removed from ZooKeeper, and \
         with it what plans keep from each other"
    )]
    UnknownHere {
        /// The plan.
        plan: PlanUuid,
        /// Its file.
        file: String,
        /// The servers that were asked.
        zookeeper: String,
    },
    /// The phases of the plan's mode are no sequence.
    #[error("the phases of this plan cannot be carried out")]
    Sequence(#[source] SequenceError),
    /// It was begun with other phases.
    #[error(
        "plan {plan} was begun by a program with other phases: {misfit}. Nothing was done; carry it on with that program"
    )]
    OtherPhases {
        /// The plan.
        plan: PlanUuid,
        /// The first difference.
        misfit: String,
    },
    /// ZooKeeper's knowledge of the plan cannot be read or written.
    #[error("cannot see whether {file} is the latest copy of its plan")]
    Epoch {
        /// The plan's file.
        file: String,
        /// The cause.
        source: Box<EpochError>,
    },
    /// Another executor runs the plan, or ZooKeeper cannot be asked.
    #[error("cannot become the only executor of plan {plan}")]
    Lock {
        /// The plan.
        plan: PlanUuid,
        /// The cause.
        source: LockError,
    },
    /// ZooKeeper ended the session.
    #[error("the session with ZooKeeper is over")]
    SessionOver,
    /// ZooKeeper does not answer, or ended the session and grants no other.
    #[error("there is no session with ZooKeeper")]
    NoSession(#[source] DeploymentError),
    /// The journal could not be written while writes were refused, and cannot be written still.
    #[error("{writes}, and the journal lacks {missing} entries about that")]
    JournalBehind {
        /// The number of entries.
        missing: usize,
        /// Words that say whether writes are refused.
        writes: &'static str,
        /// The reason that it cannot be written.
        source: JournalError,
    },
    /// An abort was asked for too late.
    #[error("plan {plan} cannot be rolled back: {phase} has begun, and the new ring may be in use")]
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
    /// The phase that was to be rehearsed is done.
    #[error("{phase} is done: there is nothing left to be rehearsed")]
    IsDone {
        /// The phase.
        phase: String,
    },
    /// The phase cannot be rehearsed.
    #[error("{phase} cannot be rehearsed")]
    NoRehearsal {
        /// The phase.
        phase: String,
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
        /// The way that it ended.
        how: &'static str,
    },
}

impl From<JournalError> for ExecutorError {
    fn from(error: JournalError) -> Self {
        if let JournalError::Overtaken { by, .. } = &error {
            return Self::Overtaken { by: by.to_string() };
        }
        Self::Journal(error)
    }
}

/// Tells what became of the plan, and when that was known.
fn told(latest: &Epoch) -> String {
    let state = match &latest.state {
        PlanState::Done => "it was done".to_owned(),
        PlanState::Aborted => "it was rolled back".to_owned(),
        PlanState::Held { phase, .. } => format!("it was held in {phase}"),
        PlanState::Paused => "it was paused".to_owned(),
        PlanState::Planned | PlanState::Running => "it was being carried out".to_owned(),
        PlanState::Aborting => "it was being rolled back".to_owned(),
    };
    format!("{state} at {}", latest.told.strftime("%Y-%m-%d %H:%M:%S UTC"))
}

impl Executor {
    /// Executes the plan in the store with the phases of its mode.
    ///
    /// # Errors
    ///
    /// [`ExecutorError::Journal`] if the plan cannot be read.
    pub async fn new(
        store: Arc<dyn Journal>,
        deployment: Deployment,
    ) -> Result<Self, ExecutorError> {
        let sequence = store.plan().await?.sequence().map_err(ExecutorError::Sequence)?;
        Ok(Self::with_sequence(store, deployment, sequence))
    }

    /// Executes the plan in the store with these phases, for programs that have some of their own.
    pub fn with_sequence(
        store: Arc<dyn Journal>,
        deployment: Deployment,
        sequence: Sequence,
    ) -> Self {
        Self {
            store: Arc::new(Mirror::of(store)),
            deployment,
            clock: Arc::new(SystemClock),
            sequence,
            observers: Vec::new(),
            guard: None,
            stop: StopHandle::default(),
        }
    }

    /// Tells an observer what happens.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Begins no write block but with somebody who stands by in case this process dies.
    #[must_use]
    pub fn guarded_by(mut self, guard: Arc<dyn Guard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// A handle that asks this executor to stop, from another task.
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// The write block that lasts, if writes are refused.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn write_block(&self) -> Result<Option<OpenWriteBlock>, JournalError> {
        OpenWriteBlock::of(&*self.store, &*self.store.plan().await?, &self.sequence, &*self.clock)
            .await
    }

    /// The time that the way back takes, if the write block that lasts is rolled back now.
    ///
    /// # Errors
    ///
    /// [`JournalError`]
    pub async fn way_back(&self) -> Result<std::time::Duration, JournalError> {
        self.kept_for_way_back(&*self.store.plan().await?, "").await
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The phases in order.
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// The journal, for what all stores have.
    fn journal(&self) -> &dyn Journal {
        &*self.store
    }

    fn context(&self, lease: &Lease) -> Context {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Context::new(lease, store, clock, self.observers.clone(), self.stop.clone())
    }
}

impl Lease {
    async fn end(self) {
        // The next executor goes by the journal; this is for those who look.
        if let Err(error) = self.epoch.tell().await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "ZooKeeper does not know how the execution ended"
            );
        }
        release(&self.lock).await;
    }
}

async fn release(lock: &HeldLock) {
    if let Err(error) = lock.release().await {
        tracing::warn!(%error, "the plan's lock was not given back; it is free when the session ends");
    }
}

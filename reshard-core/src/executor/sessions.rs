//! The session with ZooKeeper that an executor has, and the lock that makes it the only one. Both go when ZooKeeper is away for
//! longer than a session lasts: then the executor goes on with new ones, as another process would.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use manatee_client::{HeldLock, Lock, Takeover};

use super::heartbeat::Heartbeat;
use super::way_back::refuse_if_over;
use super::{Alone, Ended, Event, Executor, ExecutorError, PLAN_LOCKS};
use crate::clock::{Clock, SystemClock, host};
use crate::deployment::Deployment;
use crate::journal::{Activity, Entry, EntryKind, Presence};
use crate::plan::Plan;

/// The pause between attempts to get a new session.
const PAUSE: Duration = Duration::from_millis(500);

/// What an executor is asked for.
#[derive(Clone, Copy)]
pub(super) enum Work {
    Run,
    /// The phase at this place.
    Step(usize),
    Abort,
}

impl Executor {
    /// Becomes the plan's only executor and does something; begins anew whenever the session has ended meanwhile. What has
    /// another executor by then is left to that.
    pub(super) async fn through_sessions(&self, work: Work) -> Result<Ended, ExecutorError> {
        let mut heartbeat = None;
        loop {
            let alone = match self.begin_alone().await {
                Err(ExecutorError::Lock { .. }) if self.deployment().session().is_over() => {
                    continue;
                }
                alone => alone?,
            };
            heartbeat.get_or_insert_with(|| Heartbeat::start(self.store.clone()));
            let ended = match work {
                Work::Run => self.run_alone(&alone).await,
                Work::Step(at) => self.step_alone(&alone, at).await,
                Work::Abort => self.abort_alone(&alone).await,
            };
            if !matches!(ended, Err(ExecutorError::SessionOver)) {
                alone.end().await;
                return ended;
            }
        }
    }

    fn tell(&self, event: &Event) {
        for observer in &self.observers {
            observer.observe(event);
        }
    }

    fn deployment(&self) -> Deployment {
        self.deployment.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Becomes the only executor of a plan that is not over.
    async fn begin_alone(&self) -> Result<Alone, ExecutorError> {
        let plan = Arc::new(self.store.plan()?);
        refuse_if_over(&*self.store)?;
        let deployment = self.living_deployment().await?;
        let lock = self.take_lock(&deployment, &plan).await?;
        let alone = Alone { plan, deployment, lock };
        if let Err(error) = self.claim(&alone) {
            alone.end().await;
            return Err(error);
        }
        Ok(alone)
    }

    /// Makes this the only executor that writes the journal. If another one has claimed it while this one had no session, the
    /// plan is that one's.
    fn claim(&self, alone: &Alone) -> Result<(), ExecutorError> {
        let now = SystemClock.now();
        Ok(self.store.claim(&Presence {
            token: alone.lock.token(),
            host: host(),
            pid: std::process::id(),
            session: alone.deployment.session().id(),
            since: now,
            heartbeat: now,
            left: None,
        })?)
    }

    async fn take_lock(
        &self,
        deployment: &Deployment,
        plan: &Plan,
    ) -> Result<HeldLock, ExecutorError> {
        let failed = |source| ExecutorError::Lock { plan: plan.uuid, source };
        let name = plan.uuid.to_string();
        let lock = Lock::new(deployment.session().clone(), PLAN_LOCKS, &name).map_err(failed)?;
        // What a crashed executor left behind may be taken, as soon as ZooKeeper knows that it is gone. The lock of a
        // living one is not given up meanwhile.
        let patience = deployment.until_the_dead_are_missed();
        lock.acquire(&name, self.clock.now(), Takeover::Anyone, patience).await.map_err(failed)
    }

    /// The region with a session that is not over. While writes are refused one is tried for without end: nobody else lets them
    /// flow again.
    async fn living_deployment(&self) -> Result<Deployment, ExecutorError> {
        let deployment = self.deployment();
        if !deployment.session().is_over() {
            return Ok(deployment);
        }
        let (since, began) = (self.clock.now(), self.clock.monotonic());
        let what = "waiting for a new session with ZooKeeper".to_owned();
        let you_can = Some("see that ZooKeeper answers".to_owned());
        let phase = String::new();
        let activity = Activity { phase: phase.clone(), what, since, you_can, progress: None };
        self.store.set_activity(Some(&activity))?;
        self.tell(&Event::Activity(activity));
        let blocked = self.open_write_block()?.is_some();
        let patience = Duration::from_secs(self.store.controls()?.knobs.patience_seconds);
        let renewed = loop {
            match deployment.with_new_session().await {
                Ok(renewed) => break renewed,
                Err(error) if !blocked && self.clock.since(began) >= patience => {
                    return Err(ExecutorError::NoSession(error));
                }
                Err(error) => tracing::warn!(%error, "no new session with ZooKeeper yet"),
            }
            self.clock.sleep(PAUSE).await;
        };
        self.store.set_activity(None)?;
        let text = "the session with ZooKeeper was over; a new one goes on".to_owned();
        let entry = Entry { at: self.clock.now(), phase, kind: EntryKind::Note, text };
        self.store.append(&entry)?;
        self.tell(&Event::Logged(entry));
        *self.deployment.lock().unwrap_or_else(PoisonError::into_inner) = renewed.clone();
        Ok(renewed)
    }
}

//! The session with ZooKeeper that an executor has, and the lock that makes it the only one. Both go when ZooKeeper is away for
//! longer than a session lasts: then the executor goes on with new ones, as another process would.

use std::sync::Arc;
use std::time::Duration;

use manatee_client::{HeldLock, Lock, Takeover};

use super::heartbeat::Heartbeat;
use super::rescue::Gone;
use super::way_back::refuse_if_over;
use super::zones::OwnZones;
use super::{Executor, ExecutorError, Outcome, PLAN_LOCKS, release};
use crate::clock::host;
use crate::deployment::Deployment;
use crate::epoch::{Epoch, EpochError, Standing};
use crate::journal::{Activity, Entry, EntryKind, Journal, PhaseState, Presence};
use crate::phase::{EpochNote, Event, Lease, Step};
use crate::plan::{Plan, ValidPlan};

/// The pause between attempts to get a new session.
const PAUSE: Duration = Duration::from_millis(500);

/// The work that an executor is asked for.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    Run,
    /// The phase of this name.
    Step(&'a str),
    /// To rehearse the phase of this name.
    Rehearse(&'a str),
    Abort,
    /// To end the write block that this one has left.
    Rescue(&'a Gone),
}

impl Executor {
    /// Becomes the plan's only executor and does something, with a session of its own that is over afterwards.
    pub(super) async fn with_session_renewal(
        &self,
        work: Work<'_>,
    ) -> Result<Outcome, ExecutorError> {
        let (mut region, mut heartbeat) = (None, None);
        let ended = self.renewing_sessions(&mut region, &mut heartbeat, work).await;
        if let Some(heartbeat) = heartbeat {
            heartbeat.leave().await;
        }
        if let Some(region) = region {
            region.close().await;
        }
        ended
    }

    /// Does it, and begins anew whenever the session has ended meanwhile. What has another executor by then is left to that.
    async fn renewing_sessions(
        &self,
        region: &mut Option<Deployment>,
        heartbeat: &mut Option<Heartbeat>,
        work: Work<'_>,
    ) -> Result<Outcome, ExecutorError> {
        let mut token = None;
        loop {
            let lease = tokio::select! {
                lease = self.acquire_lease(region, work, &mut token) => lease,
                () = self.asked_to_stop_with_nothing_open() => return self.ends_before_it_began().await,
            };
            let lease = match lease {
                Err(ExecutorError::Lock { .. } | ExecutorError::Epoch { .. })
                    if region.as_ref().is_some_and(|region| region.session().is_over()) =>
                {
                    continue;
                }
                lease => lease?,
            };
            heartbeat
                .get_or_insert_with(|| Heartbeat::start(self.store.clone(), self.clock.clone()));
            let ended = match work {
                Work::Run => self.run_leased(&lease).await,
                Work::Step(name) => self.step_leased(&lease, name).await,
                Work::Rehearse(name) => self.rehearse_leased(&lease, name).await,
                Work::Abort => self.abort_leased(&lease).await,
                Work::Rescue(gone) => self.rescue_leased(&lease, gone).await,
            };
            if !matches!(ended, Err(ExecutorError::SessionOver)) {
                let written = self.write_back(&self.context(&lease)).await;
                lease.end().await;
                return match written {
                    Ok(()) => ended,
                    Err(source) => Err(self.is_behind(source).await),
                };
            }
        }
    }

    /// Returns when a stop is asked for, but not while writes are refused.
    async fn asked_to_stop_with_nothing_open(&self) {
        self.stop.asked().await;
        if !matches!(self.open_write_block().await, Ok(None)) {
            std::future::pending::<()>().await;
        }
    }

    async fn ends_before_it_began(&self) -> Result<Outcome, ExecutorError> {
        let records = self.store.phases().await?;
        let is_left = |phase: &&Step| {
            records.get(phase.name()).is_none_or(|record| record.state != PhaseState::Done)
        };
        let next = self.sequence.iter().find(is_left).map_or("", |phase| phase.name());
        Ok(Outcome::Paused { phase: next.to_owned() })
    }

    fn tell(&self, event: &Event) {
        for observer in &self.observers {
            observer.observe(event);
        }
    }

    /// Becomes the only executor of a plan that is not over. `token` is of the lock that this execution had last.
    async fn acquire_lease(
        &self,
        region: &mut Option<Deployment>,
        work: Work<'_>,
        token: &mut Option<u64>,
    ) -> Result<Lease, ExecutorError> {
        let plan = Arc::new(self.store.plan().await?);
        if let Err(over) = refuse_if_over(&*self.store).await {
            if let Err(error) = self.tell_the_end(region, plan).await {
                let error: &dyn std::error::Error = &error;
                tracing::debug!(error, "ZooKeeper was not told that the plan is over");
            }
            return Err(over);
        }
        self.take_over_write_block().await?;
        let deployment = self.with_living_session(region).await?;
        if let Work::Rescue(Gone { session: Some(dead), .. }) = work {
            bury(&deployment, &plan, *dead).await;
        }
        let lock = self.take_lock(&deployment, &plan).await?;
        let before = token.replace(lock.token());
        match self.take_over(&plan, &deployment, &lock, before).await {
            Ok(epoch) => {
                let epoch = Arc::new(epoch);
                let zones = OwnZones { zones: deployment.zone_commands(), epoch: epoch.clone() };
                let deployment = deployment.with_zone_commands(Arc::new(zones));
                Ok(Lease { plan, deployment, lock, epoch })
            }
            Err(error) => {
                release(&lock).await;
                Err(error)
            }
        }
    }

    /// Sees that the journal is the latest copy, and makes this executor the only one that writes it. If another one has taken
    /// the plan over while this one had no session, the plan is that one's: whoever had the lock since the one with this `token`
    /// may have acted, whatever can be read of that now.
    async fn take_over(
        &self,
        plan: &Arc<ValidPlan>,
        deployment: &Deployment,
        lock: &HeldLock,
        token: Option<u64>,
    ) -> Result<EpochNote, ExecutorError> {
        let failed = |error| match error {
            EpochError::Overtaken { by } => ExecutorError::Overtaken { by: by.to_string() },
            EpochError::Journal(error) => error.into(),
            source @ (EpochError::Lock { .. }
            | EpochError::List { .. }
            | EpochError::Contention { .. }
            | EpochError::Unreadable { .. }) => {
                ExecutorError::Epoch { file: self.store.place(), source: Box::new(source) }
            }
        };
        let (plan, store, clock) = (plan.clone(), self.store.clone(), self.clock.clone());
        let uuid = plan.uuid;
        let (epoch, before) =
            EpochNote::read(lock.clone(), store, plan, clock).await.map_err(failed)?;
        let file = self.store.place();
        let others = token.filter(|before| lock.token() > before + 1).map(|before_others| {
            let told = before.as_ref().filter(|told| told.token > before_others);
            told.map_or_else(
                || "somebody who had its lock in ZooKeeper meanwhile, and told nothing".to_owned(),
                Epoch::to_string,
            )
        });
        match (Standing::of(&*self.store, before.as_ref()).await?, before) {
            (Standing::Latest, _) => {}
            (Standing::Older, Some(latest)) => {
                return Err(ExecutorError::OlderCopy {
                    plan: uuid,
                    file,
                    latest: Box::new(latest),
                });
            }
            (Standing::Unknown | Standing::Older, _) => {
                let zookeeper = deployment.session().servers().to_string();
                return Err(ExecutorError::UnknownHere { plan: uuid, file, zookeeper });
            }
        }
        if let Some(by) = others {
            return Err(ExecutorError::Overtaken { by });
        }
        self.refuse_other_phases().await?;
        self.claim(deployment, lock).await?;
        self.remember_phases().await?;
        epoch.tell().await.map_err(failed)?;
        Ok(epoch)
    }

    /// Tells ZooKeeper that the plan is over, if the executor died that knew it before it had told.
    async fn tell_the_end(
        &self,
        region: &mut Option<Deployment>,
        plan: Arc<ValidPlan>,
    ) -> Result<(), ExecutorError> {
        let deployment = self.with_living_session(region).await?;
        let lock = self.take_lock(&deployment, &plan).await?;
        let failed =
            |source| ExecutorError::Epoch { file: self.store.place(), source: Box::new(source) };
        let telling = async {
            let (store, clock) = (self.store.clone(), self.clock.clone());
            let (epoch, told) =
                EpochNote::read(lock.clone(), store, plan, clock).await.map_err(failed)?;
            let is_latest = Standing::of(&*self.store, told.as_ref()).await? == Standing::Latest;
            if is_latest && told.is_some_and(|told| !told.is_over()) {
                epoch.tell().await.map_err(failed)?;
            }
            Ok(())
        };
        let told = telling.await;
        release(&lock).await;
        told
    }

    async fn claim(&self, deployment: &Deployment, lock: &HeldLock) -> Result<(), ExecutorError> {
        let now = self.clock.now();
        let presence = Presence {
            token: lock.token(),
            host: host(),
            pid: std::process::id(),
            session: deployment.session().id(),
            since: now,
            heartbeat: now,
            left: None,
        };
        Ok(self.store.claim(&presence).await?)
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
        let patience = deployment.session_expiry_grace();
        lock.acquire(&name, self.clock.now(), Takeover::Anyone, patience).await.map_err(failed)
    }

    /// The region with a session of this execution that is not over. While writes are refused one is tried for without end:
    /// nobody else lets them flow again.
    async fn with_living_session(
        &self,
        region: &mut Option<Deployment>,
    ) -> Result<Deployment, ExecutorError> {
        let renews = match region {
            Some(living) if !living.session().is_over() => return Ok(living.clone()),
            Some(_) => true,
            None => false,
        };
        let began = self.clock.monotonic();
        let blocked = self.open_write_block().await?.is_some();
        let patience = Duration::from_secs(self.store.controls().await?.tuning.patience_seconds);
        if renews {
            let what = "waiting for a new session with ZooKeeper".to_owned();
            let (since, phase) = (self.clock.now(), String::new());
            let hint = Some("see that ZooKeeper answers".into());
            let activity = Activity { phase, what, since, hint, progress: None };
            self.store.set_activity(Some(&activity)).await?;
            self.tell(&Event::Activity(activity));
        }
        let living = loop {
            match self.deployment.with_new_session().await {
                Ok(living) => break living,
                Err(error) if !blocked && self.clock.since(began) >= patience => {
                    return Err(ExecutorError::NoSession(error));
                }
                Err(error) => tracing::warn!(%error, "no new session with ZooKeeper yet"),
            }
            self.clock.sleep(PAUSE).await;
        };
        if renews {
            self.store.set_activity(None).await?;
            let text = "the session with ZooKeeper was over; a new one goes on".into();
            let (phase, kind) = (String::new(), EntryKind::Note);
            let entry = Entry { at: self.clock.now(), phase, kind, text };
            self.store.append(&entry, None).await?;
            self.tell(&Event::Logged(entry));
        }
        *region = Some(living.clone());
        Ok(living)
    }
}

/// Removes what the session of a dead executor keeps alive of the plan's lock. If that fails, ZooKeeper does it some time.
async fn bury(deployment: &Deployment, plan: &Plan, dead: i64) {
    let lock = Lock::new(deployment.session().clone(), PLAN_LOCKS, &plan.uuid.to_string());
    let buried = match lock {
        Ok(lock) => lock.bury(dead).await,
        Err(error) => Err(error),
    };
    if let Err(error) = buried {
        tracing::warn!(%error, "the dead executor's lock is free only when ZooKeeper misses it");
    }
}

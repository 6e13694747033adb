//! The context in which a phase works.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use manatee_client::HeldLock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PhaseError;
use super::epoch_note::EpochNote;
use super::event::{Event, Observer};
use super::facts::ROUND;
use super::lease::Lease;
use super::stopping::StopHandle;
use super::wait::{Poll, Wait};
use crate::causes::without_request_ids;
use crate::clock::Clock;
use crate::deployment::Deployment;
use crate::hint::Hint;
use crate::journal::{Activity, Controls, Entry, EntryKind, Fact, Journal, Progress, Tuning};
use crate::plan::ValidPlan;
use crate::quantity::duration;

/// The interval at which something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(500);
/// The same inside the write block, where every moment counts.
const POLL_IN_BLOCK: Duration = Duration::from_millis(100);

/// The context in which a phase works: the plan, the region, the journal, and the operator's wishes.
pub struct Context {
    plan: Arc<ValidPlan>,
    deployment: Deployment,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Journal>,
    observers: Vec<Arc<dyn Observer>>,
    stop: StopHandle,
    lock: HeldLock,
    epoch: Arc<EpochNote>,
    /// The phase that is run or undone.
    pub(crate) phase: &'static str,
    /// True if writes are refused meanwhile, so that nobody may pause here.
    pub(crate) in_write_block: bool,
    /// True if the plan can only go on: an abort that is asked for now comes too late.
    pub(crate) past_pivot: bool,
    /// True if it is undone: then an abort that was asked for is what is going on.
    pub(crate) undoing: bool,
}

impl Context {
    /// The context of an executor that has the plan's lease, before its first phase.
    pub(crate) fn new(
        lease: &Lease,
        store: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        observers: Vec<Arc<dyn Observer>>,
        stop: StopHandle,
    ) -> Self {
        Self {
            plan: lease.plan.clone(),
            deployment: lease.deployment.clone(),
            clock,
            store,
            observers,
            stop,
            lock: lease.lock.clone(),
            epoch: lease.epoch.clone(),
            phase: "",
            in_write_block: false,
            past_pivot: false,
            undoing: false,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &ValidPlan {
        &self.plan
    }

    /// The region.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// A directory for what the plan makes on this machine. It need not exist yet.
    pub fn work_directory(&self) -> PathBuf {
        self.store.work_directory()
    }

    /// The lock that makes this the plan's only executor: fences writes to ZooKeeper.
    pub fn lock(&self) -> &HeldLock {
        &self.lock
    }

    /// The clock that the executor goes by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A reading of the clock that nobody sets: durations are computed by it.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The time since [`Context::monotonic`] had this reading.
    pub fn since(&self, reading: Duration) -> Duration {
        self.clock.since(reading)
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }

    /// Tells whether writes to the moving vnodes are refused while this phase runs.
    pub fn in_write_block(&self) -> bool {
        self.in_write_block
    }

    /// The number of times that the plan began anew after it had rolled everything back: what it creates then has other names.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn round(&self) -> Result<u32, PhaseError> {
        Ok(self.get(&ROUND).await?.unwrap_or(0))
    }

    /// The operator's wishes as they are now.
    pub(super) async fn controls(&self) -> Result<Controls, PhaseError> {
        Ok(self.store.controls().await?)
    }

    /// The settings as they are now.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn tuning(&self) -> Result<Tuning, PhaseError> {
        Ok(self.store.controls().await?.tuning)
    }

    /// The value of a fact; `None` if no phase has put one.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`], also if it is of another type.
    pub async fn get<T: DeserializeOwned>(&self, fact: &Fact<T>) -> Result<Option<T>, PhaseError> {
        Ok(self.store.get(fact).await?)
    }

    /// Writes the value of a fact for later phases, attempts and the report. Never a secret.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn put<T: Serialize + Sync>(
        &self,
        fact: &Fact<T>,
        value: &T,
    ) -> Result<(), PhaseError> {
        Ok(self.store.put(fact, value).await?)
    }

    /// Removes the value of a fact, if it has one.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn forget<T>(&self, fact: &Fact<T>) -> Result<(), PhaseError> {
        Ok(self.store.forget(fact).await?)
    }

    /// Returns the value of a fact, or what `decide` says, which is then its value: for what must not change between attempts.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`], and the error of `decide`.
    pub async fn decided<T, F>(
        &self,
        fact: &Fact<T>,
        decide: impl FnOnce() -> F,
    ) -> Result<T, PhaseError>
    where
        T: Serialize + DeserializeOwned + Sync,
        F: Future<Output = Result<T, PhaseError>>,
    {
        if let Some(decided) = self.get(fact).await? {
            return Ok(decided);
        }
        let decided = decide().await?;
        self.put(fact, &decided).await?;
        Ok(decided)
    }

    /// Changes something: the intent goes to the journal, then it is done, then the outcome goes to the journal. Nothing
    /// is begun if the operator wants a stop, or if another executor has taken over.
    ///
    /// # Errors
    ///
    /// Whatever `doing` says, [`PhaseError::Stopped`], [`PhaseError::Journal`].
    pub async fn act<T>(
        &self,
        what: impl Display,
        doing: impl Future<Output = Result<T, PhaseError>>,
    ) -> Result<T, PhaseError> {
        self.checkpoint().await?;
        let what = what.to_string();
        let activity = self.activity(&what, self.now(), None, None);
        self.log_showing(EntryKind::Intent, what.as_str(), Some(activity)).await?;
        self.still_leased().await?;
        let done = doing.await?;
        self.log(EntryKind::Outcome, what).await?;
        Ok(done)
    }

    /// Proves that this is still the plan's only executor, and tells ZooKeeper how much the journal knows: before every single
    /// thing that is changed, where [`Context::act`] is about many.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Overtaken`] if it is not; [`PhaseError::Transient`] if ZooKeeper does not answer.
    pub async fn still_leased(&self) -> Result<(), PhaseError> {
        Ok(self.epoch.tell().await?)
    }

    /// Says what is worth knowing.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn note(&self, text: impl Into<Hint>) -> Result<(), PhaseError> {
        self.log(EntryKind::Note, text).await
    }

    /// Shows how far something is.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Journal`]
    pub async fn progress(&self, what: &str, progress: Progress) -> Result<(), PhaseError> {
        self.show(self.activity(what, self.now(), None, Some(progress))).await
    }

    /// Looks again and again until something is there, at most for `limit`; shows the operator what is waited for.
    /// Passing troubles while looking are shown and waited out too.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Hold`] when the time is over, other than passing errors of `look`, [`PhaseError::Stopped`].
    pub async fn wait<T, F>(
        &self,
        waiting: Wait,
        limit: Duration,
        mut look: impl FnMut() -> F,
    ) -> Result<T, PhaseError>
    where
        F: Future<Output = Result<Poll<T>, PhaseError>>,
    {
        let (since, began) = (self.now(), self.monotonic());
        let mut shown = None;
        loop {
            self.checkpoint().await?;
            // Whoever cannot be asked has another remedy than what is waited for.
            let mut unanswered = None;
            let (progress, said) = match look().await {
                Ok(Poll::Ready(found)) => return Ok(found),
                Ok(Poll::Pending(progress, said)) => (progress, said),
                Err(trouble) => {
                    let trouble = self.or_session_over(trouble);
                    if !matches!(trouble, PhaseError::Transient { .. }) {
                        return Err(trouble);
                    }
                    unanswered = Some(trouble.remedy());
                    (None, trouble.with_causes())
                }
            };
            let what = if said.is_empty() {
                format!("waiting for {}", waiting.what)
            } else {
                format!("waiting for {}: {said}", waiting.what)
            };
            // Every write to the journal waits for the disk.
            let now = Some((without_request_ids(&what), progress.clone()));
            if shown != now {
                let hint = Some(waiting.hint.clone());
                self.show(self.activity(&what, since, hint, progress)).await?;
                shown = now;
            }
            if self.since(began) >= limit {
                let what = format!("gave up after {} of {what}", duration(limit));
                return Err(PhaseError::gave_up(what, waiting.hint, unanswered));
            }
            self.sleep(if self.in_write_block { POLL_IN_BLOCK } else { POLL }).await;
        }
    }

    /// Stops here if the operator wants that: phases call it wherever stopping is safe. Inside the write block only an
    /// abort stops, for a pause would keep writes refused.
    ///
    /// # Errors
    ///
    /// [`PhaseError::Stopped`], [`PhaseError::Journal`].
    pub async fn checkpoint(&self) -> Result<(), PhaseError> {
        if self.undoing {
            return Ok(());
        }
        let controls = self.store.controls().await?;
        let abort = controls.abort && !self.past_pivot;
        let pause = controls.pause || self.stop.is_asked();
        if abort || (pause && !self.in_write_block) {
            return Err(PhaseError::Stopped);
        }
        Ok(())
    }

    /// Whatever goes wrong without a session: it is for lack of the session; and when another executor has taken over, it is that.
    pub(crate) fn or_session_over(&self, trouble: PhaseError) -> PhaseError {
        if let Some(by) = self.epoch.overtaken_by() {
            return PhaseError::Overtaken { by: by.to_owned() };
        }
        let may_be_for_that = matches!(
            trouble,
            PhaseError::Transient { .. } | PhaseError::Hold { .. } | PhaseError::OverBudget { .. }
        );
        if may_be_for_that && self.deployment.session().is_over() {
            return PhaseError::SessionOver;
        }
        trouble
    }

    pub(crate) async fn log(
        &self,
        kind: EntryKind,
        text: impl Into<Hint>,
    ) -> Result<(), PhaseError> {
        self.log_showing(kind, text, None).await
    }

    /// Logs, and shows what is going on from now on: together, for every write to the journal waits for the disk.
    async fn log_showing(
        &self,
        kind: EntryKind,
        text: impl Into<Hint>,
        activity: Option<Activity>,
    ) -> Result<(), PhaseError> {
        let (at, phase, text) = (self.now(), self.phase.to_owned(), text.into().printable());
        let entry = Entry { at, phase, kind, text };
        self.store.append(&entry, activity.as_ref()).await?;
        self.tell(&Event::Logged(entry));
        if let Some(activity) = activity {
            self.tell(&Event::Activity(activity));
        }
        Ok(())
    }

    fn activity(
        &self,
        what: &str,
        since: Timestamp,
        hint: Option<Hint>,
        progress: Option<Progress>,
    ) -> Activity {
        let (phase, what) = (self.phase.to_owned(), what.to_owned());
        Activity { phase, what, since, hint, progress }
    }

    async fn show(&self, activity: Activity) -> Result<(), PhaseError> {
        self.store.set_activity(Some(&activity)).await?;
        self.tell(&Event::Activity(activity));
        Ok(())
    }

    pub(crate) fn tell(&self, event: &Event) {
        for observer in &self.observers {
            observer.observe(event);
        }
    }
}

//! Telling ZooKeeper how far a plan is before anything is changed, which at once proves that nobody has taken the plan over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use manatee_client::{HeldLock, LockError, LockNote};
use tokio::sync::Mutex;

use super::facts::WRITE_BLOCK;
use crate::clock::{Clock, host};
use crate::epoch::{Epoch, EpochError, NOTE, node};
use crate::journal::Journal;
use crate::plan::ValidPlan;

/// The number of tries to read the note anew when this executor had written it last, in an attempt whose answer was lost.
const ATTEMPTS: u32 = 5;

/// The note beside the plan's lock, which only the executor that wrote it last can write.
///
/// Whoever takes the lock reads the note and writes it before everything else. So this executor's next write fails, and a
/// write that succeeds proves that nobody has taken the plan over before it: one message to ZooKeeper, not more than asking
/// who holds the lock.
pub(crate) struct EpochNote {
    lock: HeldLock,
    store: Arc<dyn Journal>,
    plan: Arc<ValidPlan>,
    clock: Arc<dyn Clock>,
    /// The number of times that it was asked for.
    asked: AtomicU64,
    told: Mutex<Told>,
    /// The executor that has taken the plan over.
    overtaken: OnceLock<String>,
}

struct Told {
    last: Option<LockNote>,
    /// All that was asked for up to this number is answered by the last write.
    answers: u64,
}

impl EpochNote {
    /// Reads what the executor before has told, with the lock just taken.
    pub(crate) async fn read(
        lock: HeldLock,
        store: Arc<dyn Journal>,
        plan: Arc<ValidPlan>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Option<Epoch>), EpochError> {
        let last = lock.note(NOTE).await;
        let last = last.map_err(|source| EpochError::Lock { plan: plan.uuid, source })?;
        let parse = |note: &LockNote| Epoch::parse(&node(plan.uuid), note.data());
        let before = last.as_ref().map(parse).transpose()?;
        let told = Mutex::new(Told { last, answers: 0 });
        let (asked, overtaken) = (AtomicU64::new(0), OnceLock::new());
        Ok((Self { lock, store, plan, clock, asked, told, overtaken }, before))
    }

    /// Tells how much the journal has now. Of several who ask at a time, one is told for all.
    pub(crate) async fn tell(&self) -> Result<(), EpochError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut told = self.told.lock().await;
        if told.answers >= number {
            return Ok(());
        }
        let answers = self.asked.load(Ordering::SeqCst);
        let data = self.now().await?;
        let failed = |source| EpochError::Lock { plan: self.plan.uuid, source };
        for _ in 0..ATTEMPTS {
            match self.lock.write_note(NOTE, &data, told.last.as_ref()).await {
                Ok(note) => {
                    *told = Told { last: Some(note), answers };
                    return Ok(());
                }
                Err(LockError::NoteChanged { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
            let found = self.lock.note(NOTE).await.map_err(failed)?;
            let theirs =
                found.as_ref().map(|note| Epoch::parse(&node(self.plan.uuid), note.data()));
            if let Some(by) = theirs.transpose()?.filter(|found| found.token != self.lock.token()) {
                self.overtaken.get_or_init(|| by.to_string());
                return Err(EpochError::Overtaken { by: Box::new(by) });
            }
            told.last = found;
        }
        Err(EpochError::Contention { node: node(self.plan.uuid) })
    }

    /// The executor that has taken the plan over, if that is known by now.
    pub(crate) fn overtaken_by(&self) -> Option<&str> {
        self.overtaken.get().map(String::as_str)
    }

    async fn now(&self) -> Result<Vec<u8>, EpochError> {
        let block = self.store.get(&WRITE_BLOCK).await?;
        let epoch = Epoch {
            token: self.lock.token(),
            claimed: self.store.presence().await?.map_or(0, |presence| presence.token),
            entries: self.store.entries().await?,
            state: self.store.state().await?,
            file: self.store.place(),
            host: host(),
            pid: std::process::id(),
            source: self.plan.source().to_string(),
            targets: self.plan.target_names(),
            told: self.clock.now(),
            writes_refused_since: block
                .filter(|block| !block.time.is_over())
                .map(|block| block.time.began),
        };
        serde_json::to_vec(&epoch).map_err(|error| EpochError::Unreadable {
            node: node(self.plan.uuid),
            problem: error.to_string(),
        })
    }
}

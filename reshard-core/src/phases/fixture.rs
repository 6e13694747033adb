//! A plan in memory and the region that it is of, for tests of phases as they are: each puts there what its phases ask.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{Clock, VirtualClock};
use crate::deployment::Deployment;
use crate::executor::Executor;
use crate::journal::{EntryKind, Fact, Journal, MemoryJournal};
use crate::phase::Sequence;
use crate::plan::ValidPlan;
use crate::plan::tests::{inventory, make, request};

/// A plan of which nothing was done yet.
pub(super) struct Fixture {
    journal: MemoryJournal,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) region: Deployment,
}

impl Fixture {
    /// The same plan each time, at the beginning of 1970. To be made in the runtime.
    pub(super) fn new(region: Deployment) -> Self {
        let journal = MemoryJournal::new(make(request(), inventory(2, 100)).unwrap());
        let clock = Arc::new(VirtualClock::starting_at(Timestamp::UNIX_EPOCH));
        Self { journal, clock, region }
    }

    pub(super) fn executor(&self, sequence: Sequence) -> Executor {
        let (journal, region) = (Arc::new(self.journal.open_again()), self.region.clone());
        let clock: Arc<dyn Clock> = self.clock.clone();
        Executor::with_sequence(journal, region, sequence).with_clock(clock)
    }

    pub(super) fn journal(&self) -> &dyn Journal {
        &self.journal
    }

    pub(super) async fn plan(&self) -> ValidPlan {
        self.journal.plan().await.unwrap()
    }

    pub(super) async fn put<T: Serialize + Sync>(&self, fact: &Fact<T>, value: &T) {
        self.journal().put(fact, value).await.unwrap();
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, fact: &Fact<T>) -> Option<T> {
        self.journal().get(fact).await.unwrap()
    }

    /// The lines of this kind in the log.
    pub(super) async fn log(&self, kind: EntryKind) -> Vec<String> {
        let entries = self.journal.log_after(0).await.unwrap().into_iter();
        let of_kind = entries.filter(|(_, entry)| entry.kind == kind);
        of_kind.map(|(_, entry)| entry.text.to_string()).collect()
    }
}

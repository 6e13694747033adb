//! The region of a walk: what is where in it, what is broken in it by hand, and whether it takes writes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lab::{ApiFault, ApiName, Fault, FaultKind, Role};
use manatee_client::{ClusterState, ShardName};
use reshard_core::zones::MadeZone;
use reshard_core::{
    Controls, Database, DatabaseError, Deployment, Event, Executor, Journal, Outcome, PlanState,
    Request, Sequence, SqliteJournal, Step, Target, ZonePlace,
};
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use super::super::started::Region;
use super::trouble::{Trouble, Zone};

/// The longest that something may take to come about.
const DEADLINE: Duration = Duration::from_secs(90);
/// A region with a plan that is carried out.
pub(super) struct World {
    pub(super) region: Region,
    pub(super) store: Arc<SqliteJournal>,
    pub(super) executor: Executor,
    /// The phases of the plan.
    pub(super) sequence: Sequence,
    /// The words that the operator was shown since the last trouble began.
    pub(super) said: Arc<Mutex<Vec<String>>>,
    pub(super) deployment: Deployment,
    pub(super) source: ShardName,
    /// A connection with a transaction that somebody does not end.
    pub(super) open: AsyncMutex<Option<Database>>,
}

/// The way in which a trouble is fixed.
pub(super) enum Cure {
    /// It is over by itself.
    Nothing,
    /// A fault of the lab.
    Fault(u64),
    /// An API lets requests hang, also after it has met as many as it was to.
    Hanging(ApiName),
    /// Undoing what somebody did by hand.
    ByHand(Trouble),
}

impl World {
    /// Makes the plan.
    pub(super) async fn begin(region: Region, request: Request) -> Self {
        let source = request.source.clone();
        let store = region.plan("unhappy.plan", request).await;
        let sequence = store.plan().await.unwrap().sequence().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let listening = said.clone();
        let executor = region.executor(&store).await;
        let executor = executor.observed_by(Arc::new(move |event: &Event| {
            let text = match event {
                Event::Activity(activity) => activity.what.clone(),
                Event::Logged(entry) => entry.text.to_string(),
                _ => return,
            };
            listening.lock().unwrap().push(text);
        }));
        let deployment = region.deployment().await;
        let open = AsyncMutex::new(None);
        Self { region, store, executor, sequence, said, deployment, source, open }
    }

    pub(super) async fn end(self) {
        self.region.end_without_ghosts().await;
    }

    /// Has everything before a phase done.
    pub(super) async fn done_before(&self, name: &str) {
        self.done(self.sequence.iter().take_while(|phase| phase.name() != name)).await;
    }

    /// Has everything up to and including a phase done.
    pub(super) async fn done_up_to(&self, name: &str) {
        let last = self.sequence.iter().position(|phase| phase.name() == name).unwrap();
        self.done(self.sequence.iter().take(last + 1)).await;
    }

    async fn done(&self, phases: impl Iterator<Item = &Step>) {
        self.be_patient(true, &Trouble::ZooKeeperRestarted).await;
        for phase in phases {
            if self.store.state().await.unwrap() == PlanState::Done {
                return;
            }
            let ended = self.executor.step(phase.name()).await.unwrap();
            let done = matches!(ended, Outcome::Paused { .. } | Outcome::Done);
            assert!(done, "{}: {ended:?}", phase.name());
        }
    }

    /// Gives troubles much time to pass, or little so that the plan holds soon.
    pub(super) async fn be_patient(&self, patient: bool, trouble: &Trouble) {
        let mut tune = |controls: &mut Controls| {
            let tuning = &mut controls.tuning;
            (tuning.patience_seconds, tuning.wait_seconds) =
                if patient { (120, 600) } else { (2, 4) };
            // One that cannot succeed tells nothing.
            let can_be_rehearsed =
                !matches!(trouble, Trouble::OpenTransaction(_) | Trouble::KillAt(..));
            tuning.rehearsals = u32::from(can_be_rehearsed);
            tuning.budget_seconds = match trouble {
                Trouble::Budget(seconds) => Some(*seconds),
                // So long a fence lasts if whoever takes over has it.
                Trouble::KillAt(..) => Some(2),
                _ => None,
            };
        };
        self.store.update_controls(&mut tune).await.unwrap();
    }

    pub(super) async fn eventually(&self, what: &str, is: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is().await {
            let said = || self.said.lock().unwrap().clone();
            assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}: {:?}", said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells whether the operator was shown these words since the last trouble began.
    pub(super) fn was_told(&self, words: &str) -> bool {
        self.said.lock().unwrap().iter().any(|said| said.contains(words))
    }

    /// The zone that the plan has made for a role.
    async fn made(&self, role: &str) -> ZonePlace {
        let round = self.fact("round").await.unwrap_or(json!(0));
        let made = self.fact(&format!("zone/{role}/{round}")).await.unwrap();
        let made: MadeZone = serde_json::from_value(made).unwrap();
        made.place
    }

    pub(super) async fn fact(&self, key: &str) -> Option<Value> {
        self.store.fact(key).await.unwrap()
    }

    /// The new shard.
    pub(super) async fn target(&self) -> Target {
        self.store.plan().await.unwrap().targets()[0].clone()
    }

    pub(super) async fn new_peer(&self) -> ZonePlace {
        self.made(&self.target().await.peers[0].role).await
    }

    pub(super) async fn state(&self) -> ClusterState {
        self.state_of(&self.source).await
    }

    pub(super) async fn state_of(&self, shard: &ShardName) -> ClusterState {
        // The session of before may have ended with ZooKeeper's.
        let deployment = self.region.deployment().await;
        deployment.shard(shard.clone()).read_existing().await.unwrap().state
    }

    pub(super) async fn zone(&self, zone: Zone) -> Uuid {
        match zone {
            Zone::Routers => self.routers(),
            Zone::NewPeer => self.new_peer().await.zone.to_string().parse().unwrap(),
            Zone::NewMoray => {
                let made = self.made(&self.target().await.morays[0].role).await;
                made.zone.to_string().parse().unwrap()
            }
            Zone::Primary => self.state().await.primary.zone_id.as_str().parse().unwrap(),
        }
    }

    /// A connection to the source's primary.
    pub(super) async fn connect_to_primary(&self) -> Database {
        let endpoint = self.state().await.primary.endpoint().unwrap();
        Database::connect(&endpoint, Duration::from_secs(30)).await.unwrap()
    }

    /// Tells whether the first new peer replays, as its PostgreSQL says.
    async fn replay_of_the_new_peer(&self) -> Result<String, DatabaseError> {
        let (zone, state) = (self.new_peer().await.zone.to_string(), self.state().await);
        let (_, peer) = state.peers().find(|(_, peer)| peer.zone_id.as_str() == zone).unwrap();
        let limit = Duration::from_secs(5);
        let database = Database::connect(&peer.endpoint().unwrap(), limit).await?;
        database.value("ask for its replay", "select pg_get_wal_replay_pause_state()", &[]).await
    }

    pub(super) fn routers(&self) -> Uuid {
        self.region.lab.layout().zones_of(Role::ElectricMoray).next().unwrap().uuid
    }

    /// The image of one of the plan's rings.
    pub(super) async fn ring(&self, which: &str) -> Uuid {
        self.fact("rings").await.unwrap()[which].as_str().unwrap().parse().unwrap()
    }

    /// Breaks something.
    pub(super) async fn cause(&self, trouble: &Trouble) -> Cure {
        if let Some(fault) = trouble.fault(self).await {
            let caused = self.region.control.cause(&fault).await.unwrap();
            match trouble {
                Trouble::DiskFull(Zone::NewPeer) => {
                    let ended = async || self.replay_of_the_new_peer().await.is_err();
                    self.eventually("PostgreSQL ends", ended).await;
                }
                Trouble::Budget(_) => {
                    let paused = async || {
                        self.replay_of_the_new_peer().await.is_ok_and(|state| state == "paused")
                    };
                    self.eventually("nothing is replayed", paused).await;
                    let something = "select pg_logical_emit_message(true, 'lag', 'x')";
                    self.region.psql(&self.source, something).await;
                }
                _ => {}
            }
            return match trouble {
                Trouble::Job(_) => Cure::Nothing,
                Trouble::Api(api, FaultKind::Hang, ..) => Cure::Hanging(*api),
                Trouble::ZooKeeperAway => Cure::Hanging(ApiName::Sapi),
                _ => Cure::Fault(caused.id),
            };
        }
        self.by_hand(trouble, true).await;
        match trouble {
            Trouble::Reprovisioned
            | Trouble::RingDamaged
            | Trouble::Unfrozen
            | Trouble::DumpLockGone
            | Trouble::ZooKeeperRestarted => Cure::Nothing,
            _ => Cure::ByHand(trouble.clone()),
        }
    }

    /// Tells whether everything that was broken is over, or was met as often as it was to be.
    pub(super) async fn is_spent(&self) -> bool {
        self.region.control.faults().await.unwrap().is_empty()
    }

    /// Puts it right.
    pub(super) async fn heal(&self, cure: &Cure) {
        match cure {
            Cure::Nothing => {}
            Cure::Fault(id) => drop(self.region.control.heal(Some(*id)).await.unwrap()),
            Cure::Hanging(api) => {
                // Another fault in its place lets them go.
                let how = ApiFault::new(FaultKind::Unavailable503);
                let fault = self.region.control.cause(&Fault::Api { api: *api, how }).await;
                self.region.control.heal(Some(fault.unwrap().id)).await.unwrap();
            }
            Cure::ByHand(trouble) => self.by_hand(trouble, false).await,
        }
    }

    /// Waits until writes are taken, wherever they go.
    pub(super) async fn writes_flow(&self) {
        self.region.writes_are_accepted().await;
    }
}

//! The region of a walk: what is where in it, what is broken in it by hand, and whether it takes writes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lab::control::ExecRequest;
use lab::{ApiFault, ApiName, Fault, FaultKind, Role};
use manatee_client::{ClusterState, ShardName};
use moray_client::{Client, ClientOptions, DeleteOptions, PutOptions};
use reshard_core::shards::alias;
use reshard_core::tidy::rename;
use reshard_core::zones::MadeZone;
use reshard_core::{
    Database, DatabaseError, Deployment, Ended, Event, Executor, Phase, SqliteStore, Store,
    ZonePlace, phases,
};
use sapi_client::Attributes;
use sapi_client::manta::{MantaApplication, Shard};
use sapi_client::sapi::Change;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::started::{Region, half};
use super::trouble::{Trouble, Zone};

/// How long something may take to come about.
const DEADLINE: Duration = Duration::from_secs(90);
/// A ring that nobody has.
const ANOTHER: &str = "5b0c0de5-0000-4000-8000-000000000001";
/// The stamp of a router's ring.
const STAMP: &str =
    "$(svcprop -p electric-moray/ring-location electric-moray-2021)/manta_hash_ring_stamp.json";

/// A region with a plan that is carried out.
pub(super) struct World {
    pub(super) region: Region,
    pub(super) store: Arc<SqliteStore>,
    pub(super) executor: Executor,
    /// What the operator was shown since the last trouble began.
    pub(super) said: Arc<Mutex<Vec<String>>>,
    deployment: Deployment,
    source: ShardName,
}

/// How a trouble is put right.
pub(super) enum Cure {
    /// It is over by itself.
    Nothing,
    /// A fault of the lab.
    Fault(u64),
    /// An API lets requests hang, also after it has met as many as it was to.
    Hanging(ApiName),
    /// What somebody did by hand is undone.
    ByHand(Trouble),
}

impl World {
    /// Makes the plan.
    pub(super) async fn begin(region: Region) -> Self {
        let store = region.plan("unhappy.plan", half(&region)).await;
        let said = Arc::new(Mutex::new(Vec::new()));
        let listening = said.clone();
        let executor = region.executor(&store, phases::rfd103()).await;
        let executor = executor.observed_by(Arc::new(move |event: &Event| {
            let text = match event {
                Event::Activity(activity) => activity.what.clone(),
                Event::Logged(entry) => entry.text.clone(),
                _ => return,
            };
            listening.lock().unwrap().push(text);
        }));
        let deployment = region.deployment().await;
        let source = half(&region).source;
        Self { region, store, executor, said, deployment, source }
    }

    pub(super) async fn end(self) {
        self.region.end_without_ghosts().await;
    }

    /// Has everything before a phase done.
    pub(super) async fn done_before(&self, name: &str) {
        let list = phases::rfd103();
        self.done(list.iter().take_while(|phase| phase.name() != name)).await;
    }

    /// Has everything up to and including a phase done.
    pub(super) async fn done_up_to(&self, name: &str) {
        let list = phases::rfd103();
        let last = list.iter().position(|phase| phase.name() == name).unwrap();
        self.done(list.iter().take(last + 1)).await;
    }

    async fn done(&self, phases: impl Iterator<Item = &Arc<dyn Phase>>) {
        self.be_patient(true, &Trouble::ZooKeeperRestarted);
        for phase in phases {
            let ended = self.executor.step(phase.name()).await.unwrap();
            let done = matches!(ended, Ended::Paused { .. } | Ended::Done);
            assert!(done, "{}: {ended:?}", phase.name());
        }
    }

    /// Whether troubles are given much time to pass, or little so that the plan holds soon.
    pub(super) fn be_patient(&self, patient: bool, trouble: &Trouble) {
        let mut controls = self.store.controls().unwrap();
        let knobs = &mut controls.knobs;
        (knobs.patience_seconds, knobs.wait_seconds) = if patient { (120, 600) } else { (2, 4) };
        knobs.budget_seconds = match trouble {
            Trouble::Budget(seconds) => Some(*seconds),
            _ => None,
        };
        self.store.set_controls(&controls).unwrap();
    }

    pub(super) async fn eventually(&self, what: &str, is: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is().await {
            let said = || self.said.lock().unwrap().clone();
            assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}: {:?}", said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether the operator was shown these words since the last trouble began.
    pub(super) fn was_told(&self, words: &str) -> bool {
        self.said.lock().unwrap().iter().any(|said| said.contains(words))
    }

    /// The zone that the plan has made for a role.
    fn made(&self, role: &str) -> ZonePlace {
        let round = self.fact("round").unwrap_or(json!(0));
        let made: MadeZone =
            serde_json::from_value(self.fact(&format!("zone/{role}/{round}")).unwrap()).unwrap();
        made.place
    }

    fn fact(&self, key: &str) -> Option<Value> {
        self.store.fact(key).unwrap()
    }

    fn new_peer(&self) -> ZonePlace {
        self.made(&self.store.plan().unwrap().targets[0].peers[0].role)
    }

    async fn state(&self) -> ClusterState {
        // The session of before may have ended with ZooKeeper's.
        let deployment = self.region.deployment().await;
        deployment.shard(self.source.clone()).read_existing().await.unwrap().state
    }

    pub(super) async fn zone(&self, zone: Zone) -> Uuid {
        match zone {
            Zone::Routers => self.routers(),
            Zone::NewPeer => self.new_peer().zone.to_string().parse().unwrap(),
            Zone::Primary => self.state().await.primary.zone_id.as_str().parse().unwrap(),
        }
    }

    /// Whether the first new peer replays, as its PostgreSQL tells.
    async fn replay_of_the_new_peer(&self) -> Result<String, DatabaseError> {
        let (zone, state) = (self.new_peer().zone.to_string(), self.state().await);
        let (_, peer) = state.peers().find(|(_, peer)| peer.zone_id.as_str() == zone).unwrap();
        let limit = Duration::from_secs(5);
        let database = Database::connect(&peer.endpoint().unwrap(), limit).await?;
        let row = database.query_one("select pg_get_wal_replay_pause_state()", &[]).await;
        Ok(row.map_err(|error| database.error("ask for its replay", error))?.get(0))
    }

    fn routers(&self) -> Uuid {
        self.region.lab.layout().zones_of(Role::ElectricMoray).next().unwrap().uuid
    }

    pub(super) fn read_only_ring(&self) -> Uuid {
        self.fact("rings").unwrap()["read_only"].as_str().unwrap().parse().unwrap()
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
            | Trouble::Unfrozen
            | Trouble::DumpLockGone
            | Trouble::ZooKeeperRestarted => Cure::Nothing,
            _ => Cure::ByHand(trouble.clone()),
        }
    }

    /// Whether everything that was broken is over, or was met as often as it was to be.
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

    /// What somebody does by hand, and how it is undone.
    async fn by_hand(&self, trouble: &Trouble, cause: bool) {
        let router = "electric-moray-2021";
        match trouble {
            Trouble::RouterDisabled => {
                let verb = if cause { "disable" } else { "enable" };
                self.run(self.routers(), &format!("svcadm {verb} -s {router}")).await;
            }
            Trouble::AnotherRing => {
                // The lab's first ring has no stamp, as manta-adm makes them.
                let stamp = json!({"image_uuid": ANOTHER, "date": "2026-01-01T00:00:00Z", "source_zone": "x"});
                let script = match cause {
                    true => format!("cat >{STAMP} <<<'{stamp}'"),
                    false => format!("rm {STAMP}"),
                };
                self.run(self.routers(), &script).await;
            }
            Trouble::Reprovisioned => self.reprovision().await,
            Trouble::ZooKeeperRestarted => {
                let fault = self.region.control.cause(&Fault::ZooKeeper).await.unwrap();
                self.region.control.heal(Some(fault.id)).await.unwrap();
            }
            Trouble::RingEdited => self.edit_ring(cause).await,
            Trouble::ShardsEdited => self.edit_shards(cause).await,
            Trouble::PeerEdited => self.edit_peer(cause).await,
            Trouble::PeerRenamed => self.rename_peer(cause).await,
            Trouble::Unfrozen => self.adm("manatee-adm unfreeze").await,
            Trouble::FrozenByOther if cause => {
                self.adm("manatee-adm unfreeze; manatee-adm freeze -r maintenance").await;
            }
            Trouble::FrozenByOther => self.adm("manatee-adm unfreeze").await,
            Trouble::DumpLockByHand if cause => {
                let verb = if self.fact("dump-lock-since").is_some() { "set" } else { "create" };
                self.zookeeper(&[verb, "/pg_dump_lock", "me"]).await;
            }
            Trouble::DumpLockByHand | Trouble::DumpLockGone => {
                self.zookeeper(&["delete", "/pg_dump_lock"]).await;
            }
            Trouble::OnlyCopy => self.plant_row(cause).await,
            other => panic!("{other:?} is no doing of a hand"),
        }
    }

    /// Runs a script in a zone. It has to succeed.
    async fn run(&self, zone: Uuid, script: &str) {
        let request = ExecRequest { stdin: script.to_owned(), ..ExecRequest::default() };
        let answer = self.region.control.exec(zone, &request).await.unwrap();
        assert_eq!(answer.exit_code, 0, "{script}: {answer:?}");
    }

    async fn adm(&self, script: &str) {
        self.run(self.zone(Zone::Primary).await, script).await;
    }

    async fn zookeeper(&self, command: &[&str]) {
        self.region.output(&[&["lab", "zk"], command].concat()).await;
    }

    /// Makes the zone of the routers anew from its own image, and waits until it is there.
    async fn reprovision(&self) {
        let zone = self.routers();
        let vmapi = format!("http://{}", self.region.lab.layout().block.vmapi());
        let curl = async |arguments: &[&str]| -> Value {
            let mut command = tokio::process::Command::new("curl");
            let output = command.args(["-sS", "--fail"]).args(arguments).output().await.unwrap();
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
        };
        let image = curl(&[&format!("{vmapi}/vms/{zone}")]).await["image_uuid"].clone();
        let image = image.as_str().unwrap();
        let url = format!("{vmapi}/vms/{zone}?action=reprovision&image_uuid={image}");
        let accepted = curl(&["-X", "POST", "-d", "", &url]).await;
        let job = format!("{vmapi}/jobs/{}/wait", accepted["job_uuid"].as_str().unwrap());
        assert_eq!(curl(&[&job]).await["execution"], "succeeded");
    }

    async fn edit_ring(&self, cause: bool) {
        let before = self.store.plan().unwrap().inventory.ring.image;
        let image = if cause { ANOTHER.parse().unwrap() } else { before };
        let sapi = self.deployment.sapi().unwrap();
        let manta = sapi.find_manta().await.unwrap();
        let change = MantaApplication::set_hash_ring_image(image);
        sapi.change_application(manta.uuid(), change).await.unwrap();
    }

    async fn edit_shards(&self, cause: bool) {
        let sapi = self.deployment.sapi().unwrap();
        let manta = sapi.find_manta().await.unwrap();
        let mut list = manta.index_shards().unwrap();
        let name = self.region.lab.layout().shard_name(9);
        if cause {
            list.push(Shard::new(&name)).unwrap();
        } else {
            list.remove(&name);
        }
        let change = MantaApplication::set_index_shards(&list);
        sapi.change_application(manta.uuid(), change).await.unwrap();
    }

    async fn edit_peer(&self, cause: bool) {
        let number = self.source.as_str().split('.').next().unwrap();
        let metadata = Attributes::new().with("SHARD", if cause { "7" } else { number });
        let (sapi, zone) = (self.deployment.sapi().unwrap(), self.new_peer().zone);
        sapi.change_instance(zone, &Change::update().metadata(metadata)).await.unwrap();
    }

    async fn rename_peer(&self, cause: bool) {
        let place = self.new_peer();
        let (usual, other) = (alias("postgres", &self.source, place.zone), "mine".to_owned());
        let (old, new) = if cause { (usual, other) } else { (other, usual) };
        rename(&self.deployment, &place, &old, &new).await.unwrap();
    }

    /// Writes a row at the source as something does that bypasses the routers, or deletes it.
    async fn plant_row(&self, cause: bool) {
        let moved: Vec<String> = self.store.plan().unwrap().targets[0]
            .vnodes
            .iter()
            .map(|vnode| vnode.number().to_string())
            .collect();
        let sql = if cause {
            format!(
                "insert into manta (_key, _value, _etag, _vnode, dirname, name, owner, objectid, type) \
                 select _key || '-planted', _value, 'PLANTED0', _vnode, dirname, name, owner, objectid, type \
                 from manta where type = 'object' and _vnode in ({}) limit 1",
                moved.join(", ")
            )
        } else {
            "delete from manta where _etag = 'PLANTED0'".to_owned()
        };
        let sql = format!("set session_replication_role = replica; {sql}");
        let done = self.region.psql(&self.source, &sql).await;
        assert!(done.ends_with(if cause { "INSERT 0 1" } else { "DELETE 1" }), "{done}");
    }

    /// Waits until writes are taken, wherever they go.
    pub(super) async fn writes_flow(&self) {
        let router = self.region.lab.routers()[0].to_string();
        let client = Client::new(router, ClientOptions::default());
        let owner = "b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69";
        // Of so many directories, some are in vnodes that move.
        for number in 0..40 {
            let dirname = format!("/{owner}/stor/written-{number}");
            let key = format!("{dirname}/object");
            let value = json!({
                "key": key, "dirname": dirname, "name": "object", "owner": owner,
                "type": "object", "objectId": number.to_string(),
            });
            self.eventually("writes are taken", async || {
                client.put_object("manta", &key, &value, &PutOptions::default()).await.is_ok()
            })
            .await;
            self.eventually("deletions are taken", async || {
                match client.delete_object("manta", &key, &DeleteOptions::default()).await {
                    Err(error) => error.is_not_found(),
                    Ok(()) => true,
                }
            })
            .await;
        }
    }
}

//! The write block's phases as they are, before two routers in memory, one of which tells of itself what is not so.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use sapi_client::{
    AnswerBody, Incoming, InstanceUuid, Outgoing, OutgoingBody, Transport, TransportError,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::deployment::{
    AnyTransport, ZoneCommandError, ZoneCommands, ZoneOutput, ZonePlace, ZoneScript,
};
use crate::executor::tests::{deployment_over, runtime, zookeeper};
use crate::executor::{ExecutorError, Outcome};
use crate::phase::Sequence;
use crate::phase::facts::{ROUTERS_LEFT, WRITE_BLOCKS};
use crate::phases::facts::{BASE, RESTARTS};
use crate::phases::fixture::Fixture;
use crate::phases::{BlockWrites, HandOverReads, InstallRing, PublishRing};
use crate::region::{RouterStatus, Routers, StatusShard};

/// The port at which each router's only instance tells its status.
const STATUS_PORT: u16 = 4021;
/// The plan's new shard.
const NEW_SHARD: &str = "3.moray.lab.example.net";

/// The plan's rings, by what the tests call them.
const RINGS_BY_NAME: [(&str, u128); 4] =
    [("base", 1), ("read-only", 2), ("handover", 3), ("target", 4)];

fn image(name: &str) -> ImageUuid {
    let (_, number) = RINGS_BY_NAME.into_iter().find(|(known, _)| *known == name).unwrap();
    Uuid::from_u128(number).into()
}

fn name(ring: ImageUuid) -> &'static str {
    RINGS_BY_NAME.into_iter().find(|(name, _)| image(name) == ring).unwrap().0
}

/// The falsehood that the second router tells of itself.
#[derive(Clone, Copy)]
enum Tells {
    /// It is another process than the one that was started; but it tells that only once.
    AnotherProcess,
    /// It does not know the new shard.
    NoNewShard,
    /// Nothing: it does not answer.
    Nothing,
    /// Nothing ever again: its zone stops.
    Stops,
}

/// A router's zone with its one instance.
struct Zone {
    uuid: InstanceUuid,
    ip: &'static str,
    ring: ImageUuid,
    pid: u64,
    /// The number of the newest command.
    command: u64,
    /// The rings that were put in place.
    changes: Vec<String>,
    /// The times that the instance was asked for its status.
    asked: u32,
    runs: bool,
}

struct State {
    /// The ring that SAPI names.
    named: ImageUuid,
    zones: [Zone; 2],
    /// The ring with which the second router tells a falsehood.
    odd: Option<(&'static str, Tells)>,
}

/// Two routers, and what SAPI and VMAPI tell of them.
#[derive(Clone)]
struct Region(Arc<Mutex<State>>);

impl Region {
    fn new(odd: Option<(&'static str, Tells)>) -> Self {
        let zones = [(10, "10.0.0.10"), (11, "10.0.0.11")].map(|(number, ip)| Zone {
            uuid: Uuid::from_u128(number).into(),
            ip,
            ring: image("base"),
            pid: 1000 * u64::try_from(number).unwrap(),
            command: 0,
            changes: Vec::new(),
            asked: 0,
            runs: true,
        });
        Self(Arc::new(Mutex::new(State { named: image("base"), zones, odd })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The rings of the zones, and the one that SAPI names.
    fn rings(&self) -> [&'static str; 3] {
        let state = self.state();
        let [first, second] = &state.zones;
        [name(first.ring), name(second.ring), name(state.named)]
    }
}

/// The body of an answer, as one piece.
struct Whole(Option<Bytes>);

impl AnswerBody for Whole {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(self.0.take())
    }
}

impl Transport for Region {
    type Body = Whole;

    async fn send(&self, request: Outgoing) -> Result<Incoming<Whole>, TransportError> {
        let mut state = self.state();
        if let OutgoingBody::Bytes(change) = &request.body {
            let change: Value = serde_json::from_slice(change).unwrap();
            let named = change["metadata"]["HASH_RING_IMAGE"].clone();
            state.named = serde_json::from_value(named).unwrap();
        }
        let manta = json!({
            "uuid": Uuid::from_u128(20), "name": "manta", "metadata": {"HASH_RING_IMAGE": state.named},
        });
        let instance = |zone: &Zone| {
            json!({
                "uuid": zone.uuid, "service_uuid": Uuid::from_u128(21), "metadata": {"DATACENTER": "lab-1"},
            })
        };
        let vm = |zone: &Zone| {
            json!({
                "uuid": zone.uuid, "alias": zone.ip, "state": if zone.runs { "running" } else { "stopped" },
                "server_uuid": Uuid::from_u128(30), "nics": [{"ip": zone.ip, "primary": true}],
            })
        };
        let path = request.url.split(['/', '?']).skip(3).collect::<Vec<_>>();
        let answer = match path.as_slice() {
            ["applications", uuid] if uuid.len() == 36 => manta,
            ["applications", ..] => json!([manta]),
            ["services", ..] => json!([{
                "uuid": Uuid::from_u128(21), "name": "electric-moray", "application_uuid": Uuid::from_u128(20),
            }]),
            ["instances", ..] => state.zones.iter().map(instance).collect(),
            ["vms", uuid, ..] => {
                vm(state.zones.iter().find(|zone| zone.uuid.to_string() == **uuid).unwrap())
            }
            other => panic!("the phases have no reason to ask for {other:?}"),
        };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = Whole(Some(answer.to_string().into()));
        Ok(Incoming { status: 200, headers, body })
    }
}

#[async_trait]
impl ZoneCommands for Region {
    async fn run(
        &self,
        place: &ZonePlace,
        script: &ZoneScript,
    ) -> Result<ZoneOutput, ZoneCommandError> {
        assert_eq!(script.name(), "flip-rings", "every ring is staged");
        let text = script.in_zone();
        let variable = |name: &str| -> &str {
            let value =
                |line| str::strip_prefix(line, name)?.strip_prefix("='")?.strip_suffix('\'');
            text.lines().find_map(value).unwrap()
        };
        let mut state = self.state();
        let zone = state.zones.iter_mut().find(|zone| zone.uuid == place.zone).unwrap();
        let number = variable("issue").parse().unwrap();
        assert!(number > zone.command, "a zone refuses what is not newer");
        zone.command = number;
        if !zone.runs {
            let (script, zone) = (script.name(), zone.uuid);
            return Err(ZoneCommandError::NotBegun {
                script,
                zone,
                may_pass: true,
                source: "it is down".into(),
            });
        }
        let (before, want) = (zone.ring, variable("want").parse().unwrap());
        let verdict = if before == want { "already" } else { "flipped" };
        if before != want {
            let from = variable("from").split(' ').any(|image| image == before.to_string());
            assert!(from, "{} in place of {}", name(want), name(before));
            zone.changes.push(format!("{} -> {}", name(before), name(want)));
            zone.ring = want;
            zone.pid += 1;
        }
        let instance = format!("electric-moray-2021\t{STATUS_PORT}");
        let process = format!("{} {}", zone.pid, start_of(zone.pid));
        let stdout = format!("{instance}\t{verdict}\t{before}\t{process}\n");
        Ok(ZoneOutput { exit_code: 0, stdout, stderr: String::new() })
    }
}

fn start_of(pid: u64) -> String {
    Timestamp::from_second(i64::try_from(pid).unwrap()).unwrap().to_string()
}

#[async_trait]
impl Routers for Region {
    async fn status(&self, ip: &str, port: u16) -> Result<RouterStatus, MonitorError> {
        assert_eq!(port, STATUS_PORT);
        let mut state = self.state();
        let is_second = state.zones[1].ip == ip;
        let zone = &mut state.zones[usize::from(is_second)];
        zone.asked += 1;
        let (mut pid, ring) = (zone.pid, zone.ring);
        let mut shards = vec!["1.moray.lab.example.net", "2.moray.lab.example.net", NEW_SHARD];
        match state.odd.filter(|(with, _)| is_second && image(with) == ring) {
            None => {}
            Some((_, Tells::AnotherProcess)) => {
                state.odd = None;
                pid -= 1;
            }
            Some((_, Tells::NoNewShard)) => shards.retain(|host| *host != NEW_SHARD),
            Some((_, tells @ (Tells::Nothing | Tells::Stops))) => {
                state.zones[usize::from(is_second)].runs = matches!(tells, Tells::Nothing);
                let (url, source) =
                    (format!("http://{ip}:{port}/status"), "nobody is there".into());
                let source = TransportError::Connect(source);
                return Err(MonitorError::Unreachable { url, source });
            }
        }
        let shard = |host: &str| StatusShard { host: host.to_owned(), read_only: false };
        Ok(RouterStatus {
            smf_fmri: None,
            pid,
            start_time: start_of(pid),
            client_list: Vec::new(),
            index_shards: shards.into_iter().map(shard).collect(),
        })
    }
}

/// A plan whose rings are built and staged, and which has reserved the ring with an executor before.
async fn prepared(region: &Region) -> Fixture {
    let http = AnyTransport::new(region.clone());
    let deployment = deployment_over(http, &zookeeper()).await;
    let (routers, zones) = (Arc::new(region.clone()), Arc::new(region.clone()));
    let fixture = Fixture::new(deployment.with_routers(routers).with_zone_commands(zones));
    let rings = Rings {
        base: image("base"),
        read_only: image("read-only"),
        handover: image("handover"),
        target: image("target"),
        base_is_stamped: true,
        sha1s: RINGS_BY_NAME
            .map(|(name, digit)| (image(name), digit.to_string().repeat(40).parse().unwrap()))
            .into(),
    };
    let (sha1, index_shards) = ("1".repeat(40), json!([]));
    fixture.put(&BASE, &Base { image: rings.base, sha1, index_shards }).await;
    fixture.put(&RINGS, &rings).await;
    let earlier = fixture.region.with_new_session().await.unwrap();
    let plan = fixture.plan().await.uuid;
    drop(Reservation::Ring.take(&earlier, plan, Timestamp::UNIX_EPOCH).await.unwrap());
    earlier.close().await;
    fixture
}

fn sequence() -> Sequence {
    let blocked: [Arc<dyn Phase>; 2] = [Arc::new(BlockWrites), Arc::new(HandOverReads)];
    let blocked = Sequence::open([]).blocked(blocked);
    blocked.pivot(Arc::new(PublishRing)).last(Arc::new(InstallRing)).open([]).unwrap()
}

const FORWARD: [&str; 3] = ["base -> read-only", "read-only -> handover", "handover -> target"];

#[test]
fn a_router_that_was_restarted_meanwhile_is_looked_at_again() {
    runtime().block_on(async {
        let region = Region::new(Some(("handover", Tells::AnotherProcess)));
        let fixture = prepared(&region).await;
        assert_eq!(fixture.executor(sequence()).run().await.unwrap(), Outcome::Done);
        assert_eq!(region.rings(), ["target"; 3]);
        for zone in &region.state().zones {
            assert_eq!(zone.changes, FORWARD);
            // Once for each ring, and once more in both zones.
            assert_eq!(zone.asked, 4, "{}", zone.ip);
        }
        let troubles = fixture.log(crate::journal::EntryKind::Trouble).await;
        let [trouble] = troubles.as_slice() else { panic!("{troubles:?}") };
        assert!(trouble.contains("it was restarted meanwhile"), "{trouble}");
        // The try that failed has restarted both; the next one finds nothing to do.
        let notes = fixture.log(crate::journal::EntryKind::Note).await;
        let told: Vec<&str> = notes
            .iter()
            .filter_map(|note| note.rsplit_once(": ")?.1.split(" in ").next())
            .collect();
        assert_eq!(told, ["2 processes restarted"; 3], "{notes:?}");
        assert!(notes[1].ends_with(" s, in 2 tries") && !notes[0].contains("tries"), "{notes:?}");
        let kept = RESTARTS.of([&"hand-over-reads", &"there"]);
        assert_eq!(fixture.get(&kept).await, None);
    });
}

#[test]
fn a_router_that_does_not_know_the_new_shard_ends_the_write_block() {
    runtime().block_on(async {
        let region = Region::new(Some(("handover", Tells::NoNewShard)));
        let fixture = prepared(&region).await;
        let ended = fixture.executor(sequence()).run().await.unwrap();
        let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "hand-over-reads");
        for part in ["used up its budget", "does not route writes to 3.", "are accepted again"] {
            assert!(what.contains(part), "{what}");
        }
        assert_eq!(region.rings(), ["base"; 3]);
        let back = ["handover -> read-only", "read-only -> base"];
        for zone in &region.state().zones {
            assert_eq!(zone.changes, [&FORWARD[..2], &back].concat());
        }
        let blocks = fixture.get(&WRITE_BLOCKS).await.unwrap();
        let [block] = blocks.as_slice() else { panic!("{blocks:?}") };
        let budget = fixture.plan().await.budget(None);
        assert!(!block.moved && block.time.took().unwrap() <= budget, "{block:?}");

        region.state().odd = None;
        assert_eq!(fixture.executor(sequence()).run().await.unwrap(), Outcome::Done);
        assert_eq!(region.rings(), ["target"; 3]);
    });
}

#[test]
fn a_router_that_does_not_answer_once_the_ring_is_published_holds_the_plan_and_nothing_goes_back() {
    runtime().block_on(async {
        let region = Region::new(Some(("target", Tells::Nothing)));
        let fixture = prepared(&region).await;
        let ended = fixture.executor(sequence()).run().await.unwrap();
        let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "install-ring");
        assert!(what.contains("does not answer") && what.contains("STILL REFUSED"), "{what}");
        let refused = fixture.executor(sequence()).abort().await;
        assert!(matches!(refused, Err(ExecutorError::TooLate { .. })), "{refused:?}");
        assert_eq!(region.rings(), ["target"; 3]);

        region.state().odd = None;
        assert_eq!(fixture.executor(sequence()).run().await.unwrap(), Outcome::Done);
        for zone in &region.state().zones {
            assert_eq!(zone.changes, FORWARD);
        }
        let blocks = fixture.get(&WRITE_BLOCKS).await.unwrap();
        assert!(matches!(blocks.as_slice(), [block] if block.moved), "{blocks:?}");
    });
}

#[test]
fn a_router_that_is_down_when_the_rings_are_put_back_is_remembered() {
    runtime().block_on(async {
        let region = Region::new(Some(("handover", Tells::Stops)));
        let fixture = prepared(&region).await;
        let ended = fixture.executor(sequence()).run().await.unwrap();
        let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "hand-over-reads");
        assert!(what.contains("does not run, so its rings cannot be changed"), "{what}");
        assert_eq!(region.rings(), ["base", "handover", "base"]);
        let label = format!("10.0.0.11 ({})", region.state().zones[1].uuid);
        assert_eq!(fixture.get(&ROUTERS_LEFT).await, Some(vec![label]));
    });
}

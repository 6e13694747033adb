//! The phases that create and remove canaries, before routers in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use moray_client::{
    ConnectionError, DeleteOptions, Error, ErrorName, EtagCondition, Object, Put, PutOptions,
    ServerError,
};
use serde_json::{Map, Value, json};

use super::*;
use crate::executor::Outcome;
use crate::executor::tests::{ROUTERS, deployment, runtime, zookeeper};
use crate::inventory::RingFacts;
use crate::journal::EntryKind;
use crate::phase::{Phase, Sequence};
use crate::phases::fixture::Fixture;
use crate::phases::{PlantCanaries, RemoveCanaries};
use crate::region::Objects;

/// The pnode at which a router has every key whose ring is another one.
const ELSEWHERE: &str = "tcp://9.moray.lab.example.net:2020";

/// Routers that have the objects of one region.
#[derive(Clone)]
struct Routers {
    ring: RingFacts,
    /// The keys of the canaries, in the order in which they are created.
    keys: Vec<String>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The objects by their keys, each with its etag.
    objects: BTreeMap<String, (Value, String)>,
    /// The requests in their order: the router's place, the method, and the canary's.
    asked: Vec<String>,
    /// Of these the answer is lost, once each.
    lost: Vec<&'static str>,
    /// The place of a router that has another ring.
    strays: Option<usize>,
}

impl Routers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Objects for Routers {
    fn at(&self, address: &str, _: ClientOptions) -> Box<dyn Moray> {
        let place = ROUTERS.iter().position(|router| *router == address).unwrap();
        Box::new(Router { place, region: self.clone() })
    }
}

struct Router {
    place: usize,
    region: Routers,
}

impl Router {
    /// Notes a request, and returns the words for it.
    fn asked(&self, method: &str, bucket: &str, key: &str) -> String {
        assert_eq!(bucket, "manta");
        let canary = self.region.keys.iter().position(|known| known == key).unwrap();
        let words = format!("{} {method} {canary}", self.place);
        self.region.state().asked.push(words.clone());
        words
    }

    /// Answers what was done, unless that answer is to be lost.
    fn answer<T>(&self, asked: &str, answer: T) -> Result<T, Error> {
        let mut state = self.region.state();
        let Some(lost) = state.lost.iter().position(|words| *words == asked) else {
            return Ok(answer);
        };
        state.lost.remove(lost);
        let (method, address) = (asked.to_owned(), self.address().to_owned());
        Err(Error::Unanswered { method, address, source: Arc::new(ConnectionError::Closed) })
    }

    fn node(&self, key: &str) -> NodeInfo {
        let RingFacts { hashing, pnodes, .. } = &self.region.ring;
        let vnode = hashing.vnode_of_key("manta", key).unwrap();
        let owner = pnodes.iter().find(|facts| facts.vnodes.contains(vnode)).unwrap();
        let strays = self.region.state().strays == Some(self.place);
        let pnode = if strays { ELSEWHERE.to_owned() } else { owner.pnode.clone() };
        NodeInfo { pnode, vnode: vnode.number().into(), data: json!(1) }
    }

    fn etag(&self, key: &str) -> Option<String> {
        self.region.state().objects.get(key).map(|(_, etag)| etag.clone())
    }
}

fn refused(method: &str, name: ErrorName) -> Error {
    Error::Server { method: method.to_owned(), source: ServerError::new(name, "on purpose") }
}

#[async_trait]
impl Moray for Router {
    fn address(&self) -> &str {
        ROUTERS[self.place]
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Object, Error> {
        let asked = self.asked("get", bucket, key);
        let found = self.region.state().objects.get(key).cloned();
        let (value, etag) = found.ok_or_else(|| refused(&asked, ErrorName::ObjectNotFound))?;
        let object = Object {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            value,
            id: None,
            etag,
            mtime: None,
            txn_snap: None,
            count: None,
            node: Some(self.node(key)),
            other: Map::new(),
        };
        self.answer(&asked, object)
    }

    async fn put(
        &self,
        bucket: &str,
        key: &str,
        value: &Value,
        options: &PutOptions,
    ) -> Result<Put, Error> {
        let asked = self.asked("put", bucket, key);
        let fits = match &options.etag {
            EtagCondition::Any => panic!("what is there must not be overwritten"),
            EtagCondition::Absent => self.etag(key).is_none(),
            EtagCondition::Is(etag) => self.etag(key).as_ref() == Some(etag),
        };
        if !fits {
            return Err(refused(&asked, ErrorName::EtagConflict));
        }
        let etag = format!("{:08x}", self.region.state().asked.len());
        self.region.state().objects.insert(key.to_owned(), (value.clone(), etag.clone()));
        self.answer(&asked, Put { etag, node: Some(self.node(key)), other: Map::new() })
    }

    async fn delete(&self, bucket: &str, key: &str, options: &DeleteOptions) -> Result<(), Error> {
        let asked = self.asked("delete", bucket, key);
        assert_eq!(options.etag, self.etag(key), "what was looked at is what goes");
        self.region.state().objects.remove(key);
        self.answer(&asked, ())
    }
}

async fn region() -> (Fixture, Routers) {
    let mut fixture = Fixture::new(deployment(&zookeeper()).await);
    let plan = fixture.plan().await;
    let keys = choose(&plan).unwrap().into_iter().map(|planted| planted.canary.key);
    let (ring, keys) = (plan.inventory.ring.clone(), keys.collect());
    let routers = Routers { ring, keys, state: Arc::default() };
    fixture.region = fixture.region.with_objects(Arc::new(routers.clone()));
    (fixture, routers)
}

fn sequence() -> Sequence {
    let phases: [Arc<dyn Phase>; 2] = [Arc::new(PlantCanaries), Arc::new(RemoveCanaries)];
    Sequence::open(phases).end().unwrap()
}

#[test]
fn a_lost_answer_is_looked_for_and_nothing_is_done_twice() {
    runtime().block_on(async {
        let (fixture, routers) = region().await;
        routers.state().lost = vec!["0 put 1", "0 delete 3"];
        let before = &mut |controls: &mut crate::Controls| {
            controls.pause_before = Some("remove-canaries".to_owned());
        };
        fixture.journal().update_controls(before).await.unwrap();
        let paused = fixture.executor(sequence()).run().await.unwrap();
        assert_eq!(paused, Outcome::Paused { phase: "remove-canaries".to_owned() });
        let asked = [
            ["0 get 0", "0 put 0", "1 get 0", "0 get 1", "0 put 1"].as_slice(),
            &["0 get 0", "1 get 0", "0 get 1", "1 get 1"],
            &["0 get 2", "0 put 2", "1 get 2", "0 get 3", "0 put 3", "1 get 3"],
        ];
        assert_eq!(std::mem::take(&mut routers.state().asked), asked.concat());
        let there: Vec<String> = routers.state().objects.keys().cloned().collect();
        let mut keys = routers.keys.clone();
        keys.sort();
        assert_eq!(there, keys);

        assert_eq!(fixture.executor(sequence()).run().await.unwrap(), Outcome::Done);
        // An object goes before its directory.
        let asked = [
            ["0 get 3", "0 delete 3"].as_slice(),
            &["0 get 3", "0 get 2", "0 delete 2", "0 get 1", "0 delete 1", "0 get 0", "0 delete 0"],
        ];
        assert_eq!(routers.state().asked, asked.concat());
        assert!(routers.state().objects.is_empty());
        assert_eq!(fixture.get(&CANARIES).await, None);
        let troubles = fixture.log(EntryKind::Trouble).await;
        let [written, removed] = troubles.as_slice() else { panic!("{troubles:?}") };
        assert!(written.contains("cannot write the canary"), "{written}");
        assert!(removed.contains("cannot remove the canary"), "{removed}");
    });
}

#[test]
fn a_router_with_another_ring_is_named_and_an_abort_removes_what_is_there() {
    runtime().block_on(async {
        let (fixture, routers) = region().await;
        routers.state().strays = Some(1);
        let ended = fixture.executor(sequence()).run().await.unwrap();
        let Outcome::Held { phase, what, remedy } = ended else { panic!("{ended:?}") };
        assert_eq!(phase, "plant-canaries");
        let is_there = format!("at {ELSEWHERE}, not at tcp://2.moray.lab.example.net:2020");
        assert!(what.contains(ROUTERS[1]) && what.contains(&is_there), "{what}");
        assert!(remedy.operations().any(|operation| *operation == Operation::AuditRings));
        assert!(!routers.state().objects.is_empty());

        let aborted = fixture.executor(sequence()).abort().await.unwrap();
        assert_eq!(aborted, Outcome::Aborted);
        assert!(routers.state().objects.is_empty());
        assert_eq!(fixture.get(&CANARIES).await, None);
    });
}

#[test]
fn what_has_a_canarys_name_and_is_none_stays() {
    runtime().block_on(async {
        let (fixture, routers) = region().await;
        let (key, foreign) = (routers.keys[1].clone(), (json!({"mine": true}), "1".to_owned()));
        routers.state().objects.insert(key.clone(), foreign.clone());
        for abort in [false, true] {
            let executor = fixture.executor(sequence());
            let ended = if abort { executor.abort().await } else { executor.run().await };
            let ended = ended.unwrap();
            let Outcome::Held { phase, what, .. } = ended else { panic!("{ended:?}") };
            assert_eq!(phase, "plant-canaries");
            assert!(what.contains(&format!("at {key} is something else")), "{what}");
        }
        let state = routers.state();
        assert_eq!(state.objects.get(&key), Some(&foreign));
        let touched = |words: &&String| ["0 put 1", "0 delete 1"].contains(&words.as_str());
        assert_eq!(state.asked.iter().find(touched), None);
    });
}

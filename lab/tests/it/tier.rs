//! Routers and shards behind a real Fast server, with their objects in memory, that can be made to do wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fash::{Algorithm, Pnode, Ring};
use lab::checker::{Rings, Row, Shard, World};
use moray_client::{ErrorName, Handler, Reply, Request, Server, ServerError};
use serde_json::{Value, json};

use crate::rows::{PNODES, counts, transform};

/// The failure of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused.
    Refuse,
    /// It is done, but never answered.
    Silence,
    /// It is neither done nor answered.
    Swallow,
    /// It is done much later.
    Late,
    /// The shard's connection breaks after it was done.
    Break,
    /// It is acknowledged but not done. No right tier does that.
    Lie,
}

/// The faults of requests to write, by their number among all so far.
pub(crate) type Faults = fn(u64) -> Option<Fault>;

/// Value, etag and vnode by bucket and key.
type Objects = BTreeMap<(String, String), (Value, String, Option<u32>)>;

#[derive(Default)]
struct State {
    shards: [Objects; 2],
    writes: u64,
}

/// The tier. It is a handler of requests.
#[derive(Clone)]
pub(crate) struct Tier {
    state: Arc<Mutex<State>>,
    ring: Arc<Ring>,
    faults: Faults,
}

impl Tier {
    pub(crate) fn new(faults: Faults) -> Self {
        let pnodes: Vec<Pnode> = PNODES.iter().map(|name| name.parse().unwrap()).collect();
        let ring = Arc::new(Ring::create(Algorithm::Sha256, 128, pnodes).unwrap());
        Self { state: Arc::default(), ring, faults }
    }

    /// Listens at an address of the tests' own block.
    pub(crate) async fn start(&self, host: u8) -> Server {
        Server::start((std::net::Ipv4Addr::new(127, 77, 205, host), 0), self.clone()).await.unwrap()
    }

    pub(crate) fn rings(&self) -> Rings {
        Rings::always(Arc::clone(&self.ring), transform)
    }

    /// All rows, as they are now.
    pub(crate) fn world(&self) -> World {
        let state = self.state.lock().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let now = u64::try_from(now).unwrap();
        let shard = |(index, objects): (usize, &Objects)| {
            let row = |(name, object): (&(String, String), &(Value, String, Option<u32>))| Row {
                bucket: name.0.as_str().into(),
                key: name.1.as_str().into(),
                write: object.0["loadWrite"].as_str().and_then(|text| text.parse().ok()),
                etag: object.1.as_str().into(),
                hash: 0,
                vnode: object.2.map(i64::from),
                intact: true,
            };
            let rows: Vec<_> = objects.iter().map(row).collect();
            Shard {
                pnode: PNODES[index].into(),
                read_from: now,
                read_until: now,
                counts: Some(counts(&rows)),
                rows,
            }
        };
        World { shards: state.shards.iter().enumerate().map(shard).collect() }
    }

    fn node(&self, bucket: &str, key: &str) -> (usize, u32) {
        let node = self.ring.lookup(transform(bucket, key).as_bytes()).unwrap();
        let shard = PNODES.iter().position(|name| *name == node.pnode.as_str()).unwrap();
        (shard, node.vnode.number())
    }

    fn write(&self, request: &Request) -> Result<Vec<Value>, ServerError> {
        let mut state = self.state.lock().unwrap();
        let args = &request.args;
        let operations: Vec<(String, Value)> = match request.method.as_str() {
            "batch" => {
                let each = |it: &Value| (it["operation"].as_str().unwrap().to_owned(), it.clone());
                args[0].as_array().unwrap().iter().map(each).collect()
            }
            "putObject" => vec![(
                "put".into(),
                json!({"bucket": args[0], "key": args[1], "value": args[2], "options": args[3]}),
            )],
            _ => vec![(
                "delete".into(),
                json!({"bucket": args[0], "key": args[1], "options": args[2]}),
            )],
        };
        let batch = request.method == "batch";
        let mut etags = Vec::new();
        let mut place = (0, 0);
        for (operation, it) in &operations {
            let name =
                (it["bucket"].as_str().unwrap().to_owned(), it["key"].as_str().unwrap().to_owned());
            place = self.node(&name.0, &name.1);
            let (shard, vnode) = place;
            let there = state.shards[shard].get(&name).map(|object| object.1.clone());
            if let Some(wanted) = it["options"].get("etag")
                && wanted.as_str() != there.as_deref()
            {
                return Err(ServerError::new(ErrorName::EtagConflict, "another etag"));
            }
            if operation == "delete" {
                if there.is_none() {
                    return Err(ServerError::new(ErrorName::ObjectNotFound, "not there"));
                }
                state.shards[shard].remove(&name);
                continue;
            }
            state.writes += 1;
            let etag = format!("{:08X}", state.writes);
            etags.push(json!({"bucket": name.0, "key": name.1, "etag": etag}));
            let object = (it["value"].clone(), etag, (!batch).then_some(vnode));
            state.shards[shard].insert(name, object);
        }
        Ok(match request.method.as_str() {
            "batch" => vec![json!({ "etags": etags })],
            "putObject" => vec![json!({"etag": etags[0]["etag"],
                "_node": {"pnode": PNODES[place.0], "vnode": place.1, "data": 1}})],
            _ => vec![],
        })
    }

    fn read(&self, args: &[Value]) -> Result<Vec<Value>, ServerError> {
        let (bucket, key) = (args[0].as_str().unwrap(), args[1].as_str().unwrap());
        let (shard, vnode) = self.node(bucket, key);
        let state = self.state.lock().unwrap();
        let Some(object) = state.shards[shard].get(&(bucket.into(), key.into())) else {
            return Err(ServerError::new(ErrorName::ObjectNotFound, "not there"));
        };
        let node = json!({"pnode": PNODES[shard], "vnode": vnode, "data": 1});
        Ok(vec![json!({"bucket": bucket, "key": key, "value": object.0, "_etag": object.1,
            "_node": node})])
    }
}

impl Handler for Tier {
    async fn handle(&self, request: Request, reply: Reply) -> Result<(), ServerError> {
        if request.method == "getObject" {
            return answer(&reply, self.read(&request.args)?).await;
        }
        let number = {
            let mut state = self.state.lock().unwrap();
            state.writes += 1;
            state.writes
        };
        let never = std::future::pending::<Result<(), ServerError>>;
        match (self.faults)(number) {
            Some(Fault::Refuse) => Err(ServerError::new(ErrorName::ReadOnly, "read-only")),
            Some(Fault::Silence) => {
                drop(self.write(&request));
                never().await
            }
            Some(Fault::Swallow) => never().await,
            Some(Fault::Late) => {
                tokio::time::sleep(Duration::from_millis(700)).await;
                drop(self.write(&request));
                Ok(())
            }
            Some(Fault::Break) => {
                drop(self.write(&request));
                Err(ServerError::new(ErrorName::FastTransport, "the connection broke"))
            }
            Some(Fault::Lie) if request.method == "putObject" => {
                let (bucket, key) = (&request.args[0], &request.args[1]);
                let (shard, vnode) = self.node(bucket.as_str().unwrap(), key.as_str().unwrap());
                let node = json!({"pnode": PNODES[shard], "vnode": vnode, "data": 1});
                answer(&reply, vec![json!({"etag": "11111111", "_node": node})]).await
            }
            None | Some(Fault::Lie) => answer(&reply, self.write(&request)?).await,
        }
    }
}

async fn answer(reply: &Reply, values: Vec<Value>) -> Result<(), ServerError> {
    for value in values {
        // A client that is gone needs no answer.
        if reply.send(value).await.is_err() {
            break;
        }
    }
    Ok(())
}

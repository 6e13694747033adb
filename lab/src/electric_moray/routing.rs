//! The routes of requests, and the refusals: pure, from the ring and the configuration.

use fash::{KeyEncoding, Node, Pnode, Ring};
use moray_client::{ErrorName, ServerError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::{plain, read_only_pnodes, read_only_vnodes};
use super::key::hashed;
use crate::moray::arguments::{Argument, JsType, check, options, text, truthy};

/// A shard of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexShard {
    /// `1.moray.lab.example.net`.
    pub(super) host: String,
    /// True if it takes no writes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) read_only: bool,
}

/// All that a router knows from its start on.
#[derive(Debug)]
pub(super) struct Router {
    ring: Ring,
    index_shards: Vec<IndexShard>,
    /// Those of the ring's pnodes that take no writes.
    read_only: Vec<Pnode>,
    /// True if some vnode has data, whatever it is.
    any_data: bool,
}

/// The plan for a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// Pass it on to one shard.
    Pass { pnode: Pnode, args: Vec<Value>, node: Option<Value>, answer: Answer },
    /// Pass it on to all shards.
    PassToAll { args: Vec<Value> },
    /// Answer it.
    Say(Value),
}

/// The part of a shard's answer that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it.
    Values,
    /// All of it, without the vnodes in the values.
    Objects,
    /// Only that there was one.
    End,
}

const BUCKET: Argument = ("bucket", JsType::String);
const KEY: Argument = ("key", JsType::String);
const OPTIONS: Argument = ("options", JsType::Object);
const FILTER: Argument = ("filter", JsType::String);
const CONFIG: Argument = ("config", JsType::Object);

impl Router {
    pub(super) fn new(ring: Ring, index_shards: Vec<IndexShard>) -> Self {
        // The port is not configured: it is always this one.
        let writable: Vec<String> = index_shards
            .iter()
            .filter(|shard| !shard.read_only)
            .map(|shard| format!("tcp://{}:2020", shard.host))
            .collect();
        let takes_writes = |pnode: &&Pnode| writable.iter().any(|name| name == pnode.as_str());
        let read_only =
            ring.pnodes().iter().filter(|pnode| !takes_writes(pnode)).cloned().collect();
        let any_data = ring.vnodes_with_data().next().is_some();
        Self { ring, index_shards, read_only, any_data }
    }

    /// The shards, in the order of the ring.
    pub(super) fn pnodes(&self) -> &[Pnode] {
        self.ring.pnodes()
    }

    pub(super) fn index_shards(&self) -> &[IndexShard] {
        &self.index_shards
    }

    /// Decides what to do with a request. Its arguments are changed as far as the shard is to see others.
    pub(super) fn plan(&self, method: &str, mut args: Vec<Value>) -> Result<Plan, ServerError> {
        let check = |expected: &[Argument]| check(method, &args, expected);
        match method {
            "getObject" => {
                check(&[BUCKET, KEY, OPTIONS])?;
                let node = self.node_of(text(&args, 0), text(&args, 1))?;
                Ok(pass(&node, args, true, Answer::Objects))
            }
            "putObject" => {
                check(&[BUCKET, KEY, ("value", JsType::Object), OPTIONS])?;
                let node = self.node_of(text(&args, 0), text(&args, 1))?;
                self.check_writable(&node)?;
                if let Some(value) = args.get_mut(2).and_then(Value::as_object_mut) {
                    value.insert("vnode".to_owned(), node.vnode.number().into());
                }
                // A text of the value as the client has it, without the vnode. It is recreated.
                if let Some(options) = args.get_mut(3).and_then(Value::as_object_mut) {
                    options.shift_remove("_value");
                }
                Ok(pass(&node, args, true, Answer::Values))
            }
            "delObject" => {
                check(&[BUCKET, KEY, OPTIONS])?;
                let node = self.node_of(text(&args, 0), text(&args, 1))?;
                self.check_writable(&node)?;
                Ok(pass(&node, args, false, Answer::End))
            }
            "batch" => {
                check(&[("requests", JsType::Object), OPTIONS])?;
                let node = self.node(&batch_key(args.first())?)?;
                self.check_writable(&node)?;
                Ok(pass(&node, args, false, Answer::Values))
            }
            "findObjects" => {
                check(&[BUCKET, FILTER, OPTIONS])?;
                let pnode = self.searched(&options(&args, 2))?;
                Ok(Plan::Pass { pnode, args, node: None, answer: Answer::Objects })
            }
            "getBucket" => {
                check(&[OPTIONS, BUCKET])?;
                // All shards have the same buckets.
                let node = self.node(&uuid::Uuid::new_v4().to_string())?;
                Ok(pass(&node, args, false, Answer::Values))
            }
            "createBucket" | "updateBucket" => {
                check(&[BUCKET, CONFIG, OPTIONS])?;
                self.check_all_writable(false).map(|()| Plan::PassToAll { args })
            }
            "delBucket" => {
                check(&[BUCKET, OPTIONS])?;
                self.check_all_writable(false).map(|()| Plan::PassToAll { args })
            }
            "sql" => {
                check(&[("statement", JsType::String), ("values", JsType::Object), OPTIONS])?;
                let overridden = options(&args, 2).get("readOnlyOverride").is_some_and(truthy);
                self.check_all_writable(overridden).map(|()| Plan::PassToAll { args })
            }
            "getTokens" => {
                check(&[OPTIONS])?;
                Ok(Plan::Say(json!(self.pnodes())))
            }
            "deleteMany" => {
                check(&[BUCKET, FILTER, OPTIONS])?;
                Err(plain("Operation not supported"))
            }
            "updateObjects" => {
                check(&[BUCKET, ("fields", JsType::Object), FILTER, OPTIONS])?;
                Err(plain("Operation not supported"))
            }
            other => Err(ServerError::unsupported_method(other)),
        }
    }

    fn node_of(&self, bucket: &str, key: &str) -> Result<Node<'_>, ServerError> {
        self.node(&hashed(bucket, key))
    }

    fn node(&self, key: &str) -> Result<Node<'_>, ServerError> {
        let found = self.ring.lookup(&KeyEncoding::Utf8.encode(key));
        found.map_err(|error| plain(error.to_string()))
    }

    fn check_writable(&self, node: &Node<'_>) -> Result<(), ServerError> {
        if node.data.is_read_only() {
            return Err(read_only_vnodes());
        }
        if self.read_only.contains(node.pnode) {
            return Err(read_only_pnodes(&[node.pnode.as_str()]));
        }
        Ok(())
    }

    /// For what goes to all shards. What overrides the vnodes does not override the shards.
    fn check_all_writable(&self, vnodes_overridden: bool) -> Result<(), ServerError> {
        if self.any_data && !vnodes_overridden {
            return Err(read_only_vnodes());
        }
        if self.read_only.is_empty() {
            return Ok(());
        }
        Err(read_only_pnodes(&self.read_only.iter().map(Pnode::as_str).collect::<Vec<_>>()))
    }

    /// The shard that a search is to be made at.
    fn searched(&self, options: &Map<String, Value>) -> Result<Pnode, ServerError> {
        let option = |name: &str| options.get(name).filter(|value| truthy(value));
        if let Some(token) = option("token") {
            let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
            let pnode = self.pnodes().iter().find(|pnode| pnode.as_str() == token);
            return pnode.cloned().ok_or_else(|| plain(format!("Invalid Token {token}")));
        }
        let Some(key) = option("hashkey").and_then(Value::as_str) else {
            return Err(plain("Invalid search request, requires either token or hashkey"));
        };
        self.node(key).map(|node| node.pnode.clone())
    }
}

fn pass(node: &Node<'_>, args: Vec<Value>, tell: bool, answer: Answer) -> Plan {
    let told =
        json!({"pnode": node.pnode, "vnode": node.vnode.number(), "data": node.data.to_json()});
    Plan::Pass { pnode: node.pnode.clone(), args, node: tell.then_some(told), answer }
}

/// The one text that the keys of all of a batch's requests are hashed as.
fn batch_key(requests: Option<&Value>) -> Result<String, ServerError> {
    let requests = requests.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut hashed_keys = Vec::with_capacity(requests.len());
    for request in requests {
        let operation = request.get("operation").unwrap_or(&Value::Null);
        if !operation.is_null() && operation != "put" && operation != "delete" {
            return Err(plain(format!("{operation} is not an allowed batch operation")));
        }
        let member = |name: &str| {
            let missing = || plain(format!("all batch requests must have a \"{name}\""));
            request.get(name).and_then(Value::as_str).ok_or_else(missing)
        };
        let key = member("key")?;
        hashed_keys.push(hashed(member("bucket")?, key));
    }
    let mut hashed_keys = hashed_keys.into_iter();
    let Some(first) = hashed_keys.next() else {
        let words = "batch expects \"requests\" (args[0]) to be an array with at least one request but received an \
                     empty array";
        return Err(ServerError::new(ErrorName::Invocation, words));
    };
    if hashed_keys.any(|key| key != first) {
        return Err(plain("all requests must transform to the same key"));
    }
    Ok(first)
}

#[cfg(test)]
mod tests;

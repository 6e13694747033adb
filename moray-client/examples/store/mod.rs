//! A very small electric-moray in memory, for the examples and the tests: it keeps objects, and refuses as the real one
//! does. It knows filters of the form `(attribute=value)` only, and its etags are counted and not computed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use moray_client::{ErrorName, Handler, Reply, Request, ServerError};
use serde_json::{Value, json};

/// The one shard.
pub(crate) const PNODE: &str = "tcp://1.moray.example.com:2020";
/// The one vnode.
pub(crate) const VNODE: u64 = 83_565;

/// Objects by bucket and key.
#[derive(Debug, Default)]
pub(crate) struct Store {
    objects: Mutex<Objects>,
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<(String, String), Stored>,
    writes: u32,
}

#[derive(Clone, Debug)]
struct Stored {
    value: Value,
    etag: String,
}

fn text(args: &[Value], index: usize) -> Result<&str, ServerError> {
    args.get(index).and_then(Value::as_str).ok_or_else(|| {
        let message = format!("args[{index}] must be a string");
        ServerError::new(ErrorName::Invocation, message)
    })
}

impl Objects {
    fn check(
        &self,
        (bucket, key): &(String, String),
        options: Option<&Value>,
    ) -> Result<(), ServerError> {
        let Some(wanted) = options.and_then(|options| options.get("etag")) else { return Ok(()) };
        let found = self.by_key.get(&(bucket.clone(), key.clone()));
        let actual = found.map_or(Value::Null, |stored| stored.etag.as_str().into());
        if *wanted == actual {
            return Ok(());
        }
        let plain = |etag: &Value| etag.as_str().unwrap_or("null").to_owned();
        let (expected, actual) = (plain(wanted), plain(&actual));
        let message = format!(
            "{bucket}::{key} was expected to have etag \"{expected}\", but was \"{actual}\""
        );
        let context = json!({"bucket": bucket, "key": key, "expected": expected, "actual": actual});
        Err(ServerError::new(ErrorName::EtagConflict, message).with_context(context))
    }

    fn put(&mut self, key: (String, String), value: Value) -> String {
        self.writes += 1;
        let etag = format!("{:08X}", self.writes);
        self.by_key.insert(key, Stored { value, etag: etag.clone() });
        etag
    }
}

fn node() -> Value {
    json!({"pnode": PNODE, "vnode": VNODE, "data": 1})
}

fn object((bucket, key): &(String, String), stored: &Stored) -> Value {
    json!({"bucket": bucket, "key": key, "value": stored.value, "_id": 1, "_etag": stored.etag,
        "_mtime": 1_542_750_000_000_i64, "_txn_snap": null, "_count": null})
}

fn not_found((bucket, key): &(String, String)) -> ServerError {
    ServerError::new(ErrorName::ObjectNotFound, format!("{bucket}::{key} does not exist"))
}

impl Store {
    /// The values that answer a request.
    fn answer(&self, method: &str, args: &[Value]) -> Result<Vec<Value>, ServerError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let key = || Ok((text(args, 0)?.to_owned(), text(args, 1)?.to_owned()));
        match method {
            "getObject" => {
                let key = key()?;
                let stored = objects.by_key.get(&key).ok_or_else(|| not_found(&key))?;
                let mut object = object(&key, stored);
                object["_node"] = node();
                Ok(vec![object])
            }
            "putObject" => {
                let key = key()?;
                if key.1.starts_with("/readonly/") {
                    let message = "some vnodes are in read-only mode";
                    return Err(ServerError::new(ErrorName::ReadOnly, message));
                }
                objects.check(&key, args.get(3))?;
                let value = args.get(2).cloned().unwrap_or_default();
                Ok(vec![json!({"etag": objects.put(key, value), "_node": node()})])
            }
            "delObject" => {
                let key = key()?;
                objects.check(&key, args.get(2))?;
                objects.by_key.remove(&key).ok_or_else(|| not_found(&key))?;
                // As electric-moray does.
                Ok(vec![Value::Null])
            }
            "findObjects" => {
                let (bucket, filter) = key()?;
                let options = args.get(2);
                if options.is_none_or(|o| o.get("hashkey").is_none() && o.get("token").is_none()) {
                    let message = "Invalid search request, requires either token or hashkey";
                    return Err(ServerError::new(ErrorName::Invocation, message));
                }
                let filter = filter.trim_matches(['(', ')']);
                let (name, wanted) = filter.split_once('=').unwrap_or((filter, ""));
                let found = objects.by_key.iter().filter(|((of, _), stored)| {
                    *of == bucket && stored.value.get(name).is_some_and(|value| value == wanted)
                });
                Ok(found.map(|(key, stored)| object(key, stored)).collect())
            }
            "batch" => {
                let requests = args.first().and_then(Value::as_array).cloned().unwrap_or_default();
                let key_of = |request: &Value| {
                    let member = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
                    (member("bucket"), member("key"))
                };
                for request in &requests {
                    objects.check(&key_of(request), request.get("options"))?;
                }
                let mut etags = Vec::new();
                for request in &requests {
                    let key = key_of(request);
                    let (bucket, name) = key.clone();
                    if request["operation"] == "delete" {
                        objects.by_key.remove(&key);
                        etags.push(json!({"bucket": bucket, "key": name}));
                    } else {
                        let etag = objects.put(key, request["value"].clone());
                        etags.push(json!({"bucket": bucket, "key": name, "etag": etag}));
                    }
                }
                Ok(vec![json!({"etags": etags})])
            }
            "sql" => Ok(vec![json!({"one": args[1][0]}), Value::Null]),
            "getTokens" => Ok(vec![json!([PNODE])]),
            other => Err(ServerError::unsupported_method(other)),
        }
    }
}

impl Handler for Store {
    async fn handle(&self, request: Request, reply: Reply) -> Result<(), ServerError> {
        for value in self.answer(&request.method, &request.args)? {
            if reply.send(value).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

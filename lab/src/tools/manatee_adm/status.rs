//! `status`: the shards as JSON, as tools of old, and the nightly dump, read it.

use serde_json::{Map, Value, json};

use super::super::session::{Ending, Failure};
use super::cluster::Member;
use super::load::members;
use super::state::{Role, State, frozen};
use super::views::election;
use super::{Call, Store};

pub(super) async fn run(call: &Call<'_>) -> Ending {
    call.session
        .complain("note: this command is deprecated; see \"show\", \"peers\" and \"pg-status\"\n");
    let store = call.connect().await?;
    let given = call.options.value('s').or_else(|| call.session.variable("SHARD"));
    let shards = match given {
        Some(shard) => vec![shard.to_owned()],
        None => store.children("/manatee").await?.unwrap_or_default(),
    };
    let mut all = Map::new();
    for shard in shards {
        let (mut value, _) = store
            .state(&shard)
            .await?
            .ok_or_else(|| Failure::new(format!("No state exists for shard {shard}")))?;
        if call.options.has('l') {
            reorder(&store, &shard, &mut value).await?;
        }
        let bad = |why| Failure::new(format!("cannot use the state of shard \"{shard}\": {why}"));
        let state = State::parse(&value).map_err(bad)?;
        let members = members(&state, true).await;
        all.insert(shard, shard_status(&state, &value, &members));
    }
    call.session.print(format!("{}\n", Value::Object(all)));
    Ok(0)
}

/// The roles by the order of the election, as before there were states.
async fn reorder(store: &Store, shard: &str, state: &mut Value) -> Result<(), Failure> {
    let mut peers = Vec::new();
    for (name, mut peer) in election(store, shard).await? {
        let id = name.rsplit_once('-').map_or(name.as_str(), |(id, _)| id).to_owned();
        if let Some(fields) = peer.as_object_mut() {
            fields.insert("id".to_owned(), Value::from(id));
        }
        peers.push(peer);
    }
    let mut peers = peers.into_iter();
    if let Some(fields) = state.as_object_mut() {
        fields.insert("primary".to_owned(), peers.next().unwrap_or_default());
        fields.insert("sync".to_owned(), peers.next().unwrap_or_default());
        fields.insert("async".to_owned(), peers.collect());
    }
    Ok(())
}

/// `async`, `async1`, `async2` and so on are names of members here.
fn shard_status(state: &State, raw: &Value, members: &[Member]) -> Value {
    let mut out = Map::new();
    if let Some((date, reason)) = frozen(&state.freeze) {
        out.insert("__FROZEN__".to_owned(), Value::from(format!("{date}: {reason}")));
    }
    let mut asyncs = 0;
    let mut deposed = 0;
    for member in members {
        let (list, number) = match member.role {
            Role::Async => (true, &mut asyncs),
            Role::Deposed => (true, &mut deposed),
            Role::Primary | Role::Sync => (false, &mut 0),
        };
        let name = member.role.name();
        let raw = raw.get(name);
        let raw = if list { raw.and_then(|list| list.get(*number)) } else { raw };
        let key = if *number == 0 { name.to_owned() } else { format!("{name}{number}") };
        out.insert(key, peer_status(raw.cloned().unwrap_or_default(), member));
        *number += 1;
    }
    Value::Object(out)
}

fn peer_status(mut peer: Value, member: &Member) -> Value {
    let Some(fields) = peer.as_object_mut() else { return peer };
    if member.role == Role::Deposed {
        return peer;
    }
    let report = &member.report;
    fields.insert("online".to_owned(), Value::from(report.error.is_none()));
    let row = report.replication.clone().unwrap_or_default();
    fields.insert("repl".to_owned(), Value::Object(row));
    if member.role != Role::Primary && report.error.is_none() {
        let lag = report.lag.map(super::lag::Interval::json);
        fields.insert("lag".to_owned(), json!({"time_lag": lag}));
    }
    if let Some(error) = &report.error {
        fields.insert("error".to_owned(), Value::from(json!({"message": error}).to_string()));
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::super::cluster::Report;
    use super::super::lag::Interval;
    use super::*;

    #[test]
    fn asyncs_are_numbered() {
        let raw: Value =
            serde_json::from_str(include_str!("../../../testdata/manatee-adm/e4.json")).unwrap();
        let state = State::parse(&raw).unwrap();
        let lag = Interval::parse("00:00:02");
        let member = |(role, peer): (Role, &super::super::state::Peer)| {
            let failed = peer.ip.ends_with(".14").then(|| "ECONNREFUSED".to_owned());
            Member {
                role,
                peer: peer.clone(),
                report: Report { lag, error: failed, ..Report::default() },
            }
        };
        let members: Vec<_> = state.peers().map(member).collect();
        let status = shard_status(&state, &raw, &members);
        let keys: Vec<_> = status.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["__FROZEN__", "primary", "sync", "async", "async1", "async2", "async3"]);
        assert_eq!(status["async"]["ip"], "10.99.4.13");
        assert_eq!(status["async"]["lag"]["time_lag"], json!({"minutes": 0, "seconds": 2}));
        assert_eq!(status["async1"]["online"], false);
        assert_eq!(status["async1"]["error"], r#"{"message":"ECONNREFUSED"}"#);
        assert_eq!(status["primary"]["repl"], json!({}));
        assert_eq!(status["primary"].get("lag"), None);
    }
}

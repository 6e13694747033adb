//! The subcommands that change a shard's state.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::options::usage;
use super::super::session::{Ending, Failure};
use super::state::frozen;
use super::store::WriteFailure;
use super::views::election;
use super::{Call, Store};

/// The time as JavaScript writes it.
pub(super) fn now(plus_seconds: i64) -> String {
    let time = Timestamp::from_second(Timestamp::now().as_second() + plus_seconds);
    let time = time.unwrap_or_else(|_| Timestamp::now());
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The members of a state.
pub(super) type Fields = Map<String, Value>;

/// Reads the state, changes it, writes it as a new version.
pub(super) async fn change(
    store: &Store,
    shard: &str,
    edit: impl FnOnce(&mut Fields) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let none = || Failure::new(format!("No state exists for shard {shard}"));
    let (mut state, version) = store.state(shard).await?.ok_or_else(none)?;
    let fields = state.as_object_mut().ok_or_else(|| Failure::new("the state is not an object"))?;
    edit(fields)?;
    // A missing history looks like a missing state.
    store.update(shard, &state, version).await.map_err(|failure| match failure {
        WriteFailure::NoNode => none(),
        WriteFailure::Other(message) => Failure::new(message),
    })
}

async fn changed(
    call: &Call<'_>,
    edit: impl FnOnce(&mut Fields) -> Result<(), Failure>,
    done: &str,
) -> Ending {
    let shard = call.shard()?;
    change(&call.connect().await?, &shard, edit).await?;
    call.session.print(format!("{done}\n"));
    Ok(0)
}

fn freeze_of(fields: &Fields) -> Option<(String, String)> {
    frozen(fields.get("freeze").unwrap_or(&Value::Null))
}

pub(super) async fn freeze(call: &Call<'_>) -> Ending {
    let Some(reason) = call.options.value('r') else { return usage("option -r is needed") };
    let edit = |fields: &mut Fields| {
        if let Some((_, reason)) = freeze_of(fields) {
            return Err(Failure::new(format!("shard is already been frozen: {reason}")));
        }
        fields.insert("freeze".to_owned(), json!({"date": now(0), "reason": reason}));
        Ok(())
    };
    changed(call, edit, "Frozen.").await
}

pub(super) async fn unfreeze(call: &Call<'_>) -> Ending {
    let edit = |fields: &mut Fields| match freeze_of(fields) {
        None => Err(Failure::new("shard is not frozen")),
        Some(_) => {
            fields.remove("freeze");
            Ok(())
        }
    };
    changed(call, edit, "Unfrozen.").await
}

pub(super) async fn reap(call: &Call<'_>) -> Ending {
    let named = call.options.value('n').map(|zone| ("zoneId", zone));
    let named = named.or_else(|| call.options.value('i').map(|ip| ("ip", ip)));
    let own = call.config.get("zoneId").and_then(Value::as_str);
    let Some((key, wanted)) = named.or_else(|| own.map(|zone| ("zoneId", zone))) else {
        return usage("option -n, -i or -c is needed");
    };
    changed(call, |fields| remove_deposed(fields, key, wanted), "Ok.").await
}

/// Takes the peers whose member `key` is `wanted` out of the deposed.
pub(super) fn remove_deposed(fields: &mut Fields, key: &str, wanted: &str) -> Result<(), Failure> {
    let deposed = fields.get_mut("deposed").and_then(Value::as_array_mut);
    let deposed = deposed.ok_or_else(|| Failure::new("the state has no deposed peers"))?;
    let before = deposed.len();
    deposed.retain(|peer| peer.get(key).and_then(Value::as_str) != Some(wanted));
    if deposed.len() == before {
        return Err(Failure::new(format!("{wanted} not in deposed or does not exist")));
    }
    Ok(())
}

pub(super) async fn set_onwm(call: &Call<'_>) -> Ending {
    let mode = match call.options.value('m') {
        Some(mode @ ("on" | "off")) => mode,
        Some(mode) => return usage(format!("the mode is on or off, not \"{mode}\"")),
        None => return usage("option -m is needed"),
    };
    call.confirm(&format!("Set one node write mode of {} to {mode}?", call.shard()?))?;
    let edit = |fields: &mut Fields| set_mode(fields, mode == "on");
    changed(call, edit, &format!("One Node Write Mode set to: {mode}")).await
}

fn set_mode(fields: &mut Fields, on: bool) -> Result<(), Failure> {
    let is_on = fields.get("oneNodeWriteMode").and_then(Value::as_bool).unwrap_or(false);
    match (is_on, on) {
        (true, true) => return Err(Failure::new("One node write mode already enabled")),
        (false, false) => return Err(Failure::new("One node write mode already disabled")),
        (false, true) => fields.insert("oneNodeWriteMode".to_owned(), Value::Bool(true)),
        (true, false) => fields.remove("oneNodeWriteMode"),
    };
    Ok(())
}

pub(super) async fn clear_promote(call: &Call<'_>) -> Ending {
    let edit = |fields: &mut Fields| match fields.remove("promote") {
        Some(promote) if !promote.is_null() => Ok(()),
        _ => Err(Failure::new("cluster has no outstanding promotion request")),
    };
    changed(call, edit, "Cleared promote request.").await
}

pub(super) async fn state_backfill(call: &Call<'_>) -> Ending {
    let shard = call.shard()?;
    let store = call.connect().await?;
    if store.state(&shard).await?.is_some() {
        return Err(Failure::new(format!("State already exists for shard {shard}")));
    }
    let state = backfilled(election(&store, &shard).await?);
    call.session.complain(format!("Computed new cluster state:\n{state:#}\n"));
    call.confirm("is this correct?")?;
    store.create(&shard, &state).await.map_err(|failure| match failure {
        WriteFailure::NoNode => Failure::new("Exception: NO_NODE[-101]"),
        WriteFailure::Other(message) => Failure::new(message),
    })?;
    call.session.print("Ok.\n");
    Ok(0)
}

/// The state made of an election's children in the order of their numbers: the last async becomes the sync, and the sync
/// the last async. Neither how many nor whether they are different matters.
fn backfilled(children: Vec<(String, Value)>) -> Value {
    let peer = |(name, mut data): (String, Value)| {
        let id = name.rsplit_once('-').map_or(name.as_str(), |(id, _)| id).to_owned();
        if let Some(fields) = data.as_object_mut() {
            fields.insert("id".to_owned(), Value::from(id));
        }
        data
    };
    let mut peers = children.into_iter().map(peer);
    let primary = peers.next();
    let mut sync = peers.next();
    let mut asyncs: Vec<Value> = peers.collect();
    if let (Some(old), Some(last)) = (sync.clone(), asyncs.pop()) {
        sync = Some(last);
        asyncs.push(old);
    }
    let mut state = Map::new();
    if let Some(primary) = primary {
        state.insert("primary".to_owned(), primary);
    }
    state.insert("sync".to_owned(), sync.unwrap_or_default());
    state.insert("async".to_owned(), Value::from(asyncs));
    state.insert("deposed".to_owned(), json!([]));
    state.insert("generation".to_owned(), json!(0));
    state.insert("initWal".to_owned(), json!("0/0000000"));
    state.insert(
        "freeze".to_owned(),
        json!({"date": now(0), "reason": "manatee-adm state-backfill"}),
    );
    Value::Object(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(peers: u64) -> String {
        let child = |number| {
            let id = format!("10.0.0.{number}:5432:12345");
            (format!("{id}-000000000{number}"), json!({"ip": format!("10.0.0.{number}")}))
        };
        let state = backfilled((1..=peers).map(child).collect());
        let number =
            |peer: &Value| peer["id"].as_str().map_or("-".to_owned(), |id| id[7..8].to_owned());
        let asyncs: Vec<_> = state["async"].as_array().unwrap().iter().map(number).collect();
        format!("{} {} [{}]", number(&state["primary"]), number(&state["sync"]), asyncs.join(","))
    }

    #[test]
    fn the_last_async_becomes_the_sync() {
        assert_eq!(order(3), "1 3 [2]");
        assert_eq!(order(5), "1 5 [3,4,2]");
        assert_eq!(order(2), "1 2 []");
        assert_eq!(order(1), "1 - []");
        assert_eq!(order(0), "- - []");
    }

    #[test]
    fn modes_and_deposed_peers() {
        let mut fields = Fields::new();
        assert!(set_mode(&mut fields, false).is_err());
        set_mode(&mut fields, true).unwrap();
        assert!(set_mode(&mut fields, true).is_err());
        set_mode(&mut fields, false).unwrap();
        assert!(fields.is_empty());
        assert!(remove_deposed(&mut fields, "ip", "10.0.0.1").is_err());
        fields.insert("deposed".to_owned(), json!([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]));
        remove_deposed(&mut fields, "ip", "10.0.0.1").unwrap();
        assert_eq!(
            remove_deposed(&mut fields, "ip", "10.0.0.1"),
            Err(Failure::new("10.0.0.1 not in deposed or does not exist"))
        );
    }
}

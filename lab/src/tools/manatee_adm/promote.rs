//! `promote`: asks the cluster to give a peer the next better role.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::options::usage;
use super::super::session::{Ending, Failure};
use super::Call;
use super::load::load;
use super::state::{Role, State};
use super::writes::{change, now};

/// The time for which a request is good, in seconds.
const EXPIRES: i64 = 30;

pub(super) async fn run(call: &Call<'_>) -> Ending {
    let (Some(role), Some(zone)) = (call.options.value('r'), call.options.value('n')) else {
        return usage("options -r and -n are needed");
    };
    let number = |letter| match call.options.value(letter).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => usage(format!("option -{letter} takes a number")),
    };
    let (index, limit) = (number('i')?, number('l')?.unwrap_or(5));
    let shard = call.shard()?;
    let cluster = load(&call.servers()?, &shard, true).await?;
    let request = request(&cluster.state, role, zone, index)?;
    let mut doubts: Vec<String> =
        cluster.issues().iter().map(super::cluster::Issue::line).collect();
    let lagging = cluster.members.iter().filter_map(|member| {
        let text = member.report.lag.filter(|_| member.role != Role::Primary)?.text();
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m')?;
        let lag = minutes.parse::<usize>().ok()? * 60 + seconds.parse::<usize>().ok()?;
        (lag > limit).then(|| format!("warning: peer \"{}\" lags by {text}", member.peer.label()))
    });
    doubts.extend(lagging);
    if !doubts.is_empty() {
        call.session.complain(doubts.join("\n") + "\n");
        call.confirm("The cluster has issues. Promote nevertheless?")?;
    }
    call.confirm(&format!("Promote {role} {zone}?"))?;
    let store = call.connect().await?;
    let generation = cluster.state.generation.clone();
    change(&store, &shard, |fields| {
        if fields.get("generation") != Some(&generation) {
            return Err(Failure::new("cluster state changed while this was being decided"));
        }
        fields.insert("promote".to_owned(), request);
        Ok(())
    })
    .await?;
    let deadline = Timestamp::now().as_second() + EXPIRES;
    let mut warned = false;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let state = store.state(&shard).await?.map(|(state, _)| state);
        let is_done = |state: &Value| {
            state.get("promote").is_none_or(Value::is_null) && has_moved(state, role, zone, index)
        };
        if state.is_some_and(|state| is_done(&state)) {
            call.session.print("Successfully promoted peer.\n");
            return Ok(0);
        }
        if Timestamp::now().as_second() > deadline && !warned {
            call.session
                .complain("warning: the request has expired, and the peer was not promoted\n");
            // The real tool waits on for ever.
            warned = true;
            if call.options.has('y') {
                return Ok(1);
            }
        }
    }
}

/// The request, if the peer is what the operator thinks it is.
fn request(state: &State, role: &str, zone: &str, index: Option<usize>) -> Result<Value, Failure> {
    let refuse = |message: String| Err(Failure::new(message));
    let wanted = match role {
        "sync" => Role::Sync,
        "async" => Role::Async,
        _ => return refuse(format!("cannot promote a peer with role \"{role}\"")),
    };
    let Some((found, peer)) = state.peers().find(|(_, peer)| peer.zone_id == zone) else {
        return refuse(format!("{zone} is not in the cluster"));
    };
    let place = state.asyncs.iter().position(|peer| peer.zone_id == zone);
    let index = match (wanted, index, state.asyncs.len()) {
        (Role::Async, None, 1) => Some(0),
        (Role::Async, None, _) => {
            return refuse("option -i is needed: there are several asyncs".to_owned());
        }
        (Role::Async, given, _) => given,
        (Role::Primary | Role::Sync | Role::Deposed, _, _) => None,
    };
    if found != wanted || (wanted == Role::Async && place != index) {
        return refuse(format!(
            "{zone} is not {role}{}",
            index.map_or_else(String::new, |index| format!(" {index}"))
        ));
    }
    if state.frozen().is_some() {
        return refuse("cluster is frozen".to_owned());
    }
    if state.one_node_write_mode {
        return refuse("cluster is in one node write mode".to_owned());
    }
    let mut request = json!({"id": peer.id, "role": role});
    if let Some(fields) = request.as_object_mut() {
        if let Some(index) = index {
            fields.insert("asyncIndex".to_owned(), index.into());
        }
        fields.insert("generation".to_owned(), state.generation.clone());
        fields.insert("expireTime".to_owned(), Value::from(now(EXPIRES)));
    }
    Ok(request)
}

/// Tells whether the peer has another place than before.
fn has_moved(state: &Value, role: &str, zone: &str, index: Option<usize>) -> bool {
    let is_it = |peer: Option<&Value>| {
        peer.and_then(|peer| peer.get("zoneId")).and_then(Value::as_str) == Some(zone)
    };
    match role {
        "sync" => !is_it(state.get("sync")),
        _ => !is_it(state.get("async").and_then(|list| list.get(index.unwrap_or(0)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "ac30c0de-0003-4000-8000-000000000003";

    fn state(name: &str) -> State {
        let text = match name {
            "e1" => include_str!("../../../testdata/manatee-adm/e1.json"),
            "e2" => include_str!("../../../testdata/manatee-adm/e2.json"),
            _ => include_str!("../../../testdata/manatee-adm/e4.json"),
        };
        State::parse(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn the_only_async_needs_no_index() {
        let request = request(&state("e1"), "async", ZONE, None).unwrap();
        assert_eq!(request["id"], "10.99.4.13:5432:12345");
        assert_eq!((&request["asyncIndex"], &request["generation"]), (&json!(0), &json!(4)));
    }

    #[test]
    fn another_than_was_meant_is_refused() {
        let refused = |name, role, index| match request(&state(name), role, ZONE, index) {
            Err(Failure::Exit(1, message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("e1", "sync", None), format!("{ZONE} is not sync"));
        assert_eq!(refused("e1", "primary", None), "cannot promote a peer with role \"primary\"");
        assert_eq!(refused("e2", "async", None), "cluster is frozen");
        assert!(refused("e4", "async", None).starts_with("option -i is needed"));
        assert_eq!(refused("e4", "async", Some(1)), format!("{ZONE} is not async 1"));
    }

    #[test]
    fn a_peer_that_moved_was_promoted() {
        let after = json!({"sync": {"zoneId": ZONE}, "async": [{"zoneId": "other"}]});
        assert!(has_moved(&after, "async", ZONE, Some(0)));
        assert!(!has_moved(&after, "sync", ZONE, None));
    }
}

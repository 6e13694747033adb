//! Requests to promote a peer, the `promote` member of the cluster state.

use jiff::Timestamp;
use serde_json::Value;

use super::{ClusterState, Role};
use crate::id::PeerId;

/// The sitters' verdict on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromoteVerdict {
    /// They carry it out: the sync if the role is sync, otherwise the primary.
    Valid(Promote),
    /// The primary deletes it, for this reason.
    Rejected(String),
    /// Every peer throws on it and dies, for this reason. It must never be written.
    Fatal(String),
}

/// A request that the sitters carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// The peer to promote.
    pub id: PeerId,
    /// Its role now: sync or async.
    pub role: Role,
    /// Its place among the asyncs.
    pub async_index: Option<usize>,
}

/// Judges the `promote` member of this state as the sitters do at this time; `None` if there is none.
///
/// The rules are those of manatee-state-machine's `validation.js`.
pub fn promote_verdict(state: &ClusterState, now: Timestamp) -> Option<PromoteVerdict> {
    let request = state.promote.as_ref()?;
    Some(match judge(request, state, now) {
        Ok(promote) => PromoteVerdict::Valid(promote),
        Err(verdict) => verdict,
    })
}

/// The fault of a request that makes every peer throw that judges it, and die.
pub(crate) struct FatalPromote {
    /// The member of the state.
    pub(crate) member: &'static str,
    /// The problem with it.
    pub(crate) what: &'static str,
}

/// The fault that is fatal about a request in a state that has a sync or not. `None`: nothing.
pub(crate) fn fatal_promote(request: &Value, has_sync: bool) -> Option<FatalPromote> {
    let fatal = |member, what| Some(FatalPromote { member, what });
    let role = request.get("role").and_then(Value::as_str);
    if request.is_array() {
        fatal("promote", "is a list")
    } else if role == Some("async") && request.get("asyncIndex") == Some(&Value::Null) {
        fatal("promote.asyncIndex", "is null")
    } else if role == Some("sync") && !has_sync {
        fatal("promote.role", "is sync while there is none")
    } else {
        None
    }
}

fn judge(request: &Value, state: &ClusterState, now: Timestamp) -> Result<Promote, PromoteVerdict> {
    if let Some(FatalPromote { member, what }) = fatal_promote(request, state.sync.is_some()) {
        return Err(PromoteVerdict::Fatal(format!("{member} {what}")));
    }
    let rejected = |why: &str| PromoteVerdict::Rejected(why.to_owned());
    let text = |name| request.get(name).and_then(Value::as_str);
    let id = text("id").ok_or_else(|| rejected("it has no id"))?;
    let role = text("role").ok_or_else(|| rejected("it has no role"))?;
    let generation = request.get("generation").and_then(Value::as_f64);
    let expires = text("expireTime").ok_or_else(|| rejected("it has no expireTime"))?;
    let index = request.get("asyncIndex");
    if generation != Some(state.generation.as_f64()) {
        return Err(rejected("it is for another generation"));
    }
    let expires: Timestamp =
        expires.parse().map_err(|_| rejected("its expireTime is not a time"))?;
    if expires < now {
        return Err(rejected("it has expired"));
    }
    let async_index = index.and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    let (role, found) = match role {
        "sync" => (Role::Sync, state.sync.as_ref()),
        "async" => (Role::Async, async_index.and_then(|index| state.asyncs.get(index))),
        _ => return Err(rejected("only a sync or an async can be promoted")),
    };
    if found.is_none_or(|peer| peer.id.as_str() != id) {
        return Err(rejected("the peer is not in that place"));
    }
    Ok(Promote { id: PeerId::from(id), role, async_index })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testdata::example;

    fn verdict(request: Value) -> PromoteVerdict {
        let mut state = example("e1");
        state.promote = Some(request);
        promote_verdict(&state, "2029-01-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    fn request() -> Value {
        json!({"id": "10.99.4.13:5432:12345", "role": "async", "asyncIndex": 0, "generation": 4,
            "expireTime": "2030-01-01T00:00:00.000Z"})
    }

    #[test]
    fn the_example_is_valid() {
        let expected = Promote {
            id: PeerId::from("10.99.4.13:5432:12345"),
            role: Role::Async,
            async_index: Some(0),
        };
        assert_eq!(verdict(request()), PromoteVerdict::Valid(expected));
    }

    #[test]
    fn the_primary_deletes_what_does_not_fit() {
        let changes: [(&str, Value); 6] = [
            ("generation", json!(3)),
            ("expireTime", json!("2028-01-01T00:00:00.000Z")),
            ("asyncIndex", json!(1)),
            ("role", json!("primary")),
            ("role", json!("sync")),
            ("id", json!("10.99.4.12:5432:12345")),
        ];
        for (member, value) in changes {
            let mut request = request();
            request[member] = value.clone();
            let verdict = verdict(request);
            assert!(
                matches!(verdict, PromoteVerdict::Rejected(_)),
                "{member} {value}: {verdict:?}"
            );
        }
        assert!(matches!(verdict(json!("junk")), PromoteVerdict::Rejected(_)));
    }

    #[test]
    fn a_null_index_kills_every_peer() {
        let mut request = request();
        request["asyncIndex"] = Value::Null;
        let expected = PromoteVerdict::Fatal("promote.asyncIndex is null".to_owned());
        assert_eq!(verdict(request), expected);
    }

    #[test]
    fn a_list_kills_every_peer() {
        let expected = PromoteVerdict::Fatal("promote is a list".to_owned());
        assert_eq!(verdict(json!([1])), expected);
    }
}

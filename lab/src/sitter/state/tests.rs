//! The verdicts of the real validator, and the forms of states and peers.

use serde_json::json;

use super::*;

fn peer(number: u8) -> Value {
    serde_json::to_value(Peer::new(format!("zone-{number}"), &ip(number), 5432, 12345)).unwrap()
}

fn ip(number: u8) -> String {
    format!("10.99.4.{number}")
}

fn healthy() -> Value {
    json!({
        "generation": 4, "primary": peer(11), "sync": peer(12), "async": [peer(13)],
        "deposed": [], "initWal": "2C/5A0001F8",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut state = healthy();
    state[field] = value;
    state
}

fn without(field: &str) -> Value {
    let mut state = healthy();
    state.as_object_mut().unwrap().remove(field);
    state
}

/// The verdicts of the real validator.
#[test]
fn valid_states() {
    for state in [
        healthy(),
        with("freeze", json!(true)),
        with("freeze", json!(null)),
        with("freeze", json!({})),
        with("generation", json!(1.5)),
        with("generation", json!(-1)),
        with("unknown", json!([1])),
        with("promote", json!("junk")),
        with("deposed", json!([peer(11)])),
        without("deposed"),
        with("initWal", json!("0/0000000")),
    ] {
        ClusterState::parse(&state).unwrap_or_else(|error| panic!("{state}: {error}"));
    }
    let mut singleton = with("oneNodeWriteMode", json!(true));
    singleton["sync"] = json!(null);
    assert!(ClusterState::parse(&singleton).unwrap().is_singleton());
}

#[test]
fn invalid_states() {
    let mut nameless = healthy();
    nameless["sync"].as_object_mut().unwrap().remove("zoneId");
    for state in [
        with("freeze", json!("CM-1")),
        with("sync", json!(null)),
        with("generation", json!("4")),
        with("initWal", json!("foo")),
        with("initWal", json!("1/zz")),
        with("initWal", json!(null)),
        with("deposed", json!(null)),
        with("oneNodeWriteMode", json!(null)),
        with("oneNodeWriteMode", json!("true")),
        without("async"),
        without("primary"),
        without("sync"),
        nameless,
    ] {
        assert!(ClusterState::parse(&state).is_err(), "{state}");
    }
}

#[test]
fn what_is_frozen() {
    for (freeze, frozen) in [
        (json!(true), true),
        (json!({}), true),
        (json!([]), true),
        (json!({"date": "2024-05-06T07:08:09.123Z", "reason": "CM-77"}), true),
        (json!(false), false),
        (json!(null), false),
    ] {
        let state = ClusterState::parse(&with("freeze", freeze.clone())).unwrap();
        assert_eq!(state.is_frozen(), frozen, "{freeze}");
    }
}

#[test]
fn a_state_is_written_as_it_was_read() {
    let mut state = with("freeze", json!({"reason": "x"}));
    state["unknown"] = json!({"a": 1});
    state["sync"]["more"] = json!("y");
    let parsed = ClusterState::parse(&state).unwrap();
    assert_eq!(serde_json::to_value(&parsed).unwrap(), state);
}

#[test]
fn wal_positions_are_compared_by_halves() {
    assert!(Lsn::parse("2C/5") < Lsn::parse("2C/10"));
    assert!(Lsn::parse("9/FF") < Lsn::parse("A/0"));
    assert_eq!(Lsn::parse("0/0000000"), Lsn::parse(INITIAL_WAL));
}

#[test]
fn promotions() {
    let now: Timestamp = "2029-01-01T00:00:00Z".parse().unwrap();
    let judge =
        |request: Value| ClusterState::parse(&with("promote", request)).unwrap().promotion(now);
    let request = |changes: Value| {
        let mut request = json!({
            "id": "10.99.4.13:5432:12345", "role": "async", "asyncIndex": 0, "generation": 4,
            "expireTime": "2030-01-01T00:00:00.000Z",
        });
        for (field, value) in changes.as_object().unwrap() {
            request[field] = value.clone();
        }
        request
    };
    assert_eq!(judge(request(json!({}))).unwrap(), Some(Ok(Promotion::Async(0))));
    let sync = json!({"role": "sync", "id": "10.99.4.12:5432:12345"});
    assert_eq!(judge(request(sync)).unwrap(), Some(Ok(Promotion::Sync)));
    assert_eq!(judge(json!(null)).unwrap(), None);
    for invalid in [
        json!("junk"),
        request(json!({"generation": 3})),
        request(json!({"expireTime": "2028-01-01T00:00:00.000Z"})),
        request(json!({"asyncIndex": 1})),
        request(json!({"role": "sync"})),
        request(json!({"role": "primary"})),
    ] {
        assert!(judge(invalid.clone()).unwrap().unwrap().is_err(), "{invalid}");
    }
    judge(request(json!({"asyncIndex": null}))).unwrap_err();
    judge(json!([1])).unwrap_err();
}

#[test]
fn peers_are_found() {
    let peer = Peer::new("zone".to_owned(), "10.99.4.11", 5432, 12345);
    assert_eq!(peer.postgres(), Some("10.99.4.11:5432".parse().unwrap()));
    let data = peer.election_data().to_string();
    assert_eq!(
        data,
        r#"{"zoneId":"zone","ip":"10.99.4.11","pgUrl":"tcp://postgres@10.99.4.11:5432/postgres","backupUrl":"http://10.99.4.11:12345"}"#
    );
    assert_eq!(Peer::of_election(&peer.id, data.as_bytes()).unwrap(), peer);
}

//! The beginning of shards.

use serde_json::{Value, json};

use super::super::simulation::Shard;
use super::super::{PostgresConfig, Role};

/// The state that a tool writes before the sitters start.
fn prepared(shard: &Shard, frozen: bool) -> Value {
    let mut state = json!({
        "generation": 1, "primary": shard.value(0), "sync": shard.value(1),
        "async": [shard.value(2)], "deposed": [], "initWal": "0/00000000",
    });
    if frozen {
        state["freeze"] = json!({"date": "2024-05-06T07:08:09.123Z", "reason": "new shard"});
    }
    state
}

#[test]
fn empty_peers_make_a_shard_of_themselves() {
    let mut shard = Shard::of(3, false);
    for node in 0..3 {
        shard.join(node);
    }
    shard.settle();
    assert_eq!(shard.shape(), (0, Some(1), vec![2], vec![]));
    let state = shard.cluster();
    assert!(!state.is_frozen());
    assert_eq!((state.generation, state.init_wal.as_str()), (1.0, "0/00000000"));
    assert!(shard.writes.iter().all(|(writer, _)| *writer == 0));
    let sync = Some(shard.peer(1));
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Primary { sync }));
    let standby = PostgresConfig::Standby {
        role: Role::Async,
        upstream: shard.peer(1),
        primary: shard.peer(0),
    };
    assert_eq!(shard.nodes[2].postgres, Some(standby));
}

#[test]
fn the_first_peer_is_the_first_as_text() {
    let mut shard = Shard::new(&["10.0.0.9", "10.0.0.10"], false);
    shard.start(0);
    assert!(shard.state.is_none(), "one peer does not begin");
    shard.start(1);
    assert_eq!(shard.shape(), (1, Some(0), vec![], vec![]));
}

#[test]
fn peers_with_data_wait_for_ever() {
    let mut shard = Shard::of(3, true);
    for node in 0..3 {
        shard.start(node);
    }
    shard.tick();
    assert!(shard.state.is_none());
    assert!(shard.nodes.iter().all(|node| node.role() == Some(Role::Unassigned)));
}

#[test]
fn an_empty_first_peer_begins_over_peers_with_data() {
    let mut shard = Shard::of(3, true);
    shard.nodes[0].data = false;
    for node in [2, 1, 0] {
        shard.start(node);
    }
    assert_eq!(shard.shape(), (0, Some(1), vec![2], vec![]));
}

#[test]
fn a_first_peer_with_data_keeps_the_others_waiting() {
    let mut shard = Shard::of(3, false);
    shard.nodes[0].data = true;
    for node in 0..3 {
        shard.start(node);
    }
    assert!(shard.state.is_none());
}

#[test]
fn a_singleton_begins_alone_and_frozen() {
    let mut shard = Shard::of(2, false);
    shard.nodes[0].singleton = true;
    shard.start(0);
    let state = shard.cluster();
    assert!(state.is_singleton() && state.sync.is_none());
    assert_eq!(
        state.freeze,
        Some(json!({
            "date": "2024-05-06T07:08:09.123Z",
            "reason": "manatee setup: one node write mode",
        }))
    );
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Primary { sync: None }));
    shard.start(1);
    assert_eq!(shard.nodes[1].role(), Some(Role::Unassigned));
    assert_eq!(shard.writes.len(), 1);
}

#[test]
fn a_singleton_becomes_a_chain_once_it_is_configured_so_and_not_frozen() {
    let mut shard = Shard::of(3, false);
    shard.nodes[0].singleton = true;
    shard.start(0);
    shard.start(2);
    shard.start(1);
    shard.stop(0);
    shard.nodes[0].singleton = false;
    shard.start(0);
    shard.tick();
    assert_eq!(shard.writes.len(), 1, "frozen");
    shard.edit(|state| {
        state.as_object_mut().unwrap().remove("freeze");
    });
    shard.tick();
    assert_eq!(shard.shape(), (0, Some(1), vec![2], vec![]));
    assert_eq!(shard.cluster().generation, 2.0);
    assert_eq!(shard.cluster().one_node_write_mode, None);
}

#[test]
fn a_singleton_does_not_live_in_a_chain() {
    let mut shard = Shard::running(2);
    shard.nodes[1].singleton = true;
    shard.start(1);
    assert!(shard.nodes[1].crashed);
}

#[test]
fn a_frozen_prepared_state_assembles_peers_with_data() {
    for order in [[2, 1, 0], [1, 2, 0]] {
        let mut shard = Shard::of(3, true);
        shard.state = Some(prepared(&shard, true));
        for node in order {
            shard.start(node);
            shard.tick();
        }
        assert_eq!(shard.writes, [], "{order:?}");
        let roles = shard.nodes.iter().map(|node| node.role().unwrap());
        assert_eq!(roles.collect::<Vec<_>>(), [Role::Primary, Role::Sync, Role::Async]);
    }
}

#[test]
fn a_primary_that_comes_first_writes_twice() {
    let mut shard = Shard::of(3, true);
    let state = prepared(&shard, true);
    shard.state = Some(state.clone());
    for node in 0..3 {
        shard.start(node);
        shard.tick();
    }
    let asyncs: Vec<usize> = shard.writes.iter().map(|(_, state)| state.asyncs.len()).collect();
    assert_eq!(asyncs, [0, 1]);
    assert!(shard.writes.iter().all(|(writer, state)| *writer == 0 && state.is_frozen()));
    assert_eq!(serde_json::to_value(shard.cluster()).unwrap(), state);
}

#[test]
fn a_primary_that_is_late_is_deposed_unless_frozen() {
    let mut shard = Shard::of(3, true);
    shard.state = Some(prepared(&shard, false));
    shard.start(2);
    shard.start(1);
    shard.tick();
    assert_eq!(shard.shape(), (1, Some(2), vec![], vec![0]));
    shard.start(0);
    assert_eq!(shard.nodes[0].role(), Some(Role::Deposed));
}

#[test]
fn who_has_another_id_becomes_a_new_async() {
    let mut shard = Shard::of(4, true);
    let mut state = prepared(&shard, true);
    state["async"] = json!([shard.value(3)]);
    shard.state = Some(state);
    for node in [2, 1, 0] {
        shard.start(node);
    }
    assert_eq!(shard.shape(), (0, Some(1), vec![2], vec![]));
}

#[test]
fn a_state_that_is_not_valid_is_the_end() {
    let mut shard = Shard::running(3);
    shard.edit(|state| state["freeze"] = json!("CM-1"));
    assert!(shard.nodes.iter().all(|node| node.crashed));
    shard.start(0);
    assert!(shard.nodes[0].crashed, "again");
}

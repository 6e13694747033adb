//! The life of shards when peers come and go.

use serde_json::json;

use super::super::simulation::Shard;
use super::super::{PostgresConfig, Role};

fn freeze(shard: &mut Shard) {
    shard.edit(|state| state["freeze"] = json!({"date": "2024-05-06T07:08:09Z", "reason": "x"}));
}

fn unfreeze(shard: &mut Shard) {
    shard.edit(|state| {
        state.as_object_mut().unwrap().remove("freeze");
    });
}

#[test]
fn the_sync_takes_over_from_a_lost_primary() {
    let mut shard = Shard::running(4);
    shard.nodes[1].wal = "0/3000000";
    shard.lose(0);
    assert_eq!(shard.shape(), (1, Some(2), vec![3], vec![0]));
    assert_eq!(shard.cluster().generation, 2.0);
    assert_eq!(shard.cluster().init_wal, "0/3000000");
    assert_eq!(shard.writes.len(), 1);
    assert_eq!(shard.nodes[2].role(), Some(Role::Sync));
    shard.start(0);
    assert_eq!(shard.nodes[0].role(), Some(Role::Deposed));
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Stopped));
    assert_eq!(shard.writes.len(), 1, "a deposed peer does not come back");
}

#[test]
fn a_restart_within_the_session_timeout_is_not_seen() {
    let mut shard = Shard::running(3);
    shard.stop(0);
    shard.start(0);
    assert_eq!(shard.writes, []);
}

#[test]
fn the_first_async_that_is_there_becomes_sync() {
    let mut shard = Shard::running(4);
    shard.stop(2);
    shard.stop(0);
    for node in [2, 0] {
        shard.nodes[node].present = false;
    }
    shard.expire(0);
    shard.settle();
    assert_eq!(shard.shape(), (1, Some(3), vec![], vec![0]), "the absent async is gone");
}

#[test]
fn two_peers_never_fail_over() {
    let mut shard = Shard::running(2);
    shard.lose(0);
    shard.tick();
    assert_eq!(shard.writes, []);
    assert_eq!(shard.nodes[1].role(), Some(Role::Sync));
}

#[test]
fn the_primary_replaces_a_lost_sync() {
    let mut shard = Shard::running(4);
    shard.lose(1);
    assert_eq!(shard.shape(), (0, Some(2), vec![3], vec![]));
    assert_eq!(shard.cluster().generation, 2.0);
    let sync = Some(shard.peer(2));
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Primary { sync }));
    shard.start(1);
    assert_eq!(shard.shape(), (0, Some(2), vec![3, 1], vec![]), "it comes back at the end");
}

#[test]
fn a_sync_that_lacks_something_waits() {
    let mut shard = Shard::running(3);
    shard.edit(|state| state["initWal"] = json!("9/0"));
    shard.nodes[1].wal = "8/FFFFFFFF";
    shard.lose(0);
    shard.tick();
    assert_eq!(shard.writes, []);
    shard.nodes[1].wal = "10/0";
    shard.tick();
    assert_eq!(shard.shape(), (1, Some(2), vec![], vec![0]));
}

#[test]
fn a_sync_whose_postgres_is_down_tries_again() {
    let mut shard = Shard::running(3);
    shard.nodes[1].postgres_fails = true;
    shard.stop(1);
    shard.start(1);
    shard.lose(0);
    shard.tick();
    assert_eq!(shard.writes, []);
    shard.nodes[1].postgres_fails = false;
    shard.tick();
    shard.tick();
    assert_eq!(shard.shape(), (1, Some(2), vec![], vec![0]));
}

#[test]
fn nobody_takes_over_while_frozen() {
    let mut shard = Shard::running(3);
    freeze(&mut shard);
    shard.lose(0);
    shard.tick();
    shard.tick();
    assert_eq!(shard.writes, []);
    unfreeze(&mut shard);
    shard.tick();
    assert_eq!(shard.shape(), (1, Some(2), vec![], vec![0]));
}

#[test]
fn asyncs_come_and_go_while_frozen() {
    let mut shard =
        Shard::new(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "10.0.0.10"], false);
    for node in 0..3 {
        shard.join(node);
    }
    shard.settle();
    freeze(&mut shard);
    shard.edit(|state| state["note"] = json!("somebody's"));
    shard.writes.clear();
    shard.lose(2);
    assert_eq!(shard.shape(), (0, Some(1), vec![], vec![]));
    // Both are seen at once: in the order of their names.
    shard.nodes[3].present = true;
    shard.nodes[4].present = true;
    shard.join(3);
    shard.join(4);
    shard.settle();
    assert_eq!(shard.shape(), (0, Some(1), vec![4, 3], vec![]));
    let state = shard.cluster();
    assert!(state.is_frozen() && state.generation == 1.0);
    assert!(state.extra.is_empty(), "what sitters do not know goes");
}

#[test]
fn a_frozen_primary_without_sync_does_not_look_at_asyncs() {
    let mut shard = Shard::running(4);
    freeze(&mut shard);
    shard.lose(1);
    shard.lose(3);
    shard.tick();
    assert_eq!(shard.writes, [], "starved");
    shard.start(1);
    shard.tick();
    assert_eq!(shard.shape(), (0, Some(1), vec![2], vec![]));
    // Without any async it does.
    shard.lose(2);
    shard.lose(1);
    shard.start(3);
    assert_eq!(shard.shape(), (0, Some(1), vec![3], vec![]));
}

#[test]
fn a_reaped_peer_is_an_async_that_does_nothing() {
    let mut shard = Shard::running(3);
    shard.lose(0);
    shard.start(0);
    shard.edit(|state| state["deposed"] = json!([]));
    assert_eq!(shard.shape(), (1, Some(2), vec![0], vec![]));
    assert_eq!(shard.nodes[0].role(), Some(Role::Deposed));
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Stopped));
    shard.stop(0);
    shard.start(0);
    assert_eq!(shard.nodes[0].role(), Some(Role::Async));
}

#[test]
fn a_primary_notices_that_it_is_no_more() {
    let mut shard = Shard::running(3);
    shard.expire(0);
    shard.settle();
    assert_eq!(shard.nodes[0].role(), Some(Role::Deposed));
    assert_eq!(shard.nodes[0].postgres, Some(PostgresConfig::Stopped));
}

#[test]
fn a_primary_does_not_look_at_a_sync_that_others_gave_it() {
    let mut shard = Shard::running(3);
    let (sync, other) = (shard.value(1), shard.value(2));
    let before = shard.nodes[0].configured;
    shard.edit(|state| {
        state["generation"] = json!(2);
        state["sync"] = other;
        state["async"] = json!([sync]);
    });
    assert_eq!(shard.nodes[0].configured, before);
    assert_eq!(shard.nodes[1].role(), Some(Role::Async));
    assert_eq!(shard.nodes[2].role(), Some(Role::Sync));
}

#[test]
fn without_a_new_generation_a_swap_leaves_the_sync() {
    let mut shard = Shard::running(3);
    let (sync, other) = (shard.value(1), shard.value(2));
    shard.edit(|state| {
        state["sync"] = other;
        state["async"] = json!([sync]);
    });
    assert_eq!(shard.nodes[1].role(), Some(Role::Sync));
    assert_eq!(shard.nodes[2].role(), Some(Role::Unassigned));
}

#[test]
fn a_standby_is_configured_again_when_its_primary_changes() {
    let mut shard = Shard::running(4);
    let before = shard.nodes[3].configured;
    shard.lose(0);
    assert_eq!(shard.nodes[3].configured, before + 1);
    let standby = PostgresConfig::Standby {
        role: Role::Async,
        upstream: shard.peer(2),
        primary: shard.peer(1),
    };
    assert_eq!(shard.nodes[3].postgres, Some(standby));
}

#[test]
fn a_peer_without_a_backup_server_is_the_end() {
    let mut shard = Shard::running(3);
    shard.edit(|state| {
        state["generation"] = json!(2);
        state["primary"].as_object_mut().unwrap().remove("backupUrl");
    });
    assert!(shard.nodes[1].crashed && shard.nodes[2].crashed);
}

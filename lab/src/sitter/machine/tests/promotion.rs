//! The effects of requests to promote a peer.

use serde_json::{Value, json};

use super::super::Role;
use super::super::simulation::Shard;

/// A request that ends a minute after the tests' beginning.
fn request(shard: &Shard, node: usize, role: &str, index: &Value) -> Value {
    json!({
        "id": shard.peer(node).id, "role": role, "asyncIndex": index,
        "generation": shard.cluster().generation, "expireTime": "2024-05-06T07:09:09.123Z",
    })
}

fn ask(shard: &mut Shard, node: usize, role: &str, index: &Value) {
    let request = request(shard, node, role, index);
    shard.edit(|state| state["promote"] = request);
}

#[test]
fn the_sync_is_promoted() {
    let mut shard = Shard::running(3);
    ask(&mut shard, 1, "sync", &json!(0));
    assert_eq!(shard.shape(), (1, Some(2), vec![], vec![0]));
    assert_eq!(shard.cluster().generation, 2.0);
    assert_eq!(shard.cluster().promote, None);
    assert_eq!(shard.nodes[0].role(), Some(Role::Deposed));
}

#[test]
fn the_first_async_changes_places_with_the_sync() {
    let mut shard = Shard::running(4);
    ask(&mut shard, 2, "async", &json!(0));
    assert_eq!(shard.shape(), (0, Some(2), vec![1, 3], vec![]));
    assert_eq!(shard.cluster().generation, 2.0);
    assert_eq!(shard.nodes[1].role(), Some(Role::Async));
}

#[test]
fn another_async_moves_up_even_when_frozen() {
    let mut shard = Shard::running(5);
    shard.edit(|state| state["freeze"] = json!(true));
    ask(&mut shard, 4, "async", &json!(2));
    assert_eq!(shard.shape(), (0, Some(1), vec![2, 4, 3], vec![]));
    assert_eq!(shard.cluster().generation, 1.0);
    assert_eq!(shard.cluster().promote, None);
}

#[test]
fn a_request_for_a_new_generation_waits_while_frozen_and_then_expires() {
    let mut shard = Shard::running(3);
    shard.edit(|state| state["freeze"] = json!(true));
    ask(&mut shard, 2, "async", &json!(0));
    shard.tick();
    assert_eq!(shard.writes, []);
    for _ in 0..60 {
        shard.tick();
    }
    assert_eq!(shard.cluster().promote, None);
    assert_eq!(shard.cluster().generation, 1.0);
}

#[test]
fn the_primary_drops_what_is_not_valid_and_nothing_else() {
    let mut shard = Shard::running(3);
    shard.edit(|state| {
        state["promote"] = json!("junk");
        state["note"] = json!("somebody's");
    });
    assert_eq!(shard.writes.len(), 1);
    let state = shard.cluster();
    assert_eq!((state.promote, state.extra["note"].clone()), (None, json!("somebody's")));
}

#[test]
fn a_request_that_cannot_be_judged_is_the_end_of_everybody() {
    let mut shard = Shard::running(3);
    ask(&mut shard, 2, "async", &json!(null));
    assert!(shard.nodes.iter().all(|node| node.crashed));
}

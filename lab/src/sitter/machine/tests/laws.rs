//! The laws that hold whatever happens in whatever order.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use super::super::super::state::{ClusterState, Peer};
use super::super::simulation::Shard;

#[derive(Clone, Copy, Debug)]
enum Step {
    Start(usize),
    Stop(usize),
    Expire(usize),
    Event(usize),
    Tick,
    Settle,
    Freeze,
    Unfreeze,
    Promote(usize, usize),
}

fn step(peers: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..peers).prop_map(Step::Start),
        2 => (0..peers).prop_map(Step::Stop),
        3 => (0..peers).prop_map(Step::Expire),
        12 => (0..peers).prop_map(Step::Event),
        2 => Just(Step::Tick),
        2 => Just(Step::Settle),
        1 => Just(Step::Freeze),
        1 => Just(Step::Unfreeze),
        1 => (0..peers, 0..peers).prop_map(|(peer, index)| Step::Promote(peer, index)),
    ]
}

fn take(shard: &mut Shard, step: Step) {
    match step {
        Step::Start(node) => shard.join(node),
        Step::Stop(node) => shard.stop(node),
        Step::Expire(node) => shard.expire(node),
        Step::Event(node) => shard.step(node),
        Step::Tick => shard.tick(),
        Step::Settle => shard.settle(),
        Step::Freeze | Step::Unfreeze | Step::Promote(..) => {
            let Some(mut state) = shard.state.clone() else { return };
            match step {
                Step::Freeze => state["freeze"] = json!({"reason": "x"}),
                Step::Promote(node, index) => {
                    let role = if index == 0 { "sync" } else { "async" };
                    state["promote"] = json!({
                        "id": shard.peer(node).id, "role": role, "asyncIndex": index.saturating_sub(1),
                        "generation": state["generation"], "expireTime": "2024-05-06T07:09:09Z",
                    });
                }
                Step::Unfreeze
                | Step::Start(_)
                | Step::Stop(_)
                | Step::Expire(_)
                | Step::Event(_)
                | Step::Tick
                | Step::Settle => {
                    state.as_object_mut().unwrap().remove("freeze");
                }
            }
            shard.write(&state);
        }
    }
}

/// Checks what holds between a state and the one before it, as the writer must have seen it.
fn check(shard: &Shard, before: &ClusterState, writer: usize, after: &ClusterState) {
    after.check().unwrap();
    let same = |a: &Option<Peer>, b: &Option<Peer>| {
        a.as_ref().map(|peer| &peer.id) == b.as_ref().map(|peer| &peer.id)
    };
    assert_eq!(shard.number(&after.primary), writer, "only the primary writes");
    let moved = before.primary.id != after.primary.id || !same(&before.sync, &after.sync);
    let generations = after.generation - before.generation;
    assert_eq!(generations, if moved { 1.0 } else { 0.0 }, "a generation is its primary and sync");
    assert!(!(moved && before.is_frozen()), "nobody takes over while frozen");
    if before.primary.id != after.primary.id {
        assert!(same(&before.sync, &Some(after.primary.clone())), "only the sync takes over");
        assert!(after.deposed.iter().any(|peer| peer.id == before.primary.id));
    }
    let all = after.asyncs.iter().chain(&after.deposed).chain(&after.sync).chain([&after.primary]);
    let ids: Vec<&String> = all.map(|peer| &peer.id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "one role for each: {ids:?}");
}

proptest! {
    #[test]
    fn generations_follow_the_rules(steps in proptest::collection::vec(step(5), 0..200)) {
        let mut shard = Shard::of(5, false);
        let mut before: Option<ClusterState> = None;
        for step in steps {
            // The state may be written several times in a step that settles.
            let seen = shard.writes.len();
            take(&mut shard, step);
            for (writer, after) in &shard.writes[seen..] {
                if let Some(before) = &before {
                    check(&shard, before, *writer, after);
                } else {
                    prop_assert_eq!(after.generation, 1.0);
                }
                before = Some(after.clone());
            }
            before = shard.state.as_ref().map(|state| ClusterState::parse(state).unwrap());
        }
        prop_assert!(shard.nodes.iter().all(|node| !node.crashed));
    }

    /// However it was treated, an unfrozen shard whose peers all come back comes to rest, with everybody in it.
    #[test]
    fn a_shard_recovers(steps in proptest::collection::vec(step(4), 0..100)) {
        let mut shard = Shard::of(4, false);
        for step in steps {
            take(&mut shard, step);
        }
        shard.settle();
        take(&mut shard, Step::Unfreeze);
        for node in 0..4 {
            shard.start(node);
        }
        for _ in 0..100 {
            shard.tick();
        }
        if shard.state.is_none() {
            // The first peer was configured in a shard that was never written: it cannot be.
            prop_assert!(shard.nodes.iter().all(|node| !node.data));
            return Ok(());
        }
        let (_, sync, asyncs, deposed) = shard.shape();
        prop_assert_eq!(2 + asyncs.len() + deposed.len(), 4);
        prop_assert!(sync.is_some());
    }
}

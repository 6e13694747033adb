//! Ways to make one thing wrong with what a right tier left behind.

use lab::checker::{Row, ViolationKind, World};
use lab::load::log::{Action, Line, Outcome, OutcomeLine, ReadResult, WriteId};

use crate::rows::{PNODES, PREFIX, counts, row, transform};
use crate::simulation::Run;

pub(crate) type Plant = fn(&mut Run, &mut fastrand::Rng) -> Option<String>;

/// Ways to make one thing wrong. Each gives the key that it is wrong with, if there is one that it can be.
pub(crate) const PLANTS: [(ViolationKind, Plant); 12] = [
    (ViolationKind::Lost, lose),
    (ViolationKind::Stale, make_stale),
    (ViolationKind::Resurrected, resurrect),
    (ViolationKind::Phantom, make_up),
    (ViolationKind::Damaged, damage),
    (ViolationKind::WrongVnode, change_vnode),
    (ViolationKind::WrongVnode, null_vnode),
    (ViolationKind::Ghost, duplicate),
    (ViolationKind::Phantom, make_up_ghost),
    (ViolationKind::Misrouted, misroute),
    (ViolationKind::WrongRead, misread),
    (ViolationKind::DirectoryCount, miscount),
];

/// The vnode of a key of the bucket `manta`.
pub(crate) fn vnode(run: &Run, key: &str) -> u32 {
    let hashed = transform("manta", key);
    run.rings.rings()[0].ring.vnode_of(hashed.as_bytes()).unwrap().number()
}

/// The shard that owns a key of the bucket `manta` at the end.
pub(crate) fn owner(run: &Run, key: &str) -> usize {
    let node = run.rings.rings().last().unwrap().ring.lookup(transform("manta", key).as_bytes());
    let name = node.unwrap().pnode.as_str().to_owned();
    PNODES.iter().position(|pnode| *pnode == name).unwrap()
}

fn row_of<'a>(world: &'a mut World, shard: usize, key: &str) -> Option<&'a mut Row> {
    let of_it = |row: &&mut Row| &*row.key == key && &*row.bucket == "manta";
    world.shards[shard].rows.iter_mut().find(of_it)
}

/// The certain keys in any order.
fn keys(run: &Run, random: &mut fastrand::Rng) -> Vec<String> {
    let mut keys: Vec<String> = run.certain.iter().cloned().collect();
    random.shuffle(&mut keys);
    keys
}

/// The acknowledged puts of a key, as write and etag, in order.
fn puts(run: &Run, wanted: &str) -> Vec<(WriteId, bool)> {
    let mut puts = Vec::new();
    for line in &run.lines {
        let Line::Outcome(OutcomeLine { id, outcome: Outcome::Acknowledged { .. }, .. }) = line
        else {
            continue;
        };
        let intent = run.lines.iter().find_map(|line| match line {
            Line::Intent(intent) if intent.id == *id => Some(intent),
            _ => None,
        });
        let intent = intent.unwrap();
        let change = &intent.changes[0];
        if change.key == wanted && change.action == Action::Put {
            puts.push((change.write, intent.batch));
        }
    }
    puts
}

/// Makes the counts those of the rows.
pub(crate) fn recount(run: &mut Run) {
    for shard in &mut run.world.shards {
        shard.counts = Some(counts(&shard.rows));
    }
}

fn lose(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let there = |run: &mut Run, key: &str| {
        let shard = owner(run, key);
        row_of(&mut run.world, shard, key).is_some()
    };
    let key = keys(run, random).into_iter().find(|key| there(run, key))?;
    let shard = owner(run, &key);
    run.world.shards[shard].rows.retain(|row| *row.key != *key);
    recount(run);
    Some(key)
}

fn make_stale(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        let Some((write, batch)) = puts(run, &key).into_iter().rev().nth(1) else { continue };
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            *at = row("manta", &key, write, (!batch).then_some(number));
            return Some(key);
        }
    }
    None
}

fn resurrect(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        let Some((write, batch)) = puts(run, &key).pop() else { continue };
        if row_of(&mut run.world, shard, &key).is_none() {
            let back = row("manta", &key, write, (!batch).then_some(number));
            run.world.shards[shard].rows.push(back);
            recount(run);
            return Some(key);
        }
    }
    None
}

fn make_up(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let key = if random.bool() {
        format!("{PREFIX}dir03/never")
    } else {
        keys(run, random).into_iter().next()?
    };
    let (shard, number) = (owner(run, &key), vnode(run, &key));
    run.world.shards[shard].rows.retain(|row| *row.key != *key);
    let write = WriteId { run: 1, number: 1_000_000 };
    run.world.shards[shard].rows.push(row("manta", &key, write, Some(number)));
    recount(run);
    Some(key)
}

fn damage(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let shard = owner(run, &key);
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            if random.bool() {
                at.etag = "BADBADBA".into();
            } else {
                at.intact = false;
            }
            return Some(key);
        }
    }
    None
}

fn change_vnode(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        if let Some(at) = row_of(&mut run.world, shard, &key) {
            at.vnode = Some(i64::from(number) + 1);
            return Some(key);
        }
    }
    None
}

fn null_vnode(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let shard = owner(run, &key);
        if let Some(at) = row_of(&mut run.world, shard, &key).filter(|row| row.vnode.is_some()) {
            at.vnode = None;
            return Some(key);
        }
    }
    None
}

fn duplicate(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    for key in keys(run, random) {
        let (shard, number) = (owner(run, &key), vnode(run, &key));
        if !run.moved.contains(&number)
            && let Some(at) = row_of(&mut run.world, shard, &key).cloned()
        {
            run.world.shards[1 - shard].rows.push(at);
            recount(run);
            return Some(key);
        }
    }
    None
}

/// At the shard that does not own a moved vnode any more, where there may be rows.
fn make_up_ghost(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let of_moved = |key: &String| run.moved.contains(&vnode(run, key));
    let key = keys(run, random).into_iter().find(of_moved)?;
    let (shard, number) = (1 - owner(run, &key), vnode(run, &key));
    let write = WriteId { run: 1, number: 1_000_000 };
    run.world.shards[shard].rows.retain(|row| *row.key != *key);
    run.world.shards[shard].rows.push(row("manta", &key, write, Some(number)));
    recount(run);
    Some(key)
}

/// A write of a moved vnode that the shard before its last owner acknowledged, between two of the last owner.
fn misroute(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let mut candidates: Vec<_> = run
        .lines
        .iter_mut()
        .filter_map(|line| match line {
            Line::Outcome(OutcomeLine {
                id,
                outcome: Outcome::Acknowledged { node: Some(node), .. },
                ..
            }) if !run.moved.contains(&node.vnode) => Some((*id, node)),
            _ => None,
        })
        .collect();
    if candidates.is_empty() {
        return None;
    }
    let at = random.usize(..candidates.len());
    let (id, node) = candidates.swap_remove(at);
    node.pnode = PNODES.iter().find(|name| **name != node.pnode).unwrap().to_string();
    run.lines.iter().find_map(|line| match line {
        Line::Intent(intent) if intent.id == id => Some(intent.changes[0].key.clone()),
        _ => None,
    })
}

fn misread(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let certain = run.certain.clone();
    let mut candidates: Vec<_> = run
        .lines
        .iter_mut()
        .filter_map(|line| match line {
            Line::Read(read) if certain.contains(&read.key) => Some(read),
            _ => None,
        })
        .collect();
    if candidates.is_empty() {
        return None;
    }
    let at = random.usize(..candidates.len());
    let read = candidates.swap_remove(at);
    let write = Some(WriteId { run: 1, number: 1_000_000 });
    read.result = ReadResult::Found { write, etag: "00000000".into(), node: None };
    Some(read.key.clone())
}

fn miscount(run: &mut Run, random: &mut fastrand::Rng) -> Option<String> {
    let rings = run.rings.rings().last().unwrap().ring.clone();
    let shard = &mut run.world.shards[0];
    let owned =
        |directory: &str| rings.lookup(directory.as_bytes()).unwrap().pnode.as_str() == PNODES[0];
    let counts = shard.counts.as_mut().unwrap();
    let mut indexes: Vec<_> =
        (0..counts.len()).filter(|index| owned(&counts[*index].directory)).collect();
    random.shuffle(&mut indexes);
    let index = indexes.pop()?;
    let directory = counts[index].directory.to_string();
    match random.u8(0..3) {
        0 => counts[index].entries = counts[index].entries.map(|entries| entries + 1),
        1 => counts[index].entries = None,
        _ => drop(counts.remove(index)),
    }
    Some(directory)
}

//! Checks that `manta_directory_counts` counts what is there.

use std::collections::HashMap;

use super::{Rings, Shard, Violation, ViolationKind};

/// Compares the counts of the directories that a shard owns with its rows. A directory and the objects in it hash alike,
/// and a shard is read at one instant, so they must agree whatever else goes on.
pub(super) fn check(shard: &Shard, rings: &Rings, slack: u64, report: &mut dyn FnMut(Violation)) {
    let Some(counts) = &shard.counts else { return };
    let mut entries: HashMap<String, (i64, Option<Option<i64>>)> = HashMap::new();
    for row in shard.rows.iter().filter(|row| &*row.bucket == "manta") {
        entries.entry(rings.hashed("manta", &row.key)).or_default().0 += 1;
    }
    for count in counts {
        entries.entry(count.directory.to_string()).or_default().1 = Some(count.entries);
    }
    let (from, until) = (shard.read_from.saturating_sub(slack), shard.read_until + slack);
    for (directory, (rows, counted)) in entries {
        if counted == Some(Some(rows)) {
            continue;
        }
        let Ok(Some(vnode)) = rings.vnode(&directory) else { continue };
        // While the vnode is on its way, its objects and counts may be at different stages.
        let owners = rings.owners(vnode, from, until);
        if !matches!(owners.as_slice(), [owner] if owner.as_str() == shard.pnode) {
            continue;
        }
        let counted = match counted {
            None => "there is no count".to_owned(),
            Some(None) => "the count is NULL".to_owned(),
            Some(Some(count)) => format!("the count is {count}"),
        };
        report(Violation {
            kind: ViolationKind::DirectoryCount,
            bucket: "manta_directory_counts".to_owned(),
            key: directory,
            vnode,
            pnode: Some(shard.pnode.clone()),
            text: format!("{counted}, but {rows} objects are in the directory"),
        });
    }
}

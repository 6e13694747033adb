//! Rebuilding what a damaged ring lacks from what it has.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use super::audit::{compare, lost_writes};
use super::census::{Census, StoredList};
use super::error::StoreError;
use super::finding::Finding;
use super::header::{Header, Marks};
use super::layout;
use super::load::NO_OWNER;
use crate::leveldb::{Batch, LostTail, View, open_for_writing};
use crate::{Pnode, Vnode, VnodeData};

/// The mode of [`repair_ring`]: whether it changes the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairMode {
    /// Tell what would be done.
    DryRun,
    /// Do it.
    Apply,
}

/// The result of [`repair_ring`]: what it found and did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Repair {
    /// The problems of the ring.
    pub findings: Vec<Finding>,
    /// The steps against them.
    pub actions: Vec<RepairAction>,
}

/// A step of a repair.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairAction {
    /// The owners of vnodes without one were taken from the pnodes' lists.
    OwnersFromLists {
        /// The number of vnodes.
        vnodes: u32,
    },
    /// The list of pnodes was rewritten.
    Pnodes,
    /// The list of a pnode's vnodes was rebuilt from the vnodes' owners.
    List {
        /// The pnode.
        pnode: Pnode,
        /// The number of vnodes that it lists now.
        vnodes: u32,
    },
    /// Data was put at the owners of vnodes that had none there.
    Data {
        /// The number of vnodes.
        vnodes: u32,
    },
    /// Data of vnodes at pnodes that do not own them was removed.
    StrayData {
        /// The number of keys.
        keys: u32,
    },
    /// `VNODE_DATA` was rewritten.
    VnodeData,
    /// A mark that every ring has was put back.
    Mark {
        /// Its key.
        key: String,
    },
    /// The part of the last write that was never finished was dropped.
    LostWrites,
}

impl fmt::Display for RepairAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnersFromLists { vnodes } => {
                write!(f, "take the owners of {vnodes} vnodes from the pnodes' lists")
            }
            Self::Pnodes => f.write_str("rewrite the list of pnodes"),
            Self::List { pnode, vnodes } => write!(
                f,
                "rebuild the list of the {vnodes} vnodes of {pnode} from the vnodes' owners"
            ),
            Self::Data { vnodes } => write!(f, "put data at the owners of {vnodes} vnodes"),
            Self::StrayData { keys } => {
                write!(f, "remove {keys} keys with data at pnodes that do not own the vnode")
            }
            Self::VnodeData => f.write_str("rewrite VNODE_DATA"),
            Self::Mark { key } => write!(f, "put back the key {key}"),
            Self::LostWrites => f.write_str("drop what was left of a write that never finished"),
        }
    }
}

/// Rebuilds what can be rebuilt of the ring in the directory `path`, as one atomic write.
///
/// The owner of every vnode is what counts, since that is what electric-moray goes by; lists and `VNODE_DATA` follow
/// from it. Entries that are right keep their order. A ring that is whole is not changed.
///
/// # Errors
///
/// [`StoreError::Unrepairable`] if the vnode count, the algorithm or the owner of some vnode is nowhere to be found;
/// otherwise [`StoreError`] if the ring is in use, or cannot be read or written.
pub fn repair_ring(path: impl AsRef<Path>, mode: RepairMode) -> Result<Repair, StoreError> {
    let path = path.as_ref();
    match mode {
        RepairMode::DryRun => {
            let view = View::open(path, LostTail::Tolerate)?;
            plan(&view, path).map(|(repair, _)| repair)
        }
        RepairMode::Apply => {
            let (lock, mut view) = open_for_writing(path, LostTail::Tolerate)?;
            let (repair, batch) = plan(&view, path)?;
            if !repair.actions.is_empty() {
                view.write(&lock, batch)?;
            }
            Ok(repair)
        }
    }
}

fn plan(view: &View, path: &Path) -> Result<(Repair, Batch), StoreError> {
    let unrepairable =
        |problem: String| StoreError::Unrepairable { path: path.to_owned(), problem };
    let header = Header::read(view, path, Marks::Optional).map_err(|error| {
        if let StoreError::MissingKey { key, .. } = error {
            unrepairable(format!("it has no key {key}"))
        } else {
            error
        }
    })?;
    let mut census = Census::take(view, header.vnode_count, &mut || ())?;
    let mut findings = compare(&census);
    findings.extend(view.losses().iter().map(lost_writes));
    findings.sort_by_key(Finding::severity);

    let mut planner = Planner { batch: Batch::new(), actions: Vec::new() };
    planner.owners(&mut census).map_err(unrepairable)?;
    planner.pnodes(&census);
    planner.lists(&census);
    let data = planner.data(view, &census)?;
    planner.vnode_data(&census, &data);
    planner.marks(&census);
    if !view.losses().is_empty() {
        planner.actions.push(RepairAction::LostWrites);
    }
    Ok((Repair { findings, actions: planner.actions }, planner.batch))
}

struct Planner {
    batch: Batch,
    actions: Vec<RepairAction>,
}

impl Planner {
    fn put(&mut self, key: &str, json: &str) {
        self.batch.put(key.as_bytes(), json.as_bytes());
    }

    /// Completes the owners from the lists: of vnodes that exactly one list has.
    fn owners(&mut self, census: &mut Census) -> Result<(), String> {
        if !census.owners.contains(&NO_OWNER) {
            return Ok(());
        }
        let mut listed: HashMap<Vnode, Option<u32>> = HashMap::new();
        for (index, list) in (0..).zip(&census.lists) {
            let StoredList::Read(list) = list else { continue };
            for &vnode in &list.vnodes {
                let only = listed.entry(vnode).or_insert(Some(index));
                if *only != Some(index) {
                    *only = None;
                }
            }
        }
        let mut vnodes = 0;
        for (number, owner) in (0..).zip(&mut census.owners) {
            if *owner != NO_OWNER {
                continue;
            }
            let vnode = Vnode::new(number);
            let found = listed.get(&vnode).copied().flatten();
            *owner = found.ok_or_else(|| format!("nothing tells who owns vnode {vnode}"))?;
            let pnode = census.pnodes.get(*owner as usize);
            let json = pnode.map(|pnode| layout::json_text(pnode.as_str())).unwrap_or_default();
            self.put(&layout::owner_key(vnode), &json);
            vnodes += 1;
        }
        self.actions.push(RepairAction::OwnersFromLists { vnodes });
        Ok(())
    }

    fn pnodes(&mut self, census: &Census) {
        let whole = census.pnodes_problem.is_none() && census.named_twice.is_empty();
        if !whole || census.named < census.pnodes.len() {
            self.put(layout::PNODES, &layout::json_pnodes(&census.pnodes));
            self.actions.push(RepairAction::Pnodes);
        }
    }

    fn lists(&mut self, census: &Census) {
        let owned = census.vnodes_by_pnode();
        for ((pnode, owned), stored) in census.pnodes.iter().zip(&owned).zip(&census.lists) {
            let stored = match stored {
                StoredList::Read(list) => Some(list),
                StoredList::Missing | StoredList::Unreadable(_) => None,
            };
            // What is right keeps its place; what is missing follows, ascending.
            let mut left: HashSet<Vnode> = owned.iter().copied().collect();
            let mut list: Vec<Vnode> = Vec::with_capacity(owned.len());
            list.extend(stored.iter().flat_map(|s| &s.vnodes).filter(|&vnode| left.remove(vnode)));
            list.extend(owned.iter().filter(|&vnode| left.contains(vnode)));
            if !stored.is_some_and(|stored| !stored.has_text && stored.vnodes == list) {
                let vnodes = u32::try_from(list.len()).unwrap_or(u32::MAX);
                self.put(&layout::list_key(pnode), &layout::json_vnodes(list));
                self.actions.push(RepairAction::List { pnode: pnode.clone(), vnodes });
            }
        }
    }

    /// Puts data where it is missing, and removes it where it does not belong. Returns which vnodes have data then.
    fn data(&mut self, view: &View, census: &Census) -> Result<Vec<bool>, StoreError> {
        let mut has_data = census.has_data.clone();
        let mut put = 0;
        let mut strays: Vec<(u32, Vnode)> = census.more_data.clone();
        for (number, (&owner, &at)) in (0..).zip(census.owners.iter().zip(&census.data_at)) {
            let vnode = Vnode::new(number);
            let Some(pnode) = census.pnodes.get(owner as usize) else { continue };
            if at == owner {
                continue;
            }
            // The data of a vnode that moved only by half moves along.
            let json = match census.pnodes.get(at as usize) {
                Some(at) => view.get(layout::data_key(at, vnode).as_bytes())?,
                None => None,
            };
            let json = json.unwrap_or_else(|| VnodeData::NONE.to_string().into_bytes());
            self.batch.put(layout::data_key(pnode, vnode).as_bytes(), &json);
            if let Some(has_data) = has_data.get_mut(vnode.index()) {
                *has_data = layout::parse_data(&json).is_ok_and(|data| !data.is_none());
            }
            put += 1;
            if at != NO_OWNER {
                strays.push((at, vnode));
            }
        }
        if put > 0 {
            self.actions.push(RepairAction::Data { vnodes: put });
        }
        let keys = u32::try_from(strays.len()).unwrap_or(u32::MAX);
        for (at, vnode) in strays {
            if let Some(pnode) = census.pnodes.get(at as usize) {
                self.batch.delete(layout::data_key(pnode, vnode).as_bytes());
            }
        }
        if keys > 0 {
            self.actions.push(RepairAction::StrayData { keys });
        }
        Ok(has_data)
    }

    fn vnode_data(&mut self, census: &Census, has_data: &[bool]) {
        let stored = census.vnode_data.as_ref().and_then(|list| list.as_ref().ok());
        let mut left: HashSet<Vnode> = (0..)
            .map(Vnode::new)
            .zip(has_data)
            .filter(|(_, has_data)| **has_data)
            .map(|(vnode, _)| vnode)
            .collect();
        let mut list: Vec<Vnode> = Vec::with_capacity(left.len());
        list.extend(stored.iter().flat_map(|s| &s.vnodes).filter(|&vnode| left.remove(vnode)));
        let mut rest: Vec<Vnode> = left.into_iter().collect();
        rest.sort_unstable();
        list.extend(rest);
        if !stored.is_some_and(|stored| !stored.has_text && stored.vnodes == list) {
            self.put(layout::VNODE_DATA, &layout::json_vnodes(list));
            self.actions.push(RepairAction::VnodeData);
        }
    }

    fn marks(&mut self, census: &Census) {
        for (key, there, json) in [
            (layout::VERSION, census.has_version, layout::json_text(crate::RING_VERSION)),
            (layout::COMPLETE, census.has_complete, "1".to_owned()),
        ] {
            if !there {
                self.put(key, &json);
                self.actions.push(RepairAction::Mark { key: key.to_owned() });
            }
        }
    }
}

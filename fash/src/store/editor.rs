//! Changing a ring where it lies: [`RingEditor`].

use std::collections::HashSet;
use std::path::Path;

use super::error::StoreError;
use super::layout;
use super::load::Lists;
use super::reader::{OwnedNode, RingReader};
use crate::leveldb::{Batch, DirectoryLock, LostTail, open_for_writing};
use crate::pnode_names::check_collisions;
use crate::{EditError, Move, Pnode, Vnode, VnodeData};

/// A ring in a LevelDB directory, open for changes.
///
/// It holds LevelDB's lock while it lives: no other process, be it ours or node-fash, can open the ring. Each change
/// is one atomic write that is on disk when the call returns; a change that fails has changed nothing.
#[derive(Debug)]
pub struct RingEditor {
    reader: RingReader,
    lock: DirectoryLock,
}

impl RingEditor {
    /// Opens the ring in the directory `path` for changes, unless a process holds it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for [`RingReader::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let (lock, view) = open_for_writing(path, LostTail::Refuse)?;
        let reader = RingReader::from_view(path, view)?;
        Ok(Self { reader, lock })
    }

    /// The ring as it is now.
    pub fn reader(&self) -> &RingReader {
        &self.reader
    }

    /// Gives data to vnodes, in place of what they had; [`VnodeData::NONE`] takes it away.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is no vnode or one that the ring does not have, a vnode is given twice, or the ring
    /// cannot be read or written.
    pub fn set_data(&mut self, vnodes: &[Vnode], data: &VnodeData) -> Result<(), StoreError> {
        let nodes = self.nodes(vnodes)?;
        let mut batch = Batch::new();
        let json = data.to_string();
        for node in nodes.iter().filter(|node| node.data != *data) {
            let key = layout::data_key(&node.pnode, node.vnode);
            batch.put(key.as_bytes(), json.as_bytes());
        }

        let mut listed = self.reader.vnodes_with_data()?;
        if data.is_none() {
            let removed: HashSet<Vnode> = vnodes.iter().copied().collect();
            listed.retain(|vnode| !removed.contains(vnode));
        } else {
            let known: HashSet<Vnode> = listed.iter().copied().collect();
            listed.extend(vnodes.iter().copied().filter(|vnode| !known.contains(vnode)));
        }
        self.put_if_changed(&mut batch, layout::VNODE_DATA, &layout::json_vnodes(listed))?;
        self.write(batch)
    }

    /// Moves vnodes, with their data, to other pnodes. Pnodes that are not in the ring are added at its end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if a move has no vnodes, or a vnode is unknown, given twice or already where it is to go, or a
    /// new pnode's name collides with another's, or the ring is damaged, or cannot be read or written.
    pub fn remap(&mut self, moves: &[Move]) -> Result<(), StoreError> {
        if moves.iter().any(|step| step.vnodes.is_empty()) {
            return Err(self.refuse(EditError::NoVnodes));
        }
        let mut lists = self.sound_lists()?;
        let vnodes: Vec<Vnode> = moves.iter().flat_map(|step| &step.vnodes).copied().collect();
        let nodes = self.nodes(&vnodes)?;
        let targets = self.add_targets(&mut lists, moves)?;
        // For every vnode the pnode that it goes to: a table of a few megabytes, and much faster than a map.
        let mut destination = vec![None; lists.owners.len()];
        for (step, &target) in moves.iter().zip(&targets) {
            for vnode in &step.vnodes {
                if let Some(destination) = destination.get_mut(vnode.index()) {
                    *destination = Some(target);
                }
            }
        }
        let destination = |vnode: Vnode| destination.get(vnode.index()).copied().flatten();

        let names: Vec<String> =
            lists.pnodes.iter().map(|pnode| layout::json_text(pnode.as_str())).collect();
        let mut changed: HashSet<usize> = targets.iter().copied().collect();
        let mut batch = Batch::new();
        // One kind of key after the other, each ascending: that is cheap to sort.
        for OwnedNode { pnode, vnode, .. } in &nodes {
            let from = lists.owner(*vnode).filter(|&from| lists.pnodes.get(from) == Some(pnode));
            let Some(from) = from else {
                let problem = format!("vnode {vnode} belongs to {pnode}, which does not list it");
                return Err(self.damaged(problem));
            };
            if destination(*vnode) == Some(from) {
                let (vnode, pnode) = (*vnode, pnode.clone());
                return Err(self.refuse(EditError::AlreadyThere { vnode, pnode }));
            }
            changed.insert(from);
            batch.delete(layout::data_key(pnode, *vnode).as_bytes());
        }
        for node in &nodes {
            if let Some(to) = destination(node.vnode).and_then(|target| lists.pnodes.get(target)) {
                let key = layout::data_key(to, node.vnode);
                batch.put(key.as_bytes(), node.data.to_string().as_bytes());
            }
        }
        for node in &nodes {
            if let Some(name) = destination(node.vnode).and_then(|target| names.get(target)) {
                batch.put(layout::owner_key(node.vnode).as_bytes(), name.as_bytes());
            }
        }

        for list in &mut lists.vnodes {
            list.retain(|&vnode| destination(vnode).is_none());
        }
        for (step, &target) in moves.iter().zip(&targets) {
            if let Some(list) = lists.vnodes.get_mut(target) {
                list.extend(&step.vnodes);
            }
        }
        for (index, (pnode, list)) in lists.pnodes.iter().zip(lists.vnodes).enumerate() {
            if changed.contains(&index) {
                let json = layout::json_vnodes(list);
                batch.put(layout::list_key(pnode).as_bytes(), json.as_bytes());
            }
        }
        let pnodes = layout::json_pnodes(&lists.pnodes);
        self.put_if_changed(&mut batch, layout::PNODES, &pnodes)?;
        self.write(batch)
    }

    /// Removes a pnode that owns no vnodes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the ring has no such pnode or the pnode owns vnodes, or the ring is damaged, or cannot be
    /// read or written.
    pub fn remove_pnode(&mut self, pnode: &Pnode) -> Result<(), StoreError> {
        let Lists { mut pnodes, vnodes, .. } = self.sound_lists()?;
        let Some(index) = pnodes.iter().position(|known| known == pnode) else {
            return Err(self.refuse(EditError::UnknownPnode { pnode: pnode.clone() }));
        };
        let vnodes = vnodes.get(index).map_or(0, Vec::len);
        if vnodes > 0 {
            let vnodes = u32::try_from(vnodes).unwrap_or(u32::MAX);
            return Err(self.refuse(EditError::PnodeNotEmpty { pnode: pnode.clone(), vnodes }));
        }
        pnodes.remove(index);
        let mut batch = Batch::new();
        batch.delete(layout::list_key(pnode).as_bytes());
        batch.put(layout::PNODES.as_bytes(), layout::json_pnodes(&pnodes).as_bytes());
        self.write(batch)
    }

    /// Reads the given vnodes, each once, in ascending order of their keys.
    fn nodes(&self, vnodes: &[Vnode]) -> Result<Vec<OwnedNode>, StoreError> {
        if vnodes.is_empty() {
            return Err(self.refuse(EditError::NoVnodes));
        }
        let vnode_count = self.reader.vnode_count();
        let mut sorted = vnodes.to_vec();
        sorted.sort_by_key(|&vnode| layout::key_order(vnode));
        let unknown = vnodes.iter().find(|vnode| vnode.number() >= vnode_count);
        if let Some(&vnode) = unknown {
            return Err(self.refuse(EditError::UnknownVnode { vnode, vnode_count }));
        }
        if let Some((&vnode, _)) = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a == b) {
            return Err(self.refuse(EditError::DuplicateVnode { vnode }));
        }
        let mut nodes = self.reader.nodes();
        sorted.into_iter().map(|vnode| nodes.read(vnode)).collect()
    }

    /// The lists of the pnodes, on which an edit can build.
    fn sound_lists(&self) -> Result<Lists, StoreError> {
        self.reader.lists()?.map_err(|problem| self.damaged(problem))
    }

    /// The index of the pnode that each move goes to; new ones are added.
    fn add_targets(&self, lists: &mut Lists, moves: &[Move]) -> Result<Vec<usize>, StoreError> {
        let mut targets = Vec::with_capacity(moves.len());
        for step in moves {
            let known = lists.pnodes.iter().position(|pnode| *pnode == step.to);
            targets.push(known.unwrap_or(lists.pnodes.len()));
            if known.is_none() {
                lists.pnodes.push(step.to.clone());
                lists.vnodes.push(Vec::new());
            }
        }
        check_collisions(&lists.pnodes).map_err(|error| self.refuse(error.into()))?;
        Ok(targets)
    }

    fn put_if_changed(&self, batch: &mut Batch, key: &str, json: &str) -> Result<(), StoreError> {
        if self.reader.view().get(key.as_bytes())?.as_deref() != Some(json.as_bytes()) {
            batch.put(key.as_bytes(), json.as_bytes());
        }
        Ok(())
    }

    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() { Ok(()) } else { self.reader.write(&self.lock, batch) }
    }

    fn refuse(&self, source: EditError) -> StoreError {
        StoreError::Edit { path: self.reader.path().to_owned(), source }
    }

    fn damaged(&self, problem: String) -> StoreError {
        StoreError::Damaged { path: self.reader.path().to_owned(), problem }
    }
}

//! Loading a whole ring into memory.
//!
//! The fast way reads the lists of the pnodes: a few values instead of a key for every vnode. It is taken only if
//! the lists name every vnode exactly once. Otherwise the owner of every vnode is read, which is what
//! electric-moray goes by.

use std::collections::HashMap;

use super::error::StoreError;
use super::header::bad_value;
use super::layout::{self, VnodeList};
use super::notice::Notice;
use super::reader::RingReader;
use crate::leveldb::Getter;
use crate::pnode_names::check_collisions;
use crate::{Pnode, Ring, Vnode, VnodeData};

/// In a table of owners: none yet.
pub(super) const NO_OWNER: u32 = u32::MAX;

/// The lists of the pnodes, which name every vnode exactly once.
pub(super) struct Lists {
    /// The pnodes, in the ring's order.
    pub(super) pnodes: Vec<Pnode>,
    /// The list of each pnode, in the order in which it is stored.
    pub(super) vnodes: Vec<Vec<Vnode>>,
    /// For every vnode the index of its owner.
    pub(super) owners: Vec<u32>,
}

impl Lists {
    /// The index of a vnode's owner.
    pub(super) fn owner(&self, vnode: Vnode) -> Option<usize> {
        self.owners.get(vnode.index()).and_then(|&index| usize::try_from(index).ok())
    }
}

impl RingReader {
    /// Loads the ring into memory.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the ring cannot be read, or some vnode has no owner. A damaged ring whose vnodes all have
    /// owners is loaded, and [`Self::notices`] says what is wrong with it.
    pub fn load(&self) -> Result<Ring, StoreError> {
        let (pnodes, owners) = match self.lists()? {
            Ok(Lists { pnodes, owners, .. }) => (pnodes, owners),
            Err(problem) => {
                self.notice(Notice::ListsDisagree(problem));
                self.owners_of_every_vnode()?
            }
        };
        let data = match self.listed_vnodes_with_data()? {
            Some(list) => self.data_of(list.vnodes, &pnodes, &owners)?,
            None => {
                self.notice(Notice::NoVnodeData);
                self.data_of_every_vnode(&pnodes, &owners)?
            }
        };
        check_collisions(&pnodes).map_err(|error| StoreError::Damaged {
            path: self.path().to_owned(),
            problem: error.to_string(),
        })?;
        let header = self.header();
        Ok(Ring::from_parts(header.interval.clone(), pnodes, owners, data))
    }

    /// Reads the lists of the pnodes; the inner error says why they cannot be used.
    pub(super) fn lists(&self) -> Result<Result<Lists, String>, StoreError> {
        let pnodes = match self.pnodes() {
            Ok(pnodes) => pnodes,
            Err(StoreError::MissingKey { key, .. }) => {
                return Ok(Err(format!("it has no key {key}")));
            }
            Err(StoreError::BadValue { key, source, .. }) => {
                return Ok(Err(format!("the value of {key} is bad: {source}")));
            }
            Err(error) => return Err(error),
        };
        let mut owners = vec![NO_OWNER; self.vnode_count() as usize];
        let mut vnodes = Vec::with_capacity(pnodes.len());
        for (index, pnode) in (0..).zip(&pnodes) {
            let Some(json) = self.view().get(layout::list_key(pnode).as_bytes())? else {
                return Ok(Err(format!("the list of the vnodes of {pnode} is missing")));
            };
            let list = match VnodeList::parse(&json) {
                Ok(list) => list.vnodes,
                Err(error) => {
                    let problem =
                        format!("the list of the vnodes of {pnode} is unreadable: {error}");
                    return Ok(Err(problem));
                }
            };
            for &vnode in &list {
                match owners.get_mut(vnode.index()) {
                    Some(owner) if *owner == NO_OWNER => *owner = index,
                    Some(_) => return Ok(Err(format!("vnode {vnode} is in the lists twice"))),
                    None => {
                        return Ok(Err(format!(
                            "{pnode} lists vnode {vnode}, which does not exist"
                        )));
                    }
                }
            }
            vnodes.push(list);
        }
        if let Some(vnode) = owners.iter().position(|&owner| owner == NO_OWNER) {
            return Ok(Err(format!("no pnode lists vnode {vnode}")));
        }
        // The one vnode whose owner every opening reads anyway.
        let last = Vnode::new(self.vnode_count() - 1);
        let owner =
            self.parse_owner(&self.required(&layout::owner_key(last))?, &layout::owner_key(last))?;
        let listed = owners.last().and_then(|&index| pnodes.get(index as usize));
        if listed != Some(&owner) {
            return Ok(Err(format!("vnode {last} belongs to {owner}, which does not list it")));
        }
        Ok(Ok(Lists { pnodes, vnodes, owners }))
    }

    /// Reads the owner of every vnode. Pnodes that own none are kept as far as the ring names them.
    fn owners_of_every_vnode(&self) -> Result<(Vec<Pnode>, Vec<u32>), StoreError> {
        let mut pnodes = match self.pnodes() {
            Ok(pnodes) => pnodes,
            Err(StoreError::MissingKey { .. } | StoreError::BadValue { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut seen = std::collections::HashSet::new();
        pnodes.retain(|pnode| seen.insert(pnode.clone()));
        let mut indexes: HashMap<Vec<u8>, u32> = (0..)
            .zip(&pnodes)
            .map(|(index, pnode)| (layout::json_text(pnode.as_str()).into_bytes(), index))
            .collect();
        let mut owners = vec![NO_OWNER; self.vnode_count() as usize];
        self.for_each_owner(|vnode, json| {
            let index = match indexes.get(json) {
                Some(&index) => index,
                None => {
                    let pnode = self.parse_owner(json, &layout::owner_key(vnode))?;
                    let index = match pnodes.iter().position(|known| *known == pnode) {
                        Some(index) => index,
                        None => {
                            pnodes.push(pnode);
                            pnodes.len() - 1
                        }
                    };
                    let index = u32::try_from(index).unwrap_or(NO_OWNER);
                    indexes.insert(json.to_vec(), index);
                    index
                }
            };
            if let Some(owner) = owners.get_mut(vnode.index()) {
                *owner = index;
            }
            Ok(())
        })?;
        match (0..).zip(&owners).find(|(_, owner)| **owner == NO_OWNER) {
            Some((vnode, _)) => Err(self.missing(&layout::owner_key(Vnode::new(vnode)))),
            None => Ok((pnodes, owners)),
        }
    }

    fn data_of(
        &self,
        mut vnodes: Vec<Vnode>,
        pnodes: &[Pnode],
        owners: &[u32],
    ) -> Result<Vec<(Vnode, VnodeData)>, StoreError> {
        // In the order of the keys, so that one block serves many.
        vnodes.sort_by_key(|&vnode| layout::key_order(vnode));
        vnodes.dedup();
        let mut getter = Getter::new(self.view());
        let mut data = Vec::with_capacity(vnodes.len());
        for vnode in vnodes {
            let owner = owners.get(vnode.index()).and_then(|&index| pnodes.get(index as usize));
            let Some(pnode) = owner else { continue };
            let key = layout::data_key(pnode, vnode);
            let json = getter.get(key.as_bytes())?.ok_or_else(|| self.missing(&key))?;
            data.push((vnode, self.parse_data(&json, &key)?));
        }
        Ok(data)
    }

    fn data_of_every_vnode(
        &self,
        pnodes: &[Pnode],
        owners: &[u32],
    ) -> Result<Vec<(Vnode, VnodeData)>, StoreError> {
        let mut data = Vec::new();
        let mut getter = Getter::new(self.view());
        let mut by_key: Vec<_> =
            (0..).zip(owners).map(|(v, &owner)| (Vnode::new(v), owner)).collect();
        by_key.sort_by_key(|&(vnode, owner)| (owner, layout::key_order(vnode)));
        for (vnode, owner) in by_key {
            let Some(pnode) = pnodes.get(owner as usize) else { continue };
            let key = layout::data_key(pnode, vnode);
            let json = getter.get(key.as_bytes())?.ok_or_else(|| self.missing(&key))?;
            let value = self.parse_data(&json, &key)?;
            if !value.is_none() {
                data.push((vnode, value));
            }
        }
        Ok(data)
    }

    fn parse_data(&self, json: &[u8], key: &str) -> Result<VnodeData, StoreError> {
        layout::parse_data(json).map_err(|error| bad_value(self.path(), key, error))
    }
}

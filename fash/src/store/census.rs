//! Everything that the keys of a ring say, collected in one walk: what an audit compares and a repair builds on.

use std::collections::HashMap;

use super::error::StoreError;
use super::layout::{self, VnodeList};
use super::load::NO_OWNER;
use crate::leveldb::{DatabaseError, View};
use crate::{Pnode, Vnode};

/// The number of keys of a kind that are remembered as examples.
const EXAMPLES: usize = 10;

/// Keys of a kind: how many, and some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Keys {
    /// The number of them.
    pub count: u64,
    /// The first of them, at most ten.
    pub examples: Vec<String>,
}

impl Keys {
    fn add(&mut self, key: &[u8]) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(String::from_utf8_lossy(key).into_owned());
        }
    }
}

/// The value at the key of a list.
pub(super) enum StoredList {
    Missing,
    Unreadable(String),
    Read(VnodeList),
}

/// The contents of every key. Pnodes are given by their index in `pnodes`.
pub(super) struct Census {
    pub(super) keys: u64,
    /// The pnodes of the key `/PNODE` in its order, each once; then those that only other keys name.
    pub(super) pnodes: Vec<Pnode>,
    /// The number of `pnodes` that the key `/PNODE` names.
    pub(super) named: usize,
    /// Pnodes that the key `/PNODE` names more than once.
    pub(super) named_twice: Vec<Pnode>,
    /// The reason for which the key `/PNODE` cannot be used.
    pub(super) pnodes_problem: Option<String>,
    /// For each of `pnodes`.
    pub(super) lists: Vec<StoredList>,
    /// For each vnode the pnode of its owner's key.
    pub(super) owners: Vec<u32>,
    /// For each vnode a pnode under which its data is: its owner, if there is data there.
    pub(super) data_at: Vec<u32>,
    /// For each vnode whether the data at `data_at` is any.
    pub(super) has_data: Vec<bool>,
    /// Data keys of vnodes that have another one already.
    pub(super) more_data: Vec<(u32, Vnode)>,
    pub(super) bad_owners: Keys,
    pub(super) bad_data: Keys,
    pub(super) unknown: Keys,
    /// `VNODE_DATA`; the inner error says why it cannot be used.
    pub(super) vnode_data: Option<Result<VnodeList, String>>,
    pub(super) has_complete: bool,
    pub(super) has_version: bool,
    indexes: HashMap<Vec<u8>, u32>,
}

impl Census {
    /// Walks every key of a ring of `vnode_count` vnodes, and calls `each_key` once for each.
    pub(super) fn take(
        view: &View,
        vnode_count: u32,
        each_key: &mut dyn FnMut(),
    ) -> Result<Self, StoreError> {
        let count = vnode_count as usize;
        let mut census = Self {
            keys: 0,
            pnodes: Vec::new(),
            named: 0,
            named_twice: Vec::new(),
            pnodes_problem: None,
            lists: Vec::new(),
            owners: vec![NO_OWNER; count],
            data_at: vec![NO_OWNER; count],
            has_data: vec![false; count],
            more_data: Vec::new(),
            bad_owners: Keys::default(),
            bad_data: Keys::default(),
            unknown: Keys::default(),
            vnode_data: None,
            has_complete: false,
            has_version: false,
            indexes: HashMap::new(),
        };
        census.read_pnodes(view.get(layout::PNODES.as_bytes())?);
        // Owners first: they tell which of a vnode's data is the one that counts, and name the pnodes that
        // `/PNODE` may lack.
        view.for_each_with_prefix(layout::VNODE_PREFIX.as_bytes(), |key, json| {
            census.take_owner(key, json);
            Ok::<_, DatabaseError>(())
        })?;
        let mut last = (Vec::new(), None);
        view.for_each_with_prefix(b"", |key, value| {
            census.keys += 1;
            each_key();
            census.take_key(key, value, &mut last);
            Ok::<_, DatabaseError>(())
        })?;
        Ok(census)
    }

    /// For each of `pnodes` the vnodes that it owns, ascending.
    pub(super) fn vnodes_by_pnode(&self) -> Vec<Vec<Vnode>> {
        let mut owned = vec![Vec::new(); self.pnodes.len()];
        for (vnode, &owner) in (0..).map(Vnode::new).zip(&self.owners) {
            if let Some(owned) = owned.get_mut(owner as usize) {
                owned.push(vnode);
            }
        }
        owned
    }

    fn read_pnodes(&mut self, json: Option<Vec<u8>>) {
        let names: Vec<String> = match json.map(|json| serde_json::from_slice(&json)) {
            Some(Ok(names)) => names,
            Some(Err(error)) => {
                self.pnodes_problem = Some(error.to_string());
                return;
            }
            None => {
                self.pnodes_problem = Some("the key is missing".to_owned());
                return;
            }
        };
        for name in names {
            match name.parse::<Pnode>() {
                Ok(pnode) if self.index_of(name.as_bytes()).is_some() => {
                    self.named_twice.push(pnode);
                }
                Ok(pnode) => {
                    self.add(pnode);
                }
                Err(error) => self.pnodes_problem = Some(error.to_string()),
            }
        }
        self.named = self.pnodes.len();
    }

    fn index_of(&self, name: &[u8]) -> Option<u32> {
        self.indexes.get(name).copied()
    }

    fn add(&mut self, pnode: Pnode) -> u32 {
        let index = u32::try_from(self.pnodes.len()).unwrap_or(NO_OWNER);
        self.indexes.insert(pnode.as_str().as_bytes().to_vec(), index);
        self.pnodes.push(pnode);
        self.lists.push(StoredList::Missing);
        index
    }

    fn take_owner(&mut self, key: &[u8], json: &[u8]) {
        let digits = key.strip_prefix(layout::VNODE_PREFIX.as_bytes()).unwrap_or_default();
        let slot = layout::vnode_of_digits(digits)
            .and_then(|vnode| self.owners.get(vnode.index()).map(|_| vnode));
        let Some(vnode) = slot else { return self.unknown.add(key) };
        let name: Result<String, _> = serde_json::from_slice(json);
        let index = match name {
            Ok(name) => match (self.index_of(name.as_bytes()), name.parse::<Pnode>()) {
                (Some(index), _) => index,
                (None, Ok(pnode)) => self.add(pnode),
                (None, Err(_)) => return self.bad_owners.add(key),
            },
            Err(_) => return self.bad_owners.add(key),
        };
        if let Some(owner) = self.owners.get_mut(vnode.index()) {
            *owner = index;
        }
    }

    fn take_key(&mut self, key: &[u8], value: &[u8], last: &mut (Vec<u8>, Option<u32>)) {
        if key.starts_with(layout::VNODE_PREFIX.as_bytes()) {
            return;
        }
        if let Some(rest) = key.strip_prefix(layout::PNODE_PREFIX.as_bytes()) {
            return self.take_pnode_key(key, rest, value, last);
        }
        match std::str::from_utf8(key) {
            Ok(layout::COMPLETE) => self.has_complete = true,
            Ok(layout::VERSION) => self.has_version = true,
            Ok(layout::VNODE_DATA) => {
                self.vnode_data = Some(VnodeList::parse(value).map_err(|error| error.to_string()));
            }
            Ok(layout::PNODES | layout::ALGORITHM | layout::VNODE_COUNT) => {}
            _ => self.unknown.add(key),
        }
    }

    /// Takes in a list or a vnode's data. A name may hold slashes, so known names are tried first.
    fn take_pnode_key(
        &mut self,
        key: &[u8],
        rest: &[u8],
        value: &[u8],
        last: &mut (Vec<u8>, Option<u32>),
    ) {
        let data = layout::split_data_key(rest)
            .filter(|(_, vnode)| self.owners.get(vnode.index()).is_some())
            .and_then(|(name, vnode)| {
                // The keys of one pnode follow each other.
                if last.0 != name {
                    *last = (name.to_vec(), self.index_of(name));
                }
                Some((last.1?, vnode))
            });
        if let Some((pnode, vnode)) = data {
            self.take_data(key, pnode, vnode, value);
        } else if let Some(index) = self.index_of(rest) {
            if let Some(list) = self.lists.get_mut(index as usize) {
                *list = match VnodeList::parse(value) {
                    Ok(list) => StoredList::Read(list),
                    Err(error) => StoredList::Unreadable(error.to_string()),
                };
            }
        } else {
            self.unknown.add(key);
        }
    }

    fn take_data(&mut self, key: &[u8], pnode: u32, vnode: Vnode, value: &[u8]) {
        let Ok(data) = layout::parse_data(value) else { return self.bad_data.add(key) };
        let (Some(at), Some(has_data), Some(owner)) = (
            self.data_at.get_mut(vnode.index()),
            self.has_data.get_mut(vnode.index()),
            self.owners.get(vnode.index()),
        ) else {
            return;
        };
        if *at == NO_OWNER || pnode == *owner {
            if *at != NO_OWNER {
                self.more_data.push((*at, vnode));
            }
            *at = pnode;
            *has_data = !data.is_none();
        } else {
            self.more_data.push((pnode, vnode));
        }
    }
}

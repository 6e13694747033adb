//! The data of a ring's vnodes, each distinct value kept once.

use std::collections::HashMap;

use crate::data::VnodeData;
use crate::id::Vnode;

use super::count;

/// The data of a vnode without data.
static NO_DATA: VnodeData = VnodeData::NONE;

/// The data of every vnode: four bytes a vnode, and none at all as long as no vnode has data.
#[derive(Clone, Default)]
pub(super) struct DataTable {
    /// For each vnode the number of its value, which is 0 if it has no data; or empty if no vnode has.
    numbers: Vec<u32>,
    /// The distinct values, numbered from 1.
    values: Vec<VnodeData>,
    by_value: HashMap<VnodeData, u32>,
}

impl DataTable {
    pub(super) fn get(&self, vnode: Vnode) -> &VnodeData {
        let number = self.numbers.get(vnode.index()).copied().unwrap_or(0) as usize;
        number.checked_sub(1).and_then(|index| self.values.get(index)).unwrap_or(&NO_DATA)
    }

    /// Gives data to vnodes, all of them below `vnode_count`.
    pub(super) fn set(&mut self, vnodes: &[Vnode], data: VnodeData, vnode_count: usize) {
        let number = self.number(data);
        self.numbers.resize(vnode_count, 0);
        for vnode in vnodes {
            if let Some(slot) = self.numbers.get_mut(vnode.index()) {
                *slot = number;
            }
        }
        if number == 0 && self.vnodes_with_data().next().is_none() {
            *self = Self::default();
        }
    }

    /// The number of a value, which is added if it is new.
    fn number(&mut self, data: VnodeData) -> u32 {
        if data.is_none() {
            return 0;
        }
        let next = count(self.values.len() + 1);
        *self.by_value.entry(data).or_insert_with_key(|data| {
            self.values.push(data.clone());
            next
        })
    }

    /// The vnodes that have data, ascending.
    pub(super) fn vnodes_with_data(&self) -> impl Iterator<Item = Vnode> {
        let numbered = (0..).map(Vnode::new).zip(&self.numbers);
        numbered.filter(|(_, number)| **number != 0).map(|(vnode, _)| vnode)
    }

    /// Tells whether no vnode has data; at once, without looking at each.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

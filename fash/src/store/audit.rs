//! Checking a ring as a whole: both indexes agree, every vnode is there exactly once.

use std::collections::HashSet;

use super::census::{Census, StoredList};
use super::error::StoreError;
use super::finding::{Audit, Finding, Vnodes};
use super::load::NO_OWNER;
use super::progress::{Counter, Progress};
use super::reader::RingReader;
use crate::leveldb::DatabaseError;
use crate::{Interval, Pnode, Vnode, lookalike};

impl RingReader {
    /// Walks every key of the ring, and with it every byte of its tables, and compares what they say.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the ring cannot be read to its end, as when a table is damaged. Contradictions within the
    /// ring are no errors but [findings](Audit::findings).
    pub fn audit(&self) -> Result<Audit, StoreError> {
        self.audit_with_progress(&mut |_| ())
    }

    /// As [`Self::audit`], and calls `progress` now and then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for [`Self::audit`].
    pub fn audit_with_progress(
        &self,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Audit, StoreError> {
        let mut counter = Counter::new(self.vnode_count(), progress);
        let census = Census::take(self.view(), self.vnode_count(), &mut || counter.count())?;
        let mut findings = compare(&census);
        findings.extend(self.view().losses().iter().map(lost_writes));
        let usual = Interval::new(self.algorithm(), self.vnode_count());
        if *self.interval() != usual {
            let (interval, usual) = (self.interval().to_string(), usual.to_string());
            findings.push(Finding::UnusualInterval { interval, usual });
        }
        findings.sort_by_key(Finding::severity);
        Ok(Audit { keys: census.keys, findings })
    }
}

pub(super) fn lost_writes(error: &DatabaseError) -> Finding {
    Finding::LostWrites { problem: error.to_string() }
}

/// Compares what the keys of a ring say.
pub(super) fn compare(census: &Census) -> Vec<Finding> {
    let mut findings = Vec::new();
    let vnodes = || (0..).map(Vnode::new).zip(&census.owners);
    let without_owner: Vnodes =
        vnodes().filter(|(_, owner)| **owner == NO_OWNER).map(|(vnode, _)| vnode).collect();
    if without_owner.count > 0 {
        findings.push(Finding::NoOwner { vnodes: without_owner });
    }
    if let Some(problem) = census.pnodes_problem.clone() {
        findings.push(Finding::PnodesUnusable { problem });
    }
    let twice = census.named_twice.iter().cloned();
    findings.extend(twice.map(|pnode| Finding::PnodeNamedTwice { pnode }));

    let owned = census.vnodes_by_pnode();
    for (index, (pnode, owned)) in census.pnodes.iter().zip(&owned).enumerate() {
        if index >= census.named {
            let vnodes = u32::try_from(owned.len()).unwrap_or(u32::MAX);
            findings.push(Finding::PnodeNotNamed { pnode: pnode.clone(), vnodes });
        }
        if let Some(list) = census.lists.get(index) {
            compare_list(pnode, owned, list, &mut findings);
        }
    }
    compare_data(census, &mut findings);
    for (index, pnode) in census.pnodes.iter().enumerate() {
        if let Some(like) = lookalike(pnode, census.pnodes.iter().take(index)) {
            findings.push(Finding::PnodesLookAlike { pnode: pnode.clone(), like: like.clone() });
        }
    }
    if census.unknown.count > 0 {
        findings.push(Finding::UnknownKeys { keys: census.unknown.clone() });
    }
    findings
}

fn compare_list(pnode: &Pnode, owned: &[Vnode], list: &StoredList, findings: &mut Vec<Finding>) {
    let pnode = pnode.clone();
    let unusable = |problem| {
        let vnodes = u32::try_from(owned.len()).unwrap_or(u32::MAX);
        Finding::ListUnusable { pnode: pnode.clone(), problem, vnodes }
    };
    let list = match list {
        StoredList::Missing => return findings.push(unusable("it is missing".to_owned())),
        StoredList::Unreadable(problem) => return findings.push(unusable(problem.clone())),
        StoredList::Read(list) => list,
    };
    let mut listed = list.vnodes.clone();
    listed.sort_unstable();
    let twice = listed.iter().zip(listed.iter().skip(1)).filter(|(a, b)| a == b);
    let twice: Vnodes = twice.map(|(&vnode, _)| vnode).collect();
    listed.dedup();
    if twice.count > 0 {
        findings.push(Finding::ListedTwice { pnode: pnode.clone(), vnodes: twice });
    }
    if list.has_text {
        findings.push(Finding::ListHasText { pnode: pnode.clone() });
    }
    if listed != owned {
        let missing: Vnodes =
            owned.iter().copied().filter(|vnode| listed.binary_search(vnode).is_err()).collect();
        if missing.count > 0 {
            findings.push(Finding::NotListed { pnode: pnode.clone(), vnodes: missing });
        }
        let wrong: Vnodes =
            listed.iter().copied().filter(|vnode| owned.binary_search(vnode).is_err()).collect();
        if wrong.count > 0 {
            findings.push(Finding::WronglyListed { pnode, vnodes: wrong });
        }
    }
}

fn compare_data(census: &Census, findings: &mut Vec<Finding>) {
    let vnodes = || (0..).map(Vnode::new).zip(census.owners.iter().zip(&census.data_at));
    let without: Vnodes = vnodes()
        .filter(|(_, (owner, at))| **owner != NO_OWNER && owner != at)
        .map(|(vnode, _)| vnode)
        .collect();
    if without.count > 0 {
        findings.push(Finding::NoData { vnodes: without });
    }
    let mut stray: Vec<Vnode> = vnodes()
        .filter(|(_, (owner, at))| **at != NO_OWNER && owner != at)
        .map(|(vnode, _)| vnode)
        .chain(census.more_data.iter().map(|&(_, vnode)| vnode))
        .collect();
    stray.sort_unstable();
    if !stray.is_empty() {
        findings.push(Finding::StrayData { vnodes: stray.into_iter().collect() });
    }
    for keys in [&census.bad_data, &census.bad_owners] {
        if keys.count > 0 {
            findings.push(Finding::UnreadableValues { keys: keys.clone() });
        }
    }

    let list = match &census.vnode_data {
        None => return findings.push(Finding::NoVnodeData),
        Some(Err(problem)) => {
            return findings.push(Finding::VnodeDataUnusable { problem: problem.clone() });
        }
        Some(Ok(list)) => list,
    };
    let listed: HashSet<Vnode> = list.vnodes.iter().copied().collect();
    if list.has_text || listed.len() < list.vnodes.len() {
        findings.push(Finding::VnodeDataUntidy);
    }
    let has_data = |vnode: Vnode| census.has_data.get(vnode.index()).copied().unwrap_or(false);
    let not_listed: Vnodes = (0..)
        .map(Vnode::new)
        .zip(&census.has_data)
        .filter(|(vnode, has_data)| **has_data && !listed.contains(vnode))
        .map(|(vnode, _)| vnode)
        .collect();
    if not_listed.count > 0 {
        findings.push(Finding::DataNotListed { vnodes: not_listed });
    }
    let mut wrong: Vec<Vnode> = listed.into_iter().filter(|&vnode| !has_data(vnode)).collect();
    wrong.sort_unstable();
    if !wrong.is_empty() {
        findings.push(Finding::DataWronglyListed { vnodes: wrong.into_iter().collect() });
    }
}

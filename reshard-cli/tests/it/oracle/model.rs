//! The content that a ring should have after some edits, kept so simply that it is plainly right, and the comparisons with it.

use std::collections::BTreeSet;
use std::path::Path;

use fash::{RingReader, Vnode};
use serde_json::Value;

use super::{Fash, Random};
use crate::fixtures::{is_whole_list, lines};

/// Owner and data of each vnode.
pub(super) struct Model {
    pub(super) vnodes: Vec<(String, Option<String>)>,
    /// Those without vnodes, too.
    pub(super) pnodes: BTreeSet<String>,
}

impl Model {
    /// The ring that `create` makes: the vnodes dealt out to the pnodes in the order of their names.
    pub(super) fn created(vnode_count: usize, pnodes: &[String]) -> Model {
        let pnodes: BTreeSet<String> = pnodes.iter().cloned().collect();
        let dealt = pnodes.iter().cycle().take(vnode_count);
        Model { vnodes: dealt.map(|pnode| (pnode.clone(), None)).collect(), pnodes }
    }

    /// Sets the data of some random vnodes of the ring `r` with the given command.
    pub(super) fn add_data(&mut self, fash: &Fash, dir: &Path, count: usize, random: &mut Random) {
        let data = *random.pick(&["ro", "ro", "a b", ""]);
        let vnodes = self.some_vnodes(count, random, |_| true);
        let list = joined(&vnodes);
        let printed =
            fash.stdout(dir, &["add-data", "-v", &list, "-d", data, "-b", "leveldb", "-l", "r"]);
        let shown = if data.is_empty() { "1" } else { data };
        let expected = lines(vnodes.iter().map(|v| format!("{{\"{v}\":\"{shown}\"}}")));
        assert_eq!(printed, expected, "add-data {list}");
        for vnode in vnodes {
            self.vnodes[vnode].1 = (!data.is_empty()).then(|| data.to_owned());
        }
    }

    /// Moves some random vnodes of the ring `r` to a pnode with the given command.
    pub(super) fn remap(
        &mut self,
        fash: &Fash,
        dir: &Path,
        to: &str,
        count: usize,
        random: &mut Random,
    ) {
        let vnodes = self.some_vnodes(count, random, |owner| owner != to);
        self.remap_these(fash, dir, to, &vnodes);
    }

    pub(super) fn remap_these(&mut self, fash: &Fash, dir: &Path, to: &str, vnodes: &[usize]) {
        if vnodes.is_empty() {
            return;
        }
        let list = joined(vnodes);
        let printed =
            fash.stdout(dir, &["remap-vnode", "-v", &list, "-p", to, "-b", "leveldb", "-l", "r"]);
        let expected = lines(vnodes.iter().map(|v| format!("{{\"{to}\":\"{v}\"}}")));
        assert_eq!(printed, expected, "remap-vnode {list} to {to}");
        self.pnodes.insert(to.to_owned());
        for &vnode in vnodes {
            to.clone_into(&mut self.vnodes[vnode].0);
        }
    }

    pub(super) fn vnodes_of(&self, pnode: &str) -> Vec<usize> {
        (0..self.vnodes.len()).filter(|&vnode| self.vnodes[vnode].0 == pnode).collect()
    }

    /// Up to `count` different vnodes of wanted owners, in random order.
    fn some_vnodes(
        &self,
        count: usize,
        random: &mut Random,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<usize> {
        let mut vnodes = Vec::new();
        for _ in 0..count {
            let vnode = random.below(self.vnodes.len());
            if wanted(&self.vnodes[vnode].0) && !vnodes.contains(&vnode) {
                vnodes.push(vnode);
            }
        }
        vnodes
    }

    /// Our library finds the ring sound and reads exactly this.
    pub(super) fn assert_is(&self, ring: &Path) {
        let reader = RingReader::open(ring).unwrap();
        let audit = reader.audit().unwrap();
        assert!(audit.is_sound(), "{:?}", audit.findings);
        let listed: BTreeSet<String> =
            reader.pnodes().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(listed, self.pnodes);
        let loaded = reader.load().unwrap();
        assert_eq!(loaded.vnode_count() as usize, self.vnodes.len());
        for (number, (owner, data)) in (0..).zip(&self.vnodes) {
            let node = loaded.node(Vnode::new(number)).unwrap();
            let ours = node.data.value().map(|value| value.as_str().unwrap());
            assert_eq!(
                (node.pnode.as_str(), ours),
                (owner.as_str(), data.as_deref()),
                "vnode {number}"
            );
        }
    }

    /// node-fash reads this ring as we do, key by key, list by list.
    pub(super) fn assert_read_alike(&self, theirs: &Fash, dir: &Path, random: &mut Random) {
        let ours = Fash::ours();
        let same = |args: &[&str]| {
            assert_eq!(ours.stdout(dir, args), theirs.stdout(dir, args), "{args:?}");
        };
        same(&["get-pnodes", "-b", "leveldb", "-l", "r"]);
        for _ in 0..3 {
            let key = format!("/{:x}/stor/é{}", random.next(), random.below(1000));
            same(&["get-node", "-b", "leveldb", "-l", "r", &key]);
        }
        let vnodes = joined(&self.some_vnodes(200, random, |_| true));
        same(&["get-vnode-pnode-and-data", "-l", "r", "-v", &vnodes]);
        for pnode in &self.pnodes {
            assert_same_list(theirs, dir, &["get-vnodes", "-b", "leveldb", "-l", "r", pnode]);
        }
        assert_same_list(theirs, dir, &["get-data-vnodes", "-l", "r"]);
    }

    /// node-fash prints the same topology. It loses vnodes now and then, so it gets several tries.
    pub(super) fn assert_printed_alike(&self, theirs: &Fash, dir: &Path) {
        let args = ["print-hash", "-b", "leveldb", "-l", "r"];
        let topology = |fash: &Fash| -> Value {
            let mut topology: Value = serde_json::from_str(&fash.stdout(dir, &args)).unwrap();
            // node-fash leaves out pnodes without vnodes.
            let map = topology["pnodeToVnodeMap"].as_object_mut().unwrap();
            map.retain(|_, vnodes| vnodes.as_object().is_some_and(|vnodes| !vnodes.is_empty()));
            topology
        };
        let vnodes = |topology: &Value| -> usize {
            let map = topology["pnodeToVnodeMap"].as_object().unwrap();
            map.values().map(|vnodes| vnodes.as_object().unwrap().len()).sum()
        };
        let complete = (0..10).map(|_| topology(theirs)).find(|t| vnodes(t) == self.vnodes.len());
        assert_eq!(Some(topology(&Fash::ours())), complete);
    }
}

/// Both print the same list, but that node-fash stops after 100 items.
fn assert_same_list(theirs: &Fash, dir: &Path, args: &[&str]) {
    let (ours, theirs) = (Fash::ours().stdout(dir, args), theirs.stdout(dir, args));
    assert!(ours == theirs || is_whole_list(&theirs, &ours), "{args:?}\n{ours}\n{theirs}");
}

fn joined(vnodes: &[usize]) -> String {
    vnodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

//! Large rings, both ways: ours read and edited by node-fash, and the other way round.

use super::model::Model;
use super::{Fash, Random, seed};

#[test]
fn a_hundred_thousand_vnodes_both_ways() {
    both_ways(100_000);
}

#[test]
fn a_million_vnodes_both_ways() {
    both_ways(1_000_000);
}

fn both_ways(vnode_count: usize) {
    let Some(theirs) = Fash::theirs() else { return };
    let ours = Fash::ours();
    let mut random = Random(seed());
    for (maker, other) in [(&ours, &theirs), (&theirs, &ours)] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let pnodes = ["tcp://1.moray.x:2020".to_owned(), "tcp://2.moray.x:2020".to_owned()];
        let (count, names) = (vnode_count.to_string(), pnodes.join(","));
        maker.stdout(dir, &["create", "-v", &count, "-p", &names, "-b", "leveldb", "-l", "r"]);
        let mut model = Model::created(vnode_count, &pnodes);

        model.add_data(other, dir, 20, &mut random);
        model.remap(other, dir, "tcp://3.moray.x:2020", 20, &mut random);
        model.add_data(maker, dir, 20, &mut random);
        // node-fash rewrites whole lists for every vnode; ours can take many.
        model.remap(&ours, dir, "tcp://1.moray.x:2020", 5000, &mut random);
        model.assert_is(&dir.join("r"));
        model.assert_read_alike(&theirs, dir, &mut random);
        model.assert_is(&dir.join("r"));
    }
}

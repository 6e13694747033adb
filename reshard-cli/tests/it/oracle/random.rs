//! Small rings under random edits by either command, packed and unpacked in between.

use std::fs;
use std::path::Path;

use fash::UnpackOptions;

use super::model::Model;
use super::{Fash, Random, seed};

#[test]
fn random_edits_by_either() {
    let Some(theirs) = Fash::theirs() else { return };
    let seed = seed();
    for number in 0..10 {
        println!("case {number}");
        let mut random = Random(seed.wrapping_add(number));
        one_ring(&theirs, &mut random);
    }
}

fn one_ring(theirs: &Fash, random: &mut Random) {
    let ours = Fash::ours();
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();

    let vnode_count =
        if random.below(3) == 0 { 1 + random.below(2000) } else { 1 + random.below(60) };
    let pnodes: Vec<String> =
        (0..=random.below(5.min(vnode_count))).map(|n| format!("p{}", n * 7 % 5)).collect();
    let algorithm = *random.pick(&["sha256", "sha1", "md5"]);
    let either = |random: &mut Random| if random.below(2) == 0 { &ours } else { theirs };
    let (count, names) = (vnode_count.to_string(), pnodes.join(","));
    let create =
        ["create", "-v", &count, "-p", &names, "-a", algorithm, "-b", "leveldb", "-l", "r"];
    either(random).stdout(dir, &create);
    let mut model = Model::created(vnode_count, &pnodes);
    model.assert_is(&dir.join("r"));

    for _ in 0..6 {
        match random.below(10) {
            0..4 => model.add_data(either(random), dir, 12, random),
            4..8 => {
                let to = format!("p{}", random.below(8));
                model.remap(either(random), dir, &to, 12, random);
            }
            8 => empty_and_remove(&mut model, either(random), dir, random),
            _ => through_an_image(dir),
        }
        model.assert_is(&dir.join("r"));
    }
    model.assert_read_alike(theirs, dir, random);
    model.assert_printed_alike(theirs, dir);
    // node-fash rewrote the files while it read them.
    model.assert_is(&dir.join("r"));
}

fn empty_and_remove(model: &mut Model, fash: &Fash, dir: &Path, random: &mut Random) {
    let pnodes: Vec<String> = model.pnodes.iter().cloned().collect();
    let (pnode, to) = (random.pick(&pnodes), random.pick(&pnodes));
    if pnode == to {
        return;
    }
    model.remap_these(fash, dir, to, &model.vnodes_of(pnode));
    fash.stdout(dir, &["remove-pnode", "-p", pnode, "-b", "leveldb", "-l", "r"]);
    model.pnodes.remove(pnode);
}

fn through_an_image(dir: &Path) {
    let (ring, image) = (dir.join("r"), dir.join("image.tgz"));
    let packed = fash::pack(&ring, &image, None).unwrap();
    fs::remove_dir_all(&ring).unwrap();
    let unpacked = fash::unpack(&image, &ring, &UnpackOptions::default()).unwrap();
    assert_eq!(packed.sha1, unpacked.sha1);
    fs::remove_file(image).unwrap();
}

//! Splits a shard: of the vnodes of shard 1, a quarter goes to shard 3 and a quarter to shard 4; shard 1 keeps half.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use fash::{Algorithm, Move, Pnode, Ring, RingEditor, RingReader, create_ring};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ring");
    let shard = |number: u32| -> Result<Pnode, _> {
        format!("tcp://{number}.moray.example.com:2020").parse()
    };
    create_ring(&path, &Ring::create(Algorithm::Sha256, 10_000, [shard(1)?, shard(2)?])?)?;
    let before = RingReader::open(&path)?.load()?;

    // Out of every four vnodes of shard 1, the first two stay. Keys are spread evenly over vnodes, so that is half.
    let of_shard_1 = before.vnodes_of(&shard(1)?)?;
    let every_fourth = |from| of_shard_1.iter().copied().skip(from).step_by(4).collect();
    let moves = [
        Move { vnodes: every_fourth(2), to: shard(3)? },
        Move { vnodes: every_fourth(3), to: shard(4)? },
    ];
    // Both moves become one write: a reader sees the ring as it was or as it will be.
    let mut editor = RingEditor::open(&path)?;
    editor.remap(&moves)?;

    let audit = editor.reader().audit()?;
    println!("{} entries, sound: {}", audit.keys, audit.is_sound());
    let after = editor.reader().load()?;
    for pnode in after.pnodes() {
        println!("{pnode} has {} vnodes", after.vnodes_of(pnode)?.len());
    }
    Ok(())
}

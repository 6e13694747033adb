//! Reads a ring while somebody else has it open, as electric-moray always has. Nothing of the ring's files changes.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use fash::{Algorithm, Ring, RingEditor, RingReader, Vnode, VnodeData, create_ring};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("ring");
    create_ring(&path, &Ring::create(Algorithm::Sha256, 1000, ["a".parse()?, "b".parse()?])?)?;

    let mut editor = RingEditor::open(&path)?;
    editor.set_data(&[Vnode::new(7)], &VnodeData::read_only())?;

    // What was written before is seen, what comes later is not: a reader is a snapshot.
    let reader = RingReader::open_live(&path)?;
    editor.set_data(&[Vnode::new(8)], &VnodeData::read_only())?;
    println!("{} vnodes, with data: {:?}", reader.vnode_count(), reader.vnodes_with_data()?);
    println!("a second look: {:?}", RingReader::open_live(&path)?.vnodes_with_data()?);
    Ok(())
}

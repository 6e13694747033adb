//! Makes a ring in memory, looks keys up, marks vnodes read-only, prints the topology as JSON. No files, no LevelDB.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io;

use fash::{Algorithm, Ring, VnodeData};

fn main() -> Result<(), Box<dyn Error>> {
    let shards =
        ["tcp://1.moray.example.com:2020".parse()?, "tcp://2.moray.example.com:2020".parse()?];
    let mut ring = Ring::create(Algorithm::Sha256, 16, shards)?;

    for key in ["/yunong/stor/a", "/yunong/stor/b", "/mark/public"] {
        let node = ring.lookup(key.as_bytes())?;
        println!("{key} is vnode {} on {}", node.vnode, node.pnode);
    }

    let vnode = ring.vnode_of(b"/yunong/stor/a")?;
    ring.set_data(&[vnode], VnodeData::read_only())?;
    println!("vnode {vnode} is read-only: {}", ring.node(vnode)?.data.is_read_only());

    ring.write_json(io::stdout().lock())?;
    println!();
    Ok(())
}

use std::io::{self, Write};

use fash::{EditError, Move, Pnode, Ring, RingEditor, StoreError};
use serde_json::{Value, json};

use super::edit::{Edit, EditArgs, change_line, numbers};
use super::error::Result;
use super::vnode_list::VnodeArgs;
use crate::output::Output;
use crate::progress::while_working;

/// Give vnodes to a pnode, with their data
///
/// The pnode need not exist yet. Either all the vnodes move or, on any error, none. With the leveldb backend prints a
/// line such as {"pnode":"7"} for each vnode.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash remap-vnode -v 7,12 -p tcp://3.moray.example.com:2020 -b leveldb -l ring
  fash remap-vnode --vnode-file vnodes.json -p tcp://3.moray.example.com:2020 -b leveldb -l ring
  fash remap-vnode -v 7 -p c -b memory -l ring.json -o > new.json")]
pub(crate) struct RemapVnodeArgs {
    #[command(flatten)]
    vnodes: VnodeArgs,

    /// The pnode that gets the vnodes
    #[arg(short, long, value_name = "PNODE", allow_hyphen_values = true)]
    pnode: Pnode,

    #[command(flatten)]
    edit: EditArgs,
}

impl RemapVnodeArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let edit = Move { vnodes: self.vnodes.read()?, to: self.pnode };
        self.edit.apply(&edit, out)
    }
}

impl Edit for Move {
    fn in_memory(&self, ring: &mut Ring) -> std::result::Result<(), EditError> {
        ring.remap(std::slice::from_ref(self))
    }

    fn in_store(&self, ring: &mut RingEditor) -> std::result::Result<(), StoreError> {
        let what = format!("moving {} vnodes to {}", self.vnodes.len(), self.to);
        while_working(what, || ring.remap(std::slice::from_ref(self)))
    }

    fn gets_vnodes(&self) -> Option<&Pnode> {
        Some(&self.to)
    }

    fn report(&self) -> Value {
        json!({ "vnodes": numbers(&self.vnodes), "pnode": self.to.as_str() })
    }

    fn print_changes(&self, out: &mut Output) -> io::Result<()> {
        self.vnodes.iter().try_for_each(|vnode| writeln!(out, "{}", change_line(&self.to, vnode)))
    }
}

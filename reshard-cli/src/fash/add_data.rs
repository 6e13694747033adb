use std::io::{self, Write};

use fash::{EditError, Ring, RingEditor, StoreError, Vnode, VnodeData};
use serde_json::{Value, json};

use super::edit::{Edit, EditArgs, change_line, numbers};
use super::error::Result;
use super::vnode_list::VnodeArgs;
use crate::output::Output;

/// Attach data to vnodes, or remove it
///
/// The data that means something to Manta is `ro`: electric-moray refuses writes to such a vnode. Either all the vnodes
/// are changed or, on any error, none. With the leveldb backend prints a line such as {"7":"ro"} for each vnode.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash add-data -v 7,12 -d ro -b leveldb -l ring
  fash add-data -v 7,12 -b leveldb -l ring    # removes the data
  fash get-vnodes -b leveldb -l ring --json a | fash add-data --vnode-file - -d ro -b leveldb -l ring")]
pub(crate) struct AddDataArgs {
    #[command(flatten)]
    vnodes: VnodeArgs,

    /// The text to attach; without it, or if it is empty, data is removed
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    #[arg(allow_hyphen_values = true)]
    data: String,

    #[command(flatten)]
    edit: EditArgs,
}

struct AddData {
    vnodes: Vec<Vnode>,
    data: VnodeData,
    /// As the change lines show it: node-fash prints the text `1` for no data.
    shown: String,
}

impl AddDataArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let vnodes = self.vnodes.read()?;
        let edit = if self.data.is_empty() {
            AddData { vnodes, data: VnodeData::NONE, shown: "1".to_owned() }
        } else {
            AddData { vnodes, data: VnodeData::from_text(&self.data), shown: self.data }
        };
        self.edit.apply(&edit, out)
    }
}

impl Edit for AddData {
    fn in_memory(&self, ring: &mut Ring) -> std::result::Result<(), EditError> {
        ring.set_data(&self.vnodes, self.data.clone())
    }

    fn in_store(&self, ring: &mut RingEditor) -> std::result::Result<(), StoreError> {
        ring.set_data(&self.vnodes, &self.data)
    }

    fn report(&self) -> Value {
        json!({ "vnodes": numbers(&self.vnodes), "vnodeData": self.data.to_json() })
    }

    fn print_changes(&self, out: &mut Output) -> io::Result<()> {
        self.vnodes
            .iter()
            .try_for_each(|vnode| writeln!(out, "{}", change_line(vnode, &self.shown)))
    }
}

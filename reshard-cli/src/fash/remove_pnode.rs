use std::io;

use fash::{EditError, Pnode, Ring, RingEditor, StoreError};
use serde_json::{Value, json};

use super::edit::{Edit, EditArgs};
use super::error::Result;
use crate::output::Output;

/// Remove a pnode that has no vnodes left
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash remove-pnode -p tcp://2.moray.example.com:2020 -b leveldb -l ring")]
pub(crate) struct RemovePnodeArgs {
    /// The pnode to remove
    #[arg(short, long, value_name = "PNODE", allow_hyphen_values = true)]
    pnode: Pnode,

    #[command(flatten)]
    edit: EditArgs,
}

struct RemovePnode(Pnode);

impl RemovePnodeArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        self.edit.apply(&RemovePnode(self.pnode), out)
    }
}

impl Edit for RemovePnode {
    fn in_memory(&self, ring: &mut Ring) -> std::result::Result<(), EditError> {
        ring.remove_pnode(&self.0)
    }

    fn in_store(&self, ring: &mut RingEditor) -> std::result::Result<(), StoreError> {
        ring.remove_pnode(&self.0)
    }

    fn report(&self) -> Value {
        json!({ "removed": self.0.as_str() })
    }

    fn print_changes(&self, _: &mut Output) -> io::Result<()> {
        Ok(())
    }
}

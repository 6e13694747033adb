use std::io::Write;

use fash::{RingReader, StoreError};
use serde_json::{Value, json};

use super::edit::numbers;
use super::error::Result;
use super::get_vnode_pnode_and_data::describe;
use super::ignored::IgnoredArgs;
use super::source::{StoreArgs, noticing};
use crate::inspect::Inspect;
use crate::output::Output;

/// List the vnodes of a LevelDB ring that have data
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash get-data-vnodes -l ring -v")]
pub(crate) struct GetDataVnodesArgs {
    #[command(flatten)]
    ring: StoreArgs,

    /// Also show their pnodes and data
    #[arg(short, long)]
    verbose: bool,

    /// Print a JSON object: the list as `vnodeArray` and, with `-v`, the details as `vnodes`
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    ignored: IgnoredArgs,
}

impl GetDataVnodesArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        self.ignored.say();
        let (list, details) = noticing(&self.ring.open()?, |ring| self.read(ring))?;
        if self.json {
            let mut document = json!({ "vnodeArray": list });
            if let (Some(details), Some(members)) = (details, document.as_object_mut()) {
                members.insert("vnodes".to_owned(), details);
            }
            return Ok(out.json(&document)?);
        }
        writeln!(out, "vnodeArray:  {}", Inspect(&list))?;
        if let Some(details) = details {
            writeln!(out, "vnodes:  {}", Inspect(&details))?;
        }
        Ok(())
    }

    /// The list and, if asked for, the details.
    fn read(&self, ring: &RingReader) -> std::result::Result<(Value, Option<Value>), StoreError> {
        let vnodes = ring.vnodes_with_data()?;
        let details = self.verbose.then(|| describe(ring, &vnodes)).transpose()?;
        Ok((numbers(&vnodes), details))
    }
}

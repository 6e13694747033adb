use std::collections::BTreeMap;
use std::io::Write;

use fash::{RingReader, StoreError, Vnode};
use serde_json::{Value, json};

use super::error::Result;
use super::ignored::IgnoredArgs;
use super::source::{StoreArgs, noticing};
use super::vnode_list::VnodeArgs;
use crate::inspect;
use crate::output::Output;

/// Show the pnode and the data of vnodes of a LevelDB ring
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash get-vnode-pnode-and-data -l ring -v 7,12")]
pub(crate) struct GetVnodePnodeAndDataArgs {
    #[command(flatten)]
    vnodes: VnodeArgs,

    #[command(flatten)]
    ring: StoreArgs,

    /// Print a JSON object with a member for each vnode
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    ignored: IgnoredArgs,
}

impl GetVnodePnodeAndDataArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        self.ignored.say();
        let vnodes = self.vnodes.read()?;
        let nodes = noticing(&self.ring.open()?, |ring| describe(ring, &vnodes))?;
        if !self.json {
            out.write_all(b"vnodes:  ")?;
        }
        Ok(inspect::print(&nodes, self.json, out)?)
    }
}

/// The vnodes, ascending, with their pnodes and data.
pub(crate) fn describe(
    ring: &RingReader,
    vnodes: &[Vnode],
) -> std::result::Result<Value, StoreError> {
    let describe_one = |&vnode| {
        let node = ring.node(vnode)?;
        Ok((vnode, json!({ "pnode": node.pnode.as_str(), "vnodeData": node.data.to_json() })))
    };
    let nodes: BTreeMap<Vnode, Value> =
        vnodes.iter().map(describe_one).collect::<std::result::Result<_, StoreError>>()?;
    Ok(nodes.into_iter().map(|(vnode, node)| (vnode.to_string(), node)).collect())
}

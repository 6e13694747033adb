use clap::ValueEnum;
use fash::KeyEncoding;
use serde_json::json;

use super::error::Result;
use super::source::RingArgs;
use crate::inspect;
use crate::output::Output;

/// Hash a key to its place in the ring
///
/// Manta hashes the directory of an object, such as /poseidon/stor/dir with the account's UUID in place of its name.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash get-node -b leveldb -l ring yunong
  fash get-node -b memory -l ring.json -- --key-that-looks-like-an-option")]
pub(crate) struct GetNodeArgs {
    #[command(flatten)]
    ring: RingArgs,

    /// Encoding of the key, whose bytes are hashed
    #[arg(long, value_name = "ENCODING", default_value = "utf8")]
    key_encoding: Encoding,

    /// Print a JSON object
    #[arg(long)]
    json: bool,

    /// The key; it may be empty
    key: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Encoding {
    /// UTF-8, as node-fash hashes on Node 6 and later
    Utf8,
    /// The low byte of each UTF-16 unit, as on older Nodes; Manta's routers ran on those until December 2019
    Latin1,
}

impl GetNodeArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let encoding = match self.key_encoding {
            Encoding::Utf8 => KeyEncoding::Utf8,
            Encoding::Latin1 => KeyEncoding::Latin1,
        };
        let (pnode, vnode, data) = self.ring.open()?.lookup(&encoding.encode(&self.key))?;
        let node =
            json!({ "pnode": pnode.as_str(), "vnode": vnode.number(), "data": data.to_json() });
        Ok(inspect::print(&node, self.json, out)?)
    }
}

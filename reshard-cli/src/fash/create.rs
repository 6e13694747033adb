use std::io::Write;
use std::path::PathBuf;

use fash::{Algorithm, Pnode, Ring};

use super::edit::{print_ring, warn_if_node_fash_cannot_read, warn_of_lookalikes};
use super::error::{Error, Result};
use super::js_number::VnodeCount;
use super::notice::notice;
use super::source::{self, Backend};
use crate::output::Output;
use crate::progress::with_bar;

/// node-fash reports each time it has written so many vnodes.
const REPORT_EVERY: usize = 10_000;

/// Create a ring: vnode 0 to the first pnode, vnode 1 to the second, and around
///
/// Pnodes are sorted first, by UTF-16 code unit as JavaScript sorts. Without `-o` and the leveldb backend nothing is
/// kept of the ring. The leveldb backend prints a line for every 10,000 vnodes, unless `--quiet` or `--json` is given.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash create -v 1000000 -p tcp://1.moray.example.com:2020,tcp://2.moray.example.com:2020 -b leveldb -l ring
  fash create -v 1000 -p a,b,c -o > ring.json")]
pub(crate) struct CreateArgs {
    /// Number of vnodes, from 1; Manta's rings have 100,000 to 10,000,000
    ///
    /// Also in JavaScript's other spellings, such as 1e6 or 0x10.
    #[arg(short, long, value_name = "NUM", allow_hyphen_values = true)]
    vnode: VnodeCount,

    /// The pnodes' names, separated by commas or spaces
    #[arg(short, long, value_name = "LIST", allow_hyphen_values = true)]
    pnode: String,

    /// Hash algorithm: sha256, sha1, md5, or murmur3, which node-fash cannot read
    #[arg(short, long, value_name = "NAME", default_value = "sha256", allow_hyphen_values = true)]
    algorithm: String,

    /// Backend that keeps the ring
    #[arg(short, long, value_name = "BACKEND", default_value = "memory")]
    #[arg(allow_hyphen_values = true)]
    backend: Backend,

    /// The LevelDB directory to create; it must not exist, or be empty
    #[arg(short, long, value_name = "DIR", allow_hyphen_values = true)]
    location: Option<PathBuf>,

    /// Print the ring as topology JSON
    #[arg(short, long)]
    output: bool,

    /// Print nothing but JSON: no line for every 10,000 vnodes
    #[arg(long)]
    json: bool,

    /// Print no line for every 10,000 vnodes, which node-fash prints on standard output, among the JSON of `-o` too
    #[arg(short, long)]
    quiet: bool,
}

impl CreateArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let algorithm: Algorithm = self.algorithm.parse()?;
        let VnodeCount(count) = self.vnode;
        let ring = Ring::create(algorithm, count, pnodes(&self.pnode)?)?;
        for (index, pnode) in ring.pnodes().iter().enumerate() {
            warn_of_lookalikes([pnode], ring.pnodes().get(..index).unwrap_or_default());
        }
        match self.backend {
            Backend::Memory if self.location.is_some() => {
                notice("-l is ignored: the memory backend writes no file, -b leveldb does");
            }
            Backend::Memory => {}
            Backend::Leveldb => {
                let directory = source::store_location(self.location.as_deref())?;
                let what = format!("writing {count} vnodes to {}", directory.display());
                with_bar(what, |progress| {
                    fash::create_ring_with_progress(directory, &ring, progress)
                })?;
                for reported in (REPORT_EVERY..ring.vnode_count() as usize).step_by(REPORT_EVERY) {
                    if !self.json && !self.quiet {
                        writeln!(out, "working: processed {reported} vnodes")?;
                    }
                }
                if !self.output {
                    warn_if_node_fash_cannot_read(algorithm);
                }
            }
        }
        if self.output { print_ring(&ring, out) } else { Ok(()) }
    }
}

/// A list of pnodes; commas and spaces in a row make no empty names.
pub(crate) fn pnodes(list: &str) -> Result<Vec<Pnode>> {
    let names = list.split([',', ' ']);
    let pnodes: Vec<Pnode> = names.filter_map(|name| name.parse().ok()).collect();
    if pnodes.is_empty() {
        return Err(Error::Usage(format!("there is no pnode in the list {list:?}")));
    }
    Ok(pnodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_dropped_but_one_is_needed() {
        let names = |list| pnodes(list).map(|found| found.iter().map(Pnode::to_string).collect());
        let expected: Vec<String> = vec!["a".into(), "b".into(), "c".into()];
        assert_eq!(names(" a, b ,,c,").ok(), Some(expected));
        assert!(names(",,").is_err());
    }
}

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use fash::{Pnode, Ring, Vnode};
use serde_json::{Map, Value};

use super::edit::numbers;
use super::error::{Error, Result};
use super::inspect::array_index;
use super::source::{self, Backend, LiveArgs};
use crate::output::Output;

/// Show which vnodes changed their pnode from one ring to another
///
/// Prints one line of JSON, or nothing if every vnode has the same pnode in both rings. `--json` also shows what
/// changed in the vnodes' data and prints a document in any case. The exit status does not depend on the result.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  fash diff old.json new.json
  fash diff -b leveldb old-ring new-ring
  fash diff -b leveldb -b memory ring new.json
  fash print-hash -b leveldb -l ring | fash diff - new.json")]
pub(crate) struct DiffArgs {
    /// How the rings are kept; give it twice if they differ [default: memory]
    #[arg(short, long, value_name = "BACKEND", allow_hyphen_values = true)]
    #[arg(action = clap::ArgAction::Append)]
    backend: Vec<Backend>,

    #[command(flatten)]
    live: LiveArgs,

    /// Print all differences, also in data, as a JSON object
    #[arg(long)]
    json: bool,

    /// The older ring; `-` for standard input (memory backend only)
    older: PathBuf,

    /// The newer ring; `-` for standard input (memory backend only)
    newer: PathBuf,
}

impl DiffArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let stdin = Path::new("-");
        if self.older == stdin && self.newer == stdin {
            return Err(Error::Usage("only one of the rings can be on standard input".to_owned()));
        }
        let mut backends = self.backend.iter().copied();
        let first = backends.next().unwrap_or(Backend::Memory);
        let second = backends.next().unwrap_or(first);
        if self.live.live && (first, second) == (Backend::Memory, Backend::Memory) {
            return Err(Error::Usage("--live needs the leveldb backend".to_owned()));
        }
        let older = self.load(first, &self.older)?;
        let newer = self.load(second, &self.newer)?;
        if self.json {
            return Ok(out.json(&older.diff(&newer))?);
        }
        let moves = moves(&older, &newer);
        if moves.is_empty() { Ok(()) } else { Ok(out.json(&moves)?) }
    }

    fn load(&self, backend: Backend, path: &Path) -> Result<Ring> {
        let location = (backend == Backend::Leveldb || path != Path::new("-")).then_some(path);
        let live = LiveArgs { live: self.live.live && backend == Backend::Leveldb };
        source::open(backend, location, live)?.load()
    }
}

/// The vnodes that each pnode lost and got, in node-fash's shape. A pnode in one ring only is listed though it be empty.
fn moves(older: &Ring, newer: &Ring) -> Map<String, Value> {
    let known: HashSet<&Pnode> = older.pnodes().iter().collect();
    let added = newer.pnodes().iter().filter(|pnode| !known.contains(pnode));
    let mut pnodes: Vec<&Pnode> = older.pnodes().iter().chain(added).collect();
    pnodes.sort_by_key(|pnode| array_index(pnode.as_str()).map_or(u64::MAX, u64::from));

    let mut moves = Map::new();
    for pnode in pnodes {
        let (before, after) = (older.vnodes_of(pnode).ok(), newer.vnodes_of(pnode).ok());
        let mut changes = Map::new();
        let lists = [("removed", &before, &after), ("added", &after, &before)];
        for (name, from, other) in lists {
            let Some(vnodes) = from else { continue };
            let missing = without(vnodes, other.as_deref().unwrap_or_default());
            if other.is_none() || !missing.is_empty() {
                changes.insert(name.to_owned(), numbers(&missing));
            }
        }
        if !changes.is_empty() {
            moves.insert(pnode.to_string(), changes.into());
        }
    }
    moves
}

fn without(vnodes: &[Vnode], other: &[Vnode]) -> Vec<Vnode> {
    let other: HashSet<&Vnode> = other.iter().collect();
    vnodes.iter().filter(|vnode| !other.contains(vnode)).copied().collect()
}

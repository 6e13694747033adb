use std::path::{Path, PathBuf};

use fash::Ring;

use super::error::{Error, Result};
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
    /// Backend that keeps the rings; give it twice if they differ [default: memory]
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
        let diff = older.diff(&newer);
        if self.json {
            return Ok(out.json(&diff)?);
        }
        let moves = diff.node_fash();
        if moves.is_empty() { Ok(()) } else { Ok(out.json(&moves)?) }
    }

    fn load(&self, backend: Backend, path: &Path) -> Result<Ring> {
        let location = (backend == Backend::Leveldb || path != Path::new("-")).then_some(path);
        let live = LiveArgs { live: self.live.live && backend == Backend::Leveldb };
        source::open(backend, location, live)?.load()
    }
}

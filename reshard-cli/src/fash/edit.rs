//! The common parts of the three commands that change a ring.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

use fash::{Algorithm, Pnode, Ring, RingEditor, Vnode, lookalike};
use serde_json::Value;

use super::error::Result;
use super::notice::notice;
use super::source::{self, Backend};
use crate::output::Output;

/// The options that name a ring to change, and say what to print afterwards.
#[derive(clap::Args, Debug)]
pub(crate) struct EditArgs {
    /// Backend that keeps the ring; the memory backend changes no file, so it needs `-o`
    #[arg(short, long, value_name = "BACKEND", allow_hyphen_values = true)]
    pub(crate) backend: Backend,

    /// Place of the ring: the LevelDB directory, or the file with the topology JSON [memory default: standard input]
    #[arg(short, long, value_name = "PATH", allow_hyphen_values = true)]
    location: Option<PathBuf>,

    /// Print the changed ring as topology JSON; holds the whole ring in memory
    #[arg(short, long)]
    output: bool,

    /// Print one JSON document: what was changed or, with `-o`, the changed ring
    #[arg(long)]
    json: bool,
}

/// A change, for either backend, and how it is reported.
pub(crate) trait Edit {
    fn in_memory(&self, ring: &mut Ring) -> std::result::Result<(), fash::EditError>;
    fn in_store(&self, ring: &mut RingEditor) -> std::result::Result<(), fash::StoreError>;

    /// The pnode that gets vnodes, if one does.
    fn gets_vnodes(&self) -> Option<&Pnode> {
        None
    }

    /// The changes, as a JSON document.
    fn report(&self) -> Value;

    /// The vnodes, each with the pair that node-fash prints about it for the leveldb backend.
    fn print_changes(&self, out: &mut Output) -> std::io::Result<()>;
}

impl EditArgs {
    /// Makes the change, all of it or nothing, and then prints what node-fash prints about it.
    pub(crate) fn apply(&self, edit: &impl Edit, out: &mut Output) -> Result<()> {
        let location = self.location.as_deref();
        let changed = match self.backend {
            Backend::Memory => {
                let mut ring = source::read_topology(location)?.canonical();
                warn_of_lookalikes(edit.gets_vnodes(), ring.pnodes());
                edit.in_memory(&mut ring)?;
                if !self.output {
                    notice(
                        "nothing is saved: the memory backend changes no file, -o prints the changed ring",
                    );
                }
                Some(ring)
            }
            Backend::Leveldb => {
                let mut ring = RingEditor::open(source::store_location(location)?)?;
                // What is wrong with the list, the change itself tells.
                if let Ok(pnodes) = ring.reader().pnodes() {
                    warn_of_lookalikes(edit.gets_vnodes(), &pnodes);
                }
                let edited = edit.in_store(&mut ring);
                let after =
                    if edited.is_ok() && self.output { Some(ring.reader().load()) } else { None };
                ring.reader().notices().iter().for_each(notice);
                edited?;
                if !self.output {
                    warn_if_node_fash_cannot_read(ring.reader().algorithm());
                }
                if !self.json {
                    edit.print_changes(out)?;
                }
                after.transpose()?
            }
        };
        match changed.filter(|_| self.output) {
            Some(ring) => print_ring(&ring, out),
            None if self.json => Ok(out.json(&edit.report())?),
            None => Ok(()),
        }
    }
}

/// Prints a ring as node-fash's topology JSON, on a line of its own.
pub(crate) fn print_ring(ring: &Ring, out: &mut Output) -> Result<()> {
    warn_if_node_fash_cannot_read(ring.algorithm());
    ring.write_json(&mut *out)?;
    Ok(out.write_all(b"\n")?)
}

/// Warns of pnodes that are not in the ring under that very name, but under one that looks like it.
pub(crate) fn warn_of_lookalikes<'a>(new: impl IntoIterator<Item = &'a Pnode>, ring: &[Pnode]) {
    for pnode in new.into_iter().filter(|pnode| !ring.contains(pnode)) {
        if let Some(like) = lookalike(pnode, ring) {
            let (pnode, like) = (pnode.as_str(), like.as_str());
            notice(format_args!(
                "{pnode:?} is a new pnode that looks like {like:?}: if that one is meant, give its name as fash get-pnodes \
                 prints it"
            ));
        }
    }
}

/// Warns about a ring whose hash algorithm is not one of node-fash's.
pub(crate) fn warn_if_node_fash_cannot_read(algorithm: Algorithm) {
    if !algorithm.node_fash_reads() {
        notice(format_args!(
            "node-fash, and with it electric-moray, cannot read a ring of {algorithm}"
        ));
    }
}

/// The vnodes as a JSON array.
pub(crate) fn numbers(vnodes: &[Vnode]) -> Value {
    vnodes.iter().map(|vnode| vnode.number()).collect()
}

/// The line that node-fash prints about a changed vnode. It escapes nothing, so neither do we.
pub(crate) fn change_line(key: impl Display, value: impl Display) -> String {
    format!("{{\"{key}\":\"{value}\"}}")
}

//! `reshard ring remap`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use fash::{Ring, create_ring};
use reshard_core::rings::{RingError, read_directory};
use reshard_core::{Journal, ValidPlan};
use serde_json::json;

use crate::output::Output;
use crate::progress::while_working;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::PlanFile;

/// RFD 103 steps 4 and 8: make a ring of a plan, without a network
///
/// The ring that is made is the one in which the moving vnodes are at their new owners. It is proven to differ from the
/// ring that was fetched in nothing else. A fetched ring that is not the one the plan was made from is refused.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard ring remap split.plan ring ring.new && fash diff --live ring ring.new")]
pub(in crate::reshard) struct RemapArgs {
    #[command(flatten)]
    file: PlanFile,
    /// The ring that was fetched, a LevelDB directory; it is not changed
    ring: PathBuf,
    /// The LevelDB directory to make; it must not be there yet, or be empty
    out: PathBuf,
    /// Make the present ring with the moving vnodes read-only
    #[arg(long, conflicts_with = "handover")]
    read_only: bool,
    /// Make the new ring with the moved vnodes still read-only
    #[arg(long)]
    handover: bool,
    /// Only print how it would differ
    #[arg(long)]
    dry_run: bool,
    /// Format in which the differences are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl RemapArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let plan = self.file.look()?.plan().await?;
        let what = format!("making {}", self.out.display());
        let (base, made) = while_working(what, || self.make(&plan))?;
        let diff = base.diff(&made);
        let (moved, marked) = (diff.moved.len(), diff.data_changed.len());
        if self.output.is_json() {
            return Ok(out.json(&json!({
                "moved": moved,
                "data_changed": marked,
                "pnodes_added": diff.pnodes_added,
            }))?);
        }
        writeln!(out, "{moved} vnodes at other owners, {marked} with other data")?;
        for pnode in &diff.pnodes_added {
            writeln!(out, "new pnode {pnode}")?;
        }
        Ok(())
    }

    fn make(&self, plan: &ValidPlan) -> Result<(Ring, Ring)> {
        let (base, _) = read_directory(&self.ring)?;
        let rings = plan.rings(&base)?;
        let made = match (self.read_only, self.handover) {
            (true, _) => rings.read_only,
            (false, true) => rings.handover,
            (false, false) => rings.target,
        };
        if !self.dry_run {
            create_ring(&self.out, &made).map_err(RingError::from)?;
        }
        Ok((base, made))
    }
}

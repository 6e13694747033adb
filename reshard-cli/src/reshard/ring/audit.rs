//! `reshard ring audit`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use reshard_core::audit::{ReferenceRing, RoutersAudit, audit_routers};
use reshard_core::rings::{current_ring, fetch_ring_directory, ring_imgapi};
use reshard_core::{Deployment, SystemClock};
use sapi_client::ImageUuid;

use crate::exit;
use crate::output::{Output, say};
use crate::progress::spinner;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::Region;
use crate::screen::Mood;
use crate::table::Table;

/// Compare the ring of every electric-moray process with the one that SAPI names; exit status 2 if one differs
///
/// Of each process: its state, the stamp of its ring, the shards that it has opened, and where it looks for a sample of the
/// keys of every shard. The checksum of the ring's tables is only shown, for LevelDB rewrites tables by itself.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard ring audit --ring ring.new")]
pub(in crate::reshard) struct AuditArgs {
    #[command(flatten)]
    region: Region,
    /// Compare with this ring, a LevelDB directory [default: fetch the one that SAPI names]
    #[arg(long, value_name = "DIRECTORY")]
    ring: Option<PathBuf>,
    /// Keys to take of each shard
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    sample: usize,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl AuditArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let deployment = self.region.connect().await?;
        let bar = spinner();
        bar.set_message("reading the ring");
        let reference = match &self.ring {
            Some(directory) => ReferenceRing::read(directory)?,
            None => fetched(&deployment).await?,
        };
        let on_progress = |done, total| {
            bar.set_message(format!("looking at the routers: {done} of {total} zones"));
        };
        let audit =
            audit_routers(&deployment, &reference, self.sample, &SystemClock, &on_progress).await;
        bar.finish_and_clear();
        let audit = audit?;
        for unknown in &audit.unknown {
            say(format_args!("reshard: notice: {unknown}"));
        }
        if self.output.is_json() {
            out.json(&audit)?;
        } else {
            show(&audit, out)?;
        }
        Ok(if audit.is_sound() { exit::SUCCESS } else { exit::DAMAGED })
    }
}

async fn fetched(deployment: &Deployment) -> Result<ReferenceRing> {
    let image = current_ring(deployment).await?;
    let work = tempfile::tempdir()?;
    let directory = work.path().join("ring");
    let imgapi = ring_imgapi(deployment).await?;
    fetch_ring_directory(&imgapi, image, &directory).await?;
    Ok(ReferenceRing { image: Some(image), ..ReferenceRing::read(&directory)? })
}

fn show(audit: &RoutersAudit, out: &mut Output) -> Result<()> {
    let stamp = |stamp: Option<ImageUuid>| {
        let text = stamp.map(|stamp| stamp.to_string());
        text.and_then(|text| text.get(..8).map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
    };
    let mut table = Table::new(["INSTANCE", "ZONE", "STATE", "STAMP", "TABLES", "KEYS"]);
    for of in &audit.instances {
        let zone = of.zone.map(|zone| zone.to_string());
        table.row([
            of.instance.clone(),
            zone.and_then(|zone| zone.get(..8).map(str::to_owned)).unwrap_or_default(),
            of.state.clone(),
            stamp(of.stamp),
            (if of.tables == audit.tables { "same" } else { "other" }).to_owned(),
            format!("{} of {}", of.right, audit.keys),
        ]);
    }
    out.table(table)?;
    for (problem, having) in problems(audit) {
        let who = if having.len() == audit.instances.len() {
            format!("all {} processes", having.len())
        } else {
            having.join(", ")
        };
        out.text_in(Mood::Bad, "", format_args!("{who}: {problem}"))?;
    }
    Ok(())
}

/// Every problem with the processes that have it: most have the same.
fn problems(audit: &RoutersAudit) -> BTreeMap<&str, Vec<String>> {
    let mut problems: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for of in &audit.instances {
        for problem in &of.problems {
            let name = format!("{} {}", of.router, of.instance);
            problems.entry(problem).or_default().push(name.trim_end().to_owned());
        }
    }
    problems
}

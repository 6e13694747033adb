//! `reshard ring upload`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use reshard_core::rings::{RingFile, current_ring, fetch_ring_directory, ring_imgapi};
use reshard_core::{Clock, Deployment, SystemClock};
use serde::Serialize;

use crate::output::{Output, say};
use crate::progress::spinner;
use crate::reshard::confirm::Confirm;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::Region;

/// RFD 103 step 8: import a ring's image into IMGAPI, and print its UUID
///
/// The file is unpacked and audited first. SAPI goes on naming the ring that it names. It can be tried again: what is there
/// already is not imported twice.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard ring upload ring.tgz --dry-run")]
pub(in crate::reshard) struct UploadArgs {
    /// The image's file, as `reshard ring pack` writes it
    file: PathBuf,
    #[command(flatten)]
    region: Region,
    #[command(flatten)]
    confirm: Confirm,
    /// Only compare it with the ring that SAPI names
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// The image, and how its ring differs from the one that SAPI names.
#[derive(Serialize)]
struct Uploaded {
    image: String,
    stamped: bool,
    /// Not in a dry run.
    imported: bool,
    compared_with: String,
    moved: usize,
    data_changed: usize,
    same_shape: bool,
}

impl UploadArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let bar = spinner();
        bar.set_message(format!("reading {}", self.file.display()));
        let file = RingFile::read(&self.file).await;
        bar.finish_and_clear();
        let file = file?;
        let deployment = self.region.connect().await?;
        let mut uploaded = compare(&deployment, &file).await?;
        if !self.dry_run {
            self.confirm.ask(&format!("{} Go on?", said(&uploaded)))?;
            let imgapi = ring_imgapi(&deployment).await?;
            let owner = deployment.sapi()?.find_manta().await?.poseidon()?;
            file.import(&imgapi, owner, SystemClock.now()).await?;
            uploaded.imported = true;
        }
        if !uploaded.stamped {
            say(
                "The image has no stamp: routers that install it will not tell which image they have.",
            );
        }
        if self.output.is_json() {
            return Ok(out.json(&uploaded)?);
        }
        if self.dry_run {
            writeln!(out, "{}", said(&uploaded))?;
        } else {
            writeln!(out, "{}", uploaded.image)?;
        }
        Ok(())
    }
}

fn said(uploaded: &Uploaded) -> String {
    let Uploaded { image, compared_with, moved, data_changed, .. } = uploaded;
    let difference = if uploaded.same_shape {
        format!("has {moved} vnodes at other owners and {data_changed} with other data than")
    } else {
        "hashes otherwise, or has another number of vnodes, than".to_owned()
    };
    format!("The image {image} is to be imported, whose ring {difference} SAPI's, {compared_with}.")
}

async fn compare(deployment: &Deployment, file: &RingFile) -> Result<Uploaded> {
    let present = current_ring(deployment).await?;
    let work = tempfile::tempdir()?;
    let imgapi = ring_imgapi(deployment).await?;
    let fetched = fetch_ring_directory(&imgapi, present, &work.path().join("ring")).await?;
    let diff = fetched.ring.diff(&file.ring);
    Ok(Uploaded {
        image: file.image.to_string(),
        stamped: file.stamp.is_some(),
        imported: false,
        compared_with: present.to_string(),
        moved: diff.moved.len(),
        data_changed: diff.data_changed.len(),
        same_shape: diff.algorithm.is_none()
            && diff.vnode_count.is_none()
            && diff.interval.is_none(),
    })
}

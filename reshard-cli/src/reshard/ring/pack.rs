//! `reshard ring pack`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use fash::{ImageDigest, Stamp};
use reshard_core::rings::{RingFile, read_directory};
use reshard_core::{Clock, SystemClock};
use sapi_client::ImageUuid;
use serde_json::json;
use uuid::Uuid;

use crate::fash::pack::{check_ring, pack_ring};
use crate::output::Output;
use crate::progress::while_working;
use crate::reshard::error::Result;
use crate::reshard::format::Format;

/// RFD 103 step 8: pack a LevelDB ring into the image that routers install
///
/// As `fash pack`, with a stamp: routers tell by it which image they have, and `reshard ring upload` imports it under
/// the UUID in the stamp. The ring is audited first. A file that has this ring already is left as it is: it is the same image
/// when it is packed again.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard ring pack ring.new ring.tgz && reshard ring upload ring.tgz")]
pub(in crate::reshard) struct PackArgs {
    /// The ring's LevelDB directory
    ring: PathBuf,
    /// The image's file to write
    file: PathBuf,
    /// The image's UUID [default: a new one]
    #[arg(long, value_name = "UUID")]
    image: Option<ImageUuid>,
    /// Pack no stamp but what the ring has, as manta-adm does
    #[arg(long, conflicts_with = "image")]
    no_stamp: bool,
    /// Only audit the ring
    #[arg(long)]
    dry_run: bool,
    /// Format in which the image's UUID, its file's SHA-1 and size are printed
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl PackArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let image = self.image.unwrap_or_else(|| Uuid::new_v4().into());
        let stamp = (!self.no_stamp).then(|| Stamp {
            image_uuid: image.to_string(),
            date: SystemClock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            source_zone: "reshard ring pack".to_owned(),
        });
        let what = format!("packing {}", self.ring.display());
        if self.dry_run {
            while_working(what, || check_ring(&self.ring))?;
            if self.output.is_json() {
                return Ok(out.json(&json!({ "sound": true }))?);
            }
            writeln!(out, "the ring is sound")?;
            return Ok(());
        }
        let (image, digest) = if let Some(packed) = self.packed_before().await? {
            let (sha1, size) = (packed.file.sha1().to_string(), packed.file.size());
            (packed.stamp.map(|stamp| stamp.image_uuid), ImageDigest { sha1, size })
        } else {
            let packed =
                while_working(what, || pack_ring(&self.ring, &self.file, stamp.as_ref(), false));
            (stamp.map(|stamp| stamp.image_uuid), packed?)
        };
        if self.output.is_json() {
            let document = json!({ "image": image, "sha1": digest.sha1, "size": digest.size });
            return Ok(out.json(&document)?);
        }
        if let Some(image) = image {
            writeln!(out, "image {image}")?;
        }
        writeln!(out, "sha1  {}\nsize  {}", digest.sha1, digest.size)?;
        Ok(())
    }

    /// The file, if it has this ring already, and such a stamp as is asked for.
    async fn packed_before(&self) -> Result<Option<RingFile>> {
        let Ok(there) = RingFile::read(&self.file).await else { return Ok(None) };
        check_ring(&self.ring)?;
        let (ring, own_stamp) = read_directory(&self.ring)?;
        let fits = match (&there.stamp, self.no_stamp) {
            (stamp, true) => *stamp == own_stamp,
            (Some(_), false) => self.image.is_none_or(|image| image == there.image),
            (None, false) => false,
        };
        Ok((fits && there.ring == ring).then_some(there))
    }
}

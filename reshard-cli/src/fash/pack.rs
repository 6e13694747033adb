use std::io::Write;
use std::path::PathBuf;

use fash::Stamp;
use serde_json::json;

use super::error::Result;
use crate::output::Output;
use crate::progress::while_working;

/// Pack a LevelDB ring into an image, the gzipped tar that Manta's IMGAPI keeps
///
/// Prints the image's SHA-1 and its size in bytes, which its manifest needs.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash pack ring ring.tar.gz")]
pub(crate) struct PackArgs {
    /// UUID for the stamp file, by which routers tell which image they run; needs the other two
    #[arg(long, value_name = "UUID", requires_all = ["stamp_date", "stamp_zone"])]
    stamp_image_uuid: Option<String>,

    /// Date for the stamp file, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", requires = "stamp_image_uuid")]
    stamp_date: Option<String>,

    /// UUID of the zone that made the ring, for the stamp file
    #[arg(long, value_name = "UUID", requires = "stamp_image_uuid")]
    stamp_zone: Option<String>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,

    /// The ring's LevelDB directory
    ring: PathBuf,

    /// The image to write
    image: PathBuf,
}

impl PackArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let stamp = match (self.stamp_image_uuid, self.stamp_date, self.stamp_zone) {
            (Some(image_uuid), Some(date), Some(source_zone)) => {
                Some(Stamp { image_uuid, date, source_zone })
            }
            _ => None,
        };
        let what = format!("packing {}", self.ring.display());
        let digest = while_working(what, || fash::pack(&self.ring, &self.image, stamp.as_ref()))?;
        if self.json {
            return Ok(out.json(&json!({ "sha1": digest.sha1, "size": digest.size }))?);
        }
        writeln!(out, "sha1 {}\nsize {}", digest.sha1, digest.size)?;
        Ok(())
    }
}

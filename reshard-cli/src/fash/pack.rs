use std::io::Write;
use std::path::{Path, PathBuf};

use fash::{ImageDigest, RingReader, Stamp};
use serde_json::json;

use super::edit::warn_if_node_fash_cannot_read;
use super::error::{Error, Result};
use crate::output::Output;
use crate::progress::while_working;

/// Pack a LevelDB ring into an image, the gzipped tar that Manta's IMGAPI keeps
///
/// Audits the ring first. Prints the image's SHA-1 and its size in bytes, which its manifest needs. The same ring and stamp give the same image.
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

    /// Pack a consistent snapshot, even if a process such as electric-moray holds the ring
    ///
    /// The snapshot takes the ring's size on disk, in the image's directory, until the image is done.
    #[arg(long)]
    live: bool,

    /// Pack a ring that an audit finds damaged, too
    #[arg(long)]
    allow_damage: bool,

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
        let stamp = self.stamp();
        let what = format!("packing {}", self.ring.display());
        let digest = while_working(what, || self.pack(stamp.as_ref()))?;
        if self.json {
            return Ok(out.json(&json!({ "sha1": digest.sha1, "size": digest.size }))?);
        }
        writeln!(out, "sha1 {}\nsize {}", digest.sha1, digest.size)?;
        Ok(())
    }

    fn stamp(&self) -> Option<Stamp> {
        Some(Stamp {
            image_uuid: self.stamp_image_uuid.clone()?,
            date: self.stamp_date.clone()?,
            source_zone: self.stamp_zone.clone()?,
        })
    }

    fn pack(&self, stamp: Option<&Stamp>) -> Result<ImageDigest> {
        if !self.live {
            return pack_ring(&self.ring, &self.image, stamp, self.allow_damage);
        }
        let beside = self.image.parent().filter(|dir| !dir.as_os_str().is_empty());
        let snapshot =
            tempfile::tempdir_in(beside.unwrap_or(Path::new("."))).map_err(|source| {
                Error::Snapshot { image: self.image.display().to_string(), source }
            })?;
        let copy = snapshot.path().join("hash_ring");
        fash::copy_ring(&self.ring, &copy)?;
        check(&copy, &self.ring, self.allow_damage)?;
        Ok(fash::pack(&copy, &self.image, stamp)?)
    }
}

/// Packs a ring that nobody holds; one that an audit finds damaged only if that is allowed.
pub(crate) fn pack_ring(
    ring: &Path,
    image: &Path,
    stamp: Option<&Stamp>,
    allow_damage: bool,
) -> Result<ImageDigest> {
    check(ring, ring, allow_damage)?;
    Ok(fash::pack(ring, image, stamp)?)
}

/// Refuses what is no ring, what is held by a process that may write to it, and, for an image goes to every router, a
/// damaged ring. The error names the ring as it is known.
fn check(at: &Path, known_as: &Path, allow_damage: bool) -> Result<()> {
    let ring = RingReader::open(at)?;
    warn_if_node_fash_cannot_read(ring.algorithm());
    if allow_damage || ring.audit()?.is_sound() {
        Ok(())
    } else {
        Err(Error::Damaged { ring: known_as.display().to_string() })
    }
}

/// Refuses a ring that cannot be packed.
pub(crate) fn check_ring(ring: &Path) -> Result<()> {
    check(ring, ring, false)
}

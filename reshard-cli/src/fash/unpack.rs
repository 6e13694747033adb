use std::io::Write;
use std::path::PathBuf;

use fash::UnpackOptions;
use serde_json::json;

use super::error::Result;
use crate::output::Output;
use crate::progress::while_working;

/// Unpack a ring image into a new LevelDB ring
///
/// Prints the image's SHA-1 and its size in bytes. If they are not the expected ones there is no ring.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  fash unpack --sha1 0f3b6d1d6f8b6b8cf8d0f5f0f9f4f3c9d1a2b3c4 --size 1234567 ring.tar.gz ring")]
pub(crate) struct UnpackArgs {
    /// The SHA-1 that the image must have, in hex
    #[arg(long, value_name = "HEX")]
    sha1: Option<String>,

    /// The size that the image must have, in bytes
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,

    /// The most that the unpacked ring may take, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = UnpackOptions::default().max_bytes)]
    max_bytes: u64,

    /// The most entries that the image may have
    #[arg(long, value_name = "NUM", default_value_t = UnpackOptions::default().max_entries)]
    max_entries: usize,

    /// Unpack a ring that an audit finds damaged, too: to look at it, or to repair it
    #[arg(long)]
    allow_damage: bool,

    /// Print a JSON object
    #[arg(long)]
    json: bool,

    /// The image
    image: PathBuf,

    /// The LevelDB directory to create; it must not exist, or be empty
    ring: PathBuf,
}

impl UnpackArgs {
    pub(crate) fn run(self, out: &mut Output) -> Result<()> {
        let options = UnpackOptions {
            expected_sha1: self.sha1,
            expected_size: self.size,
            max_bytes: self.max_bytes,
            max_entries: self.max_entries,
            ..UnpackOptions::default()
        };
        let options = if self.allow_damage {
            UnpackOptions { verify: &|_| Ok(()), ..options }
        } else {
            options
        };
        let what = format!("unpacking {}", self.image.display());
        let digest = while_working(what, || fash::unpack(&self.image, &self.ring, &options))?;
        if self.json {
            return Ok(out.json(&json!({ "sha1": digest.sha1, "size": digest.size }))?);
        }
        writeln!(out, "sha1 {}\nsize {}", digest.sha1, digest.size)?;
        Ok(())
    }
}

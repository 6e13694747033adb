//! `reshard ring fetch`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use reshard_core::rings::{current_ring, fetch_ring_directory, ring_imgapi};
use sapi_client::ImageUuid;
use serde_json::json;

use crate::output::{Output, say};
use crate::progress::spinner;
use crate::reshard::error::Result;
use crate::reshard::format::Format;
use crate::reshard::place::Region;

/// RFD 103 step 8: fetch the ring that SAPI names
///
/// The image is downloaded, checked against its manifest, and unpacked as a LevelDB ring that `fash` reads. The directory
/// appears when that is done.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard ring fetch ring && fash stats -b leveldb -l ring")]
pub(in crate::reshard) struct FetchArgs {
    /// The directory to make; it must not be there yet, or be empty
    directory: PathBuf,
    #[command(flatten)]
    region: Region,
    /// Fetch this image [default: the one that SAPI names]
    #[arg(long, value_name = "UUID")]
    image: Option<ImageUuid>,
    /// Only print what would be fetched
    #[arg(long)]
    dry_run: bool,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl FetchArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        let deployment = self.region.connect().await?;
        let image = match self.image {
            Some(image) => image,
            None => current_ring(&deployment).await?,
        };
        let imgapi = ring_imgapi(&deployment).await?;
        if self.dry_run {
            let manifest = imgapi.get_image(image).await?;
            let size = manifest.files.first().map(|file| file.size);
            if self.output.is_json() {
                return Ok(out.json(&json!({ "image": image, "size": size }))?);
            }
            let size = size.map_or_else(|| "no file".to_owned(), |size| format!("{size} bytes"));
            writeln!(
                out,
                "image {image}, {size}, would be unpacked to {}",
                self.directory.display()
            )?;
            return Ok(());
        }
        let bar = spinner();
        bar.set_message(format!("fetching the ring {image}"));
        let fetched = fetch_ring_directory(&imgapi, image, &self.directory).await;
        bar.finish_and_clear();
        let fetched = fetched?;
        if self.output.is_json() {
            return Ok(out.json(&json!({
                "image": image,
                "sha1": fetched.sha1.as_str(),
                "size": fetched.size,
                "stamp": fetched.stamp,
                "vnodes": fetched.ring.vnode_count(),
                "pnodes": fetched.ring.pnodes(),
            }))?);
        }
        writeln!(out, "image  {image}\nsha1   {}\nsize   {}", fetched.sha1, fetched.size)?;
        writeln!(out, "vnodes {}", fetched.ring.vnode_count())?;
        for pnode in fetched.ring.pnodes() {
            writeln!(out, "pnode  {pnode}")?;
        }
        if fetched.stamp.is_none() {
            say("The image has no stamp, as those that manta-adm makes.");
        }
        Ok(())
    }
}

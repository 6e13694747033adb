//! The ring that SAPI names: downloaded, checked and read.

use std::path::Path;

use fash::{RingReader, UnpackOptions};
use manatee_client::ShardName;
use sapi_client::ImageUuid;
use sapi_client::manta::MantaApplication;

use super::{InventoryError, PnodeFacts, RingFacts};
use crate::VnodeSet;
use crate::deployment::Deployment;
use crate::keys::KeyHash;
use crate::private::create_private_directory;

/// The port in the names of pnodes, which electric-moray has built in.
const PORT: u16 = 2020;

/// A shard's name in rings, such as `tcp://1.moray.coal.joyent.us:2020`.
pub fn pnode_name(shard: &ShardName) -> String {
    format!("tcp://{shard}:{PORT}")
}

impl RingFacts {
    /// The vnodes of a shard; `None` if the ring does not have it.
    pub fn vnodes_of(&self, shard: &ShardName) -> Option<&VnodeSet> {
        let pnode = pnode_name(shard);
        self.pnodes.iter().find(|facts| facts.pnode == pnode).map(|facts| &facts.vnodes)
    }
}

/// Reads the ring that SAPI names. Its image is downloaded once into the directory `cache`, and checked against IMGAPI's
/// SHA-1 and size whenever it is read.
///
/// # Errors
///
/// [`InventoryError`]
pub async fn read_ring(
    deployment: &Deployment,
    manta: &MantaApplication,
    cache: &Path,
) -> Result<RingFacts, InventoryError> {
    let (uuid, base) = (manta.hash_ring_image()?, manta.hash_ring_imgapi()?);
    let image = deployment.imgapi_at(&base).get_image(uuid).await;
    let image = image.map_err(|error| {
        if error.is_not_found() {
            InventoryError::NoRingImage { image: uuid, imgapi: base.to_string() }
        } else {
            InventoryError::api(format!("the image {uuid} of the ring"))(error)
        }
    })?;
    let file = image.files.first().ok_or(InventoryError::NoRingFile(uuid))?;
    let (sha1, size) = (file.sha1.to_string(), file.size);
    let unusable = |source| InventoryError::Cache { path: cache.to_owned(), source };
    create_private_directory(cache).map_err(unusable)?;
    // Made first, so that a directory that cannot be written is not taken for a ring that cannot be had.
    let scratch = tempfile::tempdir_in(cache).map_err(unusable)?;
    let archive = cache.join(format!("{uuid}.tar.gz"));
    let known = if tokio::fs::try_exists(&archive).await.map_err(unusable)? {
        read_image(uuid, &archive, scratch.path(), &sha1, size).await
    } else {
        Err(InventoryError::NoRingFile(uuid))
    };
    let (hashing, pnodes) = match known {
        Ok(read) => read,
        // What was kept may be damaged; what comes from IMGAPI now is what counts.
        Err(_) => {
            let imgapi = deployment.imgapi_at(&base);
            let downloaded = imgapi.download_image_file(&image, &archive).await;
            downloaded.map_err(InventoryError::api(format!("the file of the image {uuid}")))?;
            read_image(uuid, &archive, scratch.path(), &sha1, size).await?
        }
    };
    let vnode_count = hashing.vnode_count();
    let imgapi = base.to_string();
    Ok(RingFacts { image: uuid, sha1, size, imgapi, vnode_count, hashing, pnodes })
}

async fn read_image(
    image: ImageUuid,
    archive: &Path,
    scratch: &Path,
    sha1: &str,
    size: u64,
) -> Result<(KeyHash, Vec<PnodeFacts>), InventoryError> {
    let (archive, scratch, sha1) = (archive.to_owned(), scratch.to_owned(), sha1.to_owned());
    let read = move || unpack_and_read(image, &archive, &scratch, sha1, size);
    tokio::task::spawn_blocking(read).await.map_err(InventoryError::BrokenOff)?
}

fn unpack_and_read(
    image: ImageUuid,
    archive: &Path,
    scratch: &Path,
    sha1: String,
    size: u64,
) -> Result<(KeyHash, Vec<PnodeFacts>), InventoryError> {
    let unusable = |source| InventoryError::Cache { path: scratch.to_owned(), source };
    // Unpacked anew each time: nobody knows what became of a directory meanwhile.
    let directory = tempfile::tempdir_in(scratch).map_err(unusable)?;
    let ring = directory.path().join("ring");
    let options = UnpackOptions {
        expected_sha1: Some(sha1),
        expected_size: Some(size),
        ..UnpackOptions::default()
    };
    fash::unpack(archive, &ring, &options)
        .map_err(|source| InventoryError::Image { image, source: Box::new(source) })?;
    let unreadable = |source| InventoryError::Ring { image, source: Box::new(source) };
    let ring = RingReader::open(&ring).and_then(|reader| reader.load()).map_err(unreadable)?;
    let pnodes = ring.pnodes().iter().map(|pnode| PnodeFacts {
        pnode: pnode.to_string(),
        // A pnode of the ring is one that it knows.
        vnodes: ring.vnodes_of(pnode).unwrap_or_default().into_iter().collect(),
    });
    Ok((KeyHash::of(&ring), pnodes.collect()))
}

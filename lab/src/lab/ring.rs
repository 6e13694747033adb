//! A lab's first ring, and the image of it in IMGAPI.

use fash::{Algorithm, ImageDigest, Pnode, Ring};
use serde_json::json;

use super::error::Cause;
use super::images::{self, NewImage};
use crate::layout::Layout;

/// The pnode of a shard.
pub(super) fn pnode(shard: &str) -> Result<Pnode, Cause> {
    Ok(format!("tcp://{shard}:{}", crate::moray::PORT).parse()?)
}

/// The ring that a lab begins with: all shards have the same number of vnodes.
pub(super) fn first_ring(layout: &Layout) -> Result<Ring, Cause> {
    let pnodes: Result<Vec<Pnode>, Cause> =
        layout.shard_names().map(|shard| pnode(&shard)).collect();
    Ok(Ring::create(Algorithm::Sha256, layout.options.vnodes, pnodes?)?)
}

/// Packs a ring, in a directory that is removed again.
fn pack(ring: &Ring) -> Result<(Vec<u8>, ImageDigest), Cause> {
    let scratch = tempfile::tempdir()?;
    let directory = scratch.path().join("hash_ring");
    fash::create_ring(&directory, ring)?;
    let image = scratch.path().join("image.tar.gz");
    // As manta-adm's first image: without a stamp.
    let digest = fash::pack(&directory, &image, None)?;
    Ok((std::fs::read(image)?, digest))
}

/// Puts the image of a ring into IMGAPI.
pub(super) async fn import(layout: &Layout, ring: Ring) -> Result<(), Cause> {
    let (image, digest) = tokio::task::spawn_blocking(move || pack(&ring)).await??;
    let (uuid, now) = (layout.ring_image, jiff::Timestamp::now());
    let manifest = json!({
        "v": 2, "uuid": uuid, "owner": layout.poseidon, "name": "manta-hash-ring",
        "version": now.strftime("%Y%m%dT%H%M%SZ").to_string(), "state": "active", "public": false,
        "published_at": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "type": "other", "os": "other",
        "files": [{"sha1": digest.sha1, "size": digest.size, "compression": "gzip"}],
        "description": "Manta Hash Ring",
    });
    let (compression, sha1) = ("gzip", digest.sha1);
    images::import(layout, NewImage { uuid, manifest, file: image, compression, sha1 }).await
}

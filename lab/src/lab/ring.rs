//! A lab's first ring, and the image of it in IMGAPI.

use std::time::Duration;

use fash::{Algorithm, ImageDigest, Pnode, Ring};
use serde_json::json;

use super::error::Cause;
use crate::layout::Layout;

/// How long IMGAPI may take to answer.
const PATIENCE: Duration = Duration::from_mins(2);

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

/// Puts the image of a ring into IMGAPI, as `sdc-imgadm import` does.
pub(super) async fn import(layout: &Layout, ring: Ring) -> Result<(), Cause> {
    let (image, digest) = tokio::task::spawn_blocking(move || pack(&ring)).await??;
    let (uuid, client) =
        (layout.ring_image, reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?);
    let url = format!("http://{}/images/{uuid}", layout.block.imgapi());
    let now = jiff::Timestamp::now();
    let manifest = json!({
        "v": 2, "uuid": uuid, "owner": layout.poseidon, "name": "manta-hash-ring",
        "version": now.strftime("%Y%m%dT%H%M%SZ").to_string(), "state": "active", "public": false,
        "published_at": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "type": "other", "os": "other",
        "files": [{"sha1": digest.sha1, "size": digest.size, "compression": "gzip"}],
        "description": "Manta Hash Ring",
    });
    let json = |url: String, body: Vec<u8>| {
        client.post(url).header("content-type", "application/json").body(body)
    };
    let imported =
        json(format!("{url}?action=import&skip_owner_check=true"), serde_json::to_vec(&manifest)?);
    imported.send().await?.error_for_status()?;
    let file = client.put(format!("{url}/file?compression=gzip&sha1={}", digest.sha1));
    file.header("content-type", "application/octet-stream")
        .body(image)
        .send()
        .await?
        .error_for_status()?;
    json(format!("{url}?action=activate"), b"{}".to_vec()).send().await?.error_for_status()?;
    Ok(())
}

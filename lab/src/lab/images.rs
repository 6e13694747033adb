//! The images of the services in IMGAPI: a zone can be made only from an image that is there.

use std::time::Duration;

use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use uuid::Uuid;

use super::error::Cause;
use crate::layout::{Layout, ServiceImage};

/// The longest that IMGAPI may take for an answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// An image to be put into IMGAPI.
pub(super) struct NewImage {
    pub(super) uuid: Uuid,
    pub(super) manifest: Value,
    pub(super) file: Vec<u8>,
    /// The way in which the file is compressed.
    pub(super) compression: &'static str,
    /// The file's, in hexadecimal digits.
    pub(super) sha1: String,
}

/// Puts an image into IMGAPI, as `sdc-imgadm import` does.
pub(super) async fn import(layout: &Layout, image: NewImage) -> Result<(), Cause> {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let url = format!("http://{}/images/{}", layout.block.imgapi(), image.uuid);
    let json = |url: String, body: Vec<u8>| {
        client.post(url).header("content-type", "application/json").body(body)
    };
    let manifest = serde_json::to_vec(&image.manifest)?;
    let imported = json(format!("{url}?action=import&skip_owner_check=true"), manifest);
    imported.send().await?.error_for_status()?;
    let (compression, sha1) = (image.compression, image.sha1);
    let file = client.put(format!("{url}/file?compression={compression}&sha1={sha1}"));
    file.header("content-type", "application/octet-stream")
        .body(image.file)
        .send()
        .await?
        .error_for_status()?;
    json(format!("{url}?action=activate"), b"{}".to_vec()).send().await?.error_for_status()?;
    Ok(())
}

/// Puts the images of all services into IMGAPI. Their files hold a name only: zones of a lab are made without them.
pub(super) async fn import_services(layout: &Layout) -> Result<(), Cause> {
    for ServiceImage { role, uuid } in &layout.images {
        let name = format!("manta-{}", role.service());
        let file = name.clone().into_bytes();
        let sha1 =
            Sha1::digest(&file).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        let now = jiff::Timestamp::now();
        let manifest = json!({
            "v": 2, "uuid": uuid, "owner": layout.poseidon, "name": name,
            "version": format!("master-{}", now.strftime("%Y%m%dT%H%M%SZ")), "state": "active",
            "public": false, "published_at": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "type": "zone-dataset", "os": "smartos", "description": "An image of a service of Manta",
        });
        import(layout, NewImage { uuid: *uuid, manifest, file, compression: "none", sha1 }).await?;
    }
    Ok(())
}

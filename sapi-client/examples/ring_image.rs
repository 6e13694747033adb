//! Imports a ring image, wherever an earlier try ended.
//!
//! `cargo run --example ring_image -- http://imgapi.coal.joyent.us OWNER IMAGE VERSION ring.tar.gz`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use sapi_client::imgapi::{Image, Imgapi, ImportOptions, LocalFile, NewImage};
use sapi_client::{HttpTransport, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, owner, image, version, path] = arguments.as_slice() else {
        println!("usage: ring_image IMGAPI-URL OWNER-UUID IMAGE-UUID VERSION RING.tar.gz");
        return Ok(());
    };
    let image = import(address, owner, image, version, path).await?;
    println!("{} is {:?}", image.uuid, image.state);
    for file in image.files {
        println!("its file has {} bytes and the SHA-1 {}", file.size, file.sha1);
    }
    Ok(())
}

/// The image as it is in the end: active.
pub(crate) async fn import(
    address: &str,
    owner: &str,
    image: &str,
    version: &str,
    path: &str,
) -> Result<Image, Box<dyn Error>> {
    let transport = HttpTransport::new(Duration::from_secs(5))?;
    let imgapi = Imgapi::new(address.parse()?, transport, Settings::default());

    let ring = NewImage::ring(image.parse()?, owner.parse()?, version)?;
    let file = LocalFile::open(path).await?;
    Ok(imgapi.import_image(&ring, &file, ImportOptions::default()).await?)
}

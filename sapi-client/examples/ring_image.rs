//! Imports a ring image, wherever an earlier try ended.
//!
//! `cargo run --example ring_image -- http://imgapi.coal.joyent.us OWNER IMAGE VERSION ring.tar.gz`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use sapi_client::imgapi::{Imgapi, ImportOptions, LocalFile, NewImage};
use sapi_client::{HttpTransport, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, owner, image, version, path] = arguments.as_slice() else {
        println!("usage: ring_image IMGAPI-URL OWNER-UUID IMAGE-UUID VERSION RING.tar.gz");
        return Ok(());
    };
    let transport = HttpTransport::new(Duration::from_secs(5))?;
    let imgapi = Imgapi::new(address.parse()?, transport, Settings::default());

    let ring = NewImage::ring(image.parse()?, owner.parse()?, version)?;
    let file = LocalFile::open(path).await?;
    let image = imgapi.import_image(&ring, &file, ImportOptions::default()).await?;
    println!("{} is {:?} with SHA-1 {}", image.uuid, image.state, file.sha1());
    Ok(())
}

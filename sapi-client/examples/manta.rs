//! Shows the application manta: its ring and its shards.
//!
//! `cargo run --example manta -- http://sapi.coal.joyent.us`; without an address it talks to a server of its own.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use sapi_client::sapi::{ApplicationFilter, Sapi};
use sapi_client::{HttpTransport, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = match std::env::args().nth(1) {
        Some(address) => address,
        None => start_server().await?,
    };
    for line in describe(&address).await? {
        println!("{line}");
    }
    Ok(())
}

/// The lines to be said about the Manta that this SAPI knows.
pub(crate) async fn describe(address: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let transport = HttpTransport::new(Duration::from_secs(5))?;
    let sapi = Sapi::new(address.parse()?, transport, Settings::default());

    let mut lines = Vec::new();
    let filter = ApplicationFilter { include_master: true, ..ApplicationFilter::default() };
    for application in sapi.list_applications(&filter).await? {
        let name = application.name.unwrap_or_default();
        lines.push(format!("application {} {name}", application.uuid));
    }
    let manta = sapi.find_manta().await?;
    let (region, ring, imgapi) =
        (manta.region()?, manta.hash_ring_image()?, manta.hash_ring_imgapi()?);
    lines.push(format!("region {region}, ring {ring} at {imgapi}"));
    for shard in manta.index_shards()?.iter() {
        let note = if shard.is_read_only() { ", read-only" } else { "" };
        lines.push(format!("shard {}{note}", shard.host()));
    }
    Ok(lines)
}

/// A SAPI that has one application.
pub(crate) async fn start_server() -> std::io::Result<String> {
    let body = r#"[{"uuid":"32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10","name":"manta","metadata":{"REGION":"coal",
        "HASH_RING_IMAGE":"f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d","HASH_RING_IMGAPI_SERVICE":"http://imgapi.coal.joyent.us",
        "INDEX_MORAY_SHARDS":[{"host":"1.moray.coal.joyent.us","readOnly":true},{"host":"2.moray.coal.joyent.us","last":true}]}}]"#;
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // The requests of this example are small: each comes in one piece.
            let mut request = vec![0; 4096];
            if stream.read(&mut request).await.is_ok()
                && stream.write_all(answer.as_bytes()).await.is_err()
            {
                break;
            }
        }
    });
    Ok(address)
}

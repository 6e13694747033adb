//! Writes, reads and removes an object through electric-moray, and tells which shard it went to.
//!
//!     cargo run -p triton-moray --example canary [ADDRESS [BUCKET [KEY]]]
//!
//! Without an address it starts a small server of its own.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::indexing_slicing, reason = "the small server is one of an example")]

mod store;

use std::error::Error;

use moray_client::{
    Client, ClientOptions, DeleteOptions, EtagCondition, GetOptions, PutOptions, Server,
};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (address, _server) = match args.next() {
        Some(address) => (address, None),
        None => {
            let server = Server::start("127.0.0.1:0", store::Store::default()).await?;
            (server.address().to_string(), Some(server))
        }
    };
    let bucket = args.next().unwrap_or_else(|| "manta".to_owned());
    let key = args.next().unwrap_or_else(|| "/reshard/stor/canary".to_owned());
    let client = Client::new(address, ClientOptions::default());
    println!("shards: {}", client.tokens().await?.join(" "));

    // Never over something that someone else has put there.
    let new = PutOptions { etag: EtagCondition::Absent, ..Default::default() };
    let put = client.put_object(&bucket, &key, &json!({"canary": true}), &new).await?;
    match &put.node {
        Some(node) => println!("{key} went to vnode {} on {}", node.vnode, node.pnode),
        None => println!("{key} was put; this is a Moray and no electric-moray"),
    }
    let object = client.get_object(&bucket, &key, &GetOptions::default()).await?;
    assert_eq!(object.etag, put.etag, "what is read is what was written");

    if let Err(error) = client.put_object(&bucket, &key, &json!({}), &new).await {
        println!("putting it again as new: {}", error.with_causes());
    }
    let mine = DeleteOptions { etag: Some(put.etag), ..Default::default() };
    client.delete_object(&bucket, &key, &mine).await?;
    let gone = client.get_object(&bucket, &key, &GetOptions::default()).await;
    println!("deleted, gone: {}", gone.is_err_and(|error| error.is_not_found()));
    Ok(())
}

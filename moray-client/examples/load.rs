//! Many puts at once over a few connections, with their latencies.
//!
//!     cargo run --release -p triton-moray --example load [ADDRESS [REQUESTS [AT_ONCE]]]
//!
//! Without an address it starts a small server of its own.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::indexing_slicing, reason = "the small server is one of an example")]

mod store;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moray_client::{Client, ClientOptions, PutOptions, Server};
use serde_json::json;
use tokio::task::JoinSet;

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
    let requests: usize = args.next().map_or(Ok(20_000), |text| text.parse())?;
    let at_once: usize = args.next().map_or(Ok(64), |text| text.parse())?;
    let client = Client::new(address, ClientOptions::default());

    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (client, next) = (client.clone(), Arc::clone(&next));
        workers.spawn(async move {
            let (mut latencies, mut failed) = (Vec::new(), 0_usize);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return (latencies, failed);
                }
                let key = format!("/load/stor/{number}");
                let put_at = Instant::now();
                let value = json!({"number": number});
                match client.put_object("manta", &key, &value, &PutOptions::default()).await {
                    Ok(_) => latencies.push(put_at.elapsed()),
                    Err(_) => failed += 1,
                }
            }
        });
    }
    let (mut latencies, mut failed): (Vec<Duration>, usize) = (Vec::new(), 0);
    for (of_one, failed_of_one) in workers.join_all().await {
        latencies.extend(of_one);
        failed += failed_of_one;
    }
    let took = begun.elapsed();
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied();
    println!("{} puts in {took:.2?}, {failed} failed", latencies.len());
    println!("median {:?}, 99 % {:?}", at(50).unwrap_or_default(), at(99).unwrap_or_default());
    Ok(())
}

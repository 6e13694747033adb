//! Tells every change of a shard's state and of the peers that are there: `watch ZOOKEEPER SHARD`.

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;

use manatee_client::{Session, SessionOptions, Shard, active_candidates};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(shard)) = (arguments.next(), arguments.next()) else {
        return Err(
            "usage: watch ZOOKEEPER SHARD, e.g. watch 10.99.4.2:2181 9.moray.lab.example.net"
                .into(),
        );
    };
    let session = Session::connect(&servers.parse()?, &SessionOptions::default()).await?;
    let shard = Shard::new(session.clone(), shard.parse()?);
    let mut events = session.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            println!("session: {event:?}");
        }
    });
    let mut candidates = shard.watch_candidates();
    tokio::spawn(async move {
        while let Ok(all) = candidates.next().await {
            let peers: Vec<&str> =
                active_candidates(&all).iter().map(|peer| peer.id.as_str()).collect();
            println!("peers there: {}", peers.join(", "));
        }
    });
    let mut states = shard.watch();
    loop {
        match states.next().await? {
            None => println!("state: none"),
            Some(stored) => {
                let (version, state) = (stored.version, stored.state);
                let chain: Vec<&str> = state.chain().map(|peer| peer.zone_id.label()).collect();
                let frozen = if state.is_frozen() { ", frozen" } else { "" };
                println!(
                    "state {version}: generation {}, {}{frozen}",
                    state.generation,
                    chain.join(" <- ")
                );
            }
        }
    }
}

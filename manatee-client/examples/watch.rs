//! Tells every change of a shard's state and of the peers that are there, until the session is over.
//!
//!     cargo run -p triton-manatee --example watch -- ZOOKEEPER SHARD

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod common;

use std::error::Error;
use std::process::ExitCode;

use manatee_client::{Session, SessionOptions, Shard, ShardError, StoredState, active_candidates};

#[tokio::main]
async fn main() -> ExitCode {
    common::finish(watch().await)
}

async fn watch() -> Result<(), Box<dyn Error>> {
    let usage = "watch ZOOKEEPER SHARD, e.g. watch 10.99.4.2:2181 9.moray.lab.example.net";
    let [servers, shard] = common::arguments(usage)?;
    let session = Session::connect(&servers.parse()?, &SessionOptions::default()).await?;
    let shard = Shard::new(session.clone(), shard.parse()?);
    let mut events = session.events();
    let (mut states, mut candidates) = (shard.watch(), shard.watch_candidates());
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => println!("session: {event:?}"),
                None => return Err("the session is over".into()),
            },
            all = candidates.next() => {
                let all = all?;
                let peers = active_candidates(&all);
                let ids: Vec<&str> = peers.iter().map(|peer| peer.id.as_str()).collect();
                println!("peers: {}", if ids.is_empty() { "none".into() } else { ids.join(", ") });
            }
            state = states.next() => match state {
                Ok(Some(stored)) => println!("{}", line(&stored)),
                Ok(None) => println!("state: none"),
                Err(ShardError::BadState { source, .. }) => println!("state: {source}"),
                Err(error) => return Err(error.into()),
            },
        }
    }
}

fn line(stored: &StoredState) -> String {
    let (version, state) = (stored.version, &stored.state);
    let chain: Vec<&str> = state.chain().map(|peer| peer.zone_id.label()).collect();
    let frozen = if state.is_frozen() { ", frozen" } else { "" };
    format!(
        "state: version {version}, generation {}, {}{frozen}",
        state.generation,
        chain.join(" <- ")
    )
}

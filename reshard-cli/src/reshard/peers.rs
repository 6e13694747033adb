//! `reshard peers`: the peers of a shard, and the steps that make new ones.

use std::io::Write;

use clap::{Args, Subcommand};
use reshard_core::peers::{ChainStatus, PeerStatus, chain_status};
use reshard_core::quantity::bytes;

use super::by_hand::{self, PeersStep};
use super::complete;
use super::error::Result;
use super::format::Format;
use super::place::Region;
use super::shard_arg::ShardArg;
use crate::exit;
use crate::output::{Output, say};
use crate::screen::Mood;
use crate::table::Table;

/// A shard's peers
#[derive(Subcommand, Debug)]
pub(super) enum PeersCommand {
    Show(ShowArgs),
    #[command(flatten)]
    Step(PeersStep),
}

impl PeersCommand {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        match self {
            Self::Show(args) => args.run(out).await.map(|()| exit::SUCCESS),
            Self::Step(step) => by_hand::run(step, out).await,
        }
    }
}

/// Show the peers of a shard in the order of the chain, and how far behind the primary each is
///
/// For the primary POSITION is what it has written, for others what they have replayed.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  reshard peers show 2.moray.coal.joyent.us")]
pub(super) struct ShowArgs {
    /// The shard; its number is enough
    #[arg(add = complete::shards())]
    shard: ShardArg,
    #[command(flatten)]
    region: Region,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl ShowArgs {
    async fn run(self, out: &mut Output) -> Result<()> {
        let deployment = self.region.connect().await?;
        let shard = self.shard.resolve(&deployment).await?;
        let chain = chain_status(&deployment, &shard).await?;
        if self.output.is_json() {
            return Ok(out.json(&chain)?);
        }
        who(&chain, out)?;
        writeln!(out)?;
        let mut table = Table::new(["ROLE", "PEER", "POSITION", "BEHIND", "REPLICATION"]);
        for peer in &chain.peers {
            table.row([
                peer.role.to_string(),
                peer.zone.label().to_owned(),
                peer.position.map_or_else(none, |position| position.to_string()),
                peer.behind.map_or_else(none, bytes),
                replication(peer),
            ]);
        }
        out.table(table)?;
        for peer in &chain.peers {
            if let Some(trouble) = &peer.trouble {
                out.text_in(Mood::Bad, "", format_args!("{}: {trouble}", peer.zone.label()))?;
            }
        }
        Ok(())
    }
}

/// Prints who and where the peers are; what is not known goes to standard error.
pub(super) fn who(chain: &ChainStatus, out: &mut Output) -> Result<()> {
    let mut table = Table::new(["ROLE", "ALIAS", "SERVER", "ADDRESS"]);
    for peer in &chain.peers {
        let place = peer.place.as_ref();
        let server =
            place.map(|place| place.hostname.clone().unwrap_or_else(|| place.server.to_string()));
        table.row([
            peer.role.to_string(),
            place.map_or_else(|| peer.zone.to_string(), |place| place.alias.clone()),
            server.unwrap_or_else(none),
            peer.ip.clone(),
        ]);
    }
    out.table(table)?;
    for unknown in &chain.unknown {
        say(format_args!("reshard: notice: {unknown}"));
    }
    Ok(())
}

fn none() -> String {
    "-".to_owned()
}

fn replication(peer: &PeerStatus) -> String {
    if peer.trouble.is_some() {
        return "none".to_owned();
    }
    if let Some(restore) = &peer.restore {
        let percent = restore.completed.saturating_mul(100) / restore.size.max(1);
        return format!("restoring, {percent} % of {}", bytes(restore.size));
    }
    match peer.streams {
        Some(true) => "streams".to_owned(),
        Some(false) => "does not stream".to_owned(),
        None => none(),
    }
}

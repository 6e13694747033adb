//! `reshard ring`: the ring as directories, files and images, whether the routers have it, and the steps that change it.

mod audit;
mod fetch;
mod pack;
mod remap;
mod upload;

use clap::Subcommand;

use super::by_hand::{self, RingStep};
use super::error::Result;
use crate::exit;
use crate::output::Output;

/// The ring
#[derive(Subcommand, Debug)]
pub(super) enum RingCommand {
    Audit(audit::AuditArgs),
    Fetch(fetch::FetchArgs),
    Remap(remap::RemapArgs),
    Pack(pack::PackArgs),
    Upload(upload::UploadArgs),
    #[command(flatten)]
    Step(RingStep),
}

impl RingCommand {
    pub(super) async fn run(self, out: &mut Output) -> Result<u8> {
        let done = match self {
            Self::Audit(args) => return args.run(out).await,
            Self::Step(step) => return by_hand::run(step, out).await,
            Self::Fetch(args) => args.run(out).await,
            Self::Remap(args) => args.run(out).await,
            Self::Pack(args) => args.run(out).await,
            Self::Upload(args) => args.run(out).await,
        };
        done.map(|()| exit::SUCCESS)
    }
}

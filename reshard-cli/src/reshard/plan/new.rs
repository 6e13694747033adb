//! `reshard plan new`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use reshard_core::{
    Costs, JournalError, Layout, Plan, PlanUuid, Request, Selection, SqliteJournal, SystemClock,
    VnodeSet, gather,
};
use sapi_client::{ImageUuid, ServerUuid};

use super::summary;
use crate::output::{Output, say};
use crate::progress::spinner;
use crate::reshard::complete;
use crate::reshard::error::{Error, Result};
use crate::reshard::measure::measured;
use crate::reshard::mode::ModeName;
use crate::reshard::place::{Cache, Region};
use crate::reshard::runnable::Runnable;
use crate::reshard::shard_arg::ShardArg;

/// Look at the region and make a plan to split a shard; nothing is changed
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reshard plan new 2.moray.coal.joyent.us split.plan
  reshard plan new 2.moray.coal.joyent.us four.plan --new-shards 3 --by rows
  reshard plan new 2 some.plan --by listed --vnodes 0-99,4711")]
pub(super) struct NewArgs {
    /// The shard to split; its number is enough
    #[arg(add = complete::shards())]
    source: ShardArg,
    /// The file to write the plan to
    plan: PathBuf,
    #[command(flatten)]
    region: Region,
    /// The way in which vnodes move
    #[arg(long, value_enum, default_value_t)]
    mode: ModeName,
    /// New shards, 1 to 16
    #[arg(long, default_value_t = 1)]
    new_shards: u32,
    /// Their numbers [default: the next free ones]
    #[arg(long, value_delimiter = ',')]
    numbers: Vec<u32>,
    /// Choice of the vnodes that move
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// The vnodes for `--by listed`, such as 0-99,4711; `@FILE` reads them from a file
    #[arg(long, value_name = "VNODES", required_if_eq("by", "listed"))]
    vnodes: Option<String>,
    /// For each new shard the part of the rows that it gets, in percent, such as 3=25
    #[arg(long, value_name = "NUMBER=PERCENT", value_delimiter = ',', conflicts_with_all = ["by", "vnodes"])]
    share: Vec<String>,
    /// Layout of the new shards
    #[arg(long, value_enum, default_value_t)]
    layout: LayoutName,
    /// Servers for the new zones [default: those with room in the source's datacenters]
    #[arg(long, value_delimiter = ',')]
    servers: Vec<ServerUuid>,
    /// The image of new peers [default: that of the source's primary]
    #[arg(long, value_name = "UUID")]
    postgres_image: Option<ImageUuid>,
    /// The image of new Moray zones [default: that of the source's]
    #[arg(long, value_name = "UUID")]
    moray_image: Option<ImageUuid>,
    /// Moray zones of each new shard [default: 2, in the mode rfd103 1]
    #[arg(long)]
    morays: Option<u32>,
    /// Seconds for which requests may wait at the cutover [default: 1]; in the mode rfd103, for which writes may be refused,
    /// the way back included [default: twice the prediction]
    #[arg(long, value_name = "SECONDS")]
    budget: Option<u64>,
    /// Split the shard though it is the storage or Marlin shard
    #[arg(long)]
    allow_storage_shard: bool,
    /// Count the rows, though the choice does not need it
    #[arg(long)]
    measure: bool,
    /// Count only this percentage of the pages, chosen at random
    #[arg(long, value_name = "PERCENT")]
    sample: Option<f64>,
    /// Predict by what `reshard report --costs` printed for an earlier plan
    #[arg(long, value_name = "FILE")]
    costs: Option<PathBuf>,
    #[command(flatten)]
    cache: Cache,
    /// Print the plan and do not write it
    #[arg(long)]
    dry_run: bool,
}

/// The choice of vnodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// Equal numbers of vnodes
    #[default]
    Count,
    /// Equal numbers of rows
    Rows,
    /// Equal numbers of bytes
    Bytes,
    /// The vnodes given with --vnodes
    Listed,
}

/// The layout of new shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LayoutName {
    /// Primary, sync and async
    #[default]
    ThreePeers,
    /// One peer in one-node-write mode, for laboratories
    OnePeer,
}

impl NewArgs {
    pub(super) async fn run(self, out: &mut Output) -> Result<()> {
        // Counting rows takes a while: not in vain.
        if !self.dry_run && self.plan.try_exists()? {
            return Err(JournalError::Exists { path: self.plan.display().to_string() }.into());
        }
        let mut request = self.request()?;
        let cache = self.cache.open()?;
        let deployment = self.region.connect().await?;
        request.source = self.source.resolve(&deployment).await?;
        let spinner = spinner();
        let on_progress = |what: &str| spinner.set_message(what.to_owned());
        let inventory =
            gather(&deployment, &request.source, cache.path(), &SystemClock, &on_progress).await;
        spinner.finish_and_clear();
        let mut inventory = inventory?;
        if self.measure || request.selection.needs_measurement() {
            inventory.measurement =
                Some(measured(&deployment, &request.source, &inventory, self.sample).await?);
        }
        let costs = self.costs()?;
        let plan = Plan::make(PlanUuid::random(), Timestamp::now(), request, inventory, &costs)?;
        summary(&plan, out)?;
        if !self.dry_run {
            SqliteJournal::create(&self.plan, &plan)?;
            // The last that is read says what to type.
            out.flush()?;
            let line = Runnable::new(&self.plan, self.region.config().said());
            say(format_args!(
                "Written to {}; `{}` carries it out.",
                line.file(),
                line.in_region("run", "")
            ));
        }
        Ok(())
    }

    fn request(&self) -> Result<Request> {
        let selection = if self.share.is_empty() {
            match self.by {
                By::Count => Selection::Count,
                By::Rows => Selection::Rows,
                By::Bytes => Selection::Bytes,
                By::Listed => Selection::Listed(self.listed()?),
            }
        } else {
            Selection::Shares(
                self.share.iter().map(|share| parsed_share(share)).collect::<Result<_>>()?,
            )
        };
        let mut request = Request::new(self.source.written().clone())
            .with_new_shards(self.new_shards)
            .with_numbers(self.numbers.iter().copied())
            .with_selection(selection)
            .with_layout(match self.layout {
                LayoutName::ThreePeers => Layout::ThreePeers,
                LayoutName::OnePeer => Layout::OnePeer,
            })
            .with_servers(self.servers.iter().copied())
            .with_mode(self.mode.into());
        request.morays = self.morays;
        request.postgres_image = self.postgres_image;
        request.moray_image = self.moray_image;
        request.allow_storage_shard = self.allow_storage_shard;
        request.budget_seconds = self.budget;
        Ok(request)
    }

    fn costs(&self) -> Result<Costs> {
        let Some(path) = &self.costs else { return Ok(Costs::default()) };
        let text = std::fs::read_to_string(path)?;
        serde_json::from_str(&text)
            .map_err(|source| Error::Costs { path: path.display().to_string(), source })
    }

    fn listed(&self) -> Result<VnodeSet> {
        let text = self.vnodes.clone().unwrap_or_default();
        let text = match text.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file)?.replace(char::is_whitespace, ","),
            None => text,
        };
        Ok(text.parse()?)
    }
}

fn parsed_share(share: &str) -> Result<(u32, f64)> {
    let parsed = share.split_once('=').and_then(|(number, percent)| {
        Some((number.parse().ok()?, percent.trim_end_matches('%').parse().ok()?))
    });
    parsed.ok_or_else(|| Error::Share { share: share.to_owned() })
}

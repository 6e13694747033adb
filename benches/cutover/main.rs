//! Cutovers of a guarded plan, there and back, in a lab under load; and beside them one split as RFD 103 says. It prints a table for
//! `docs/benchmarks.md`, and what the checker proves.
//!
//! usage: cargo run -p benches --example cutover -- --writes 500 --zones 2

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it measures, and how far it is"
)]

mod figures;
mod region;
mod requests;
mod there_and_back;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use lab::Options;
use reshard_core::cutover::{CutoverRecord, Verdict};
use reshard_core::{Journal, Mode, Report, Request, ValidPlan};

use self::figures::Figures;
use self::region::{Region, carry_out};
use self::requests::Requests;
use self::there_and_back::ThereAndBack;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measure the cutover of a guarded plan in a lab under load
#[derive(Parser, Debug)]
struct Arguments {
    /// Writes that are due in a second
    #[arg(long, default_value_t = 500.0)]
    writes: f64,
    /// Reads that are due in a second
    #[arg(long, default_value_t = 100.0)]
    reads: f64,
    /// Zones of electric-moray
    #[arg(long, default_value_t = 2)]
    zones: u32,
    /// electric-moray processes in each of them
    #[arg(long, default_value_t = 4)]
    instances: u32,
    /// Times that the vnodes go back and there again; before that the plan has moved them there once
    #[arg(long, default_value_t = 15)]
    pairs: u32,
    /// Seconds after which they do not go back any more
    #[arg(long, default_value_t = 600)]
    within: u64,
    /// The longest that requests may wait for a cutover, in seconds
    #[arg(long, default_value_t = 4)]
    budget: u64,
    /// Leave out the split as RFD 103 says
    #[arg(long)]
    guarded_only: bool,
    /// Keep the plans and the logs of the loads in this directory, which is empty
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Arguments { zones, instances, writes, reads, .. } = arguments;
    eprintln!("a lab with {zones} zones of {instances} routers starts");
    let options = Options { routers: zones, router_instances: instances, ..Options::default() };
    let region = Region::start(options, arguments.keep.clone()).await?;
    println!(
        "## {writes:.0} writes and {reads:.0} reads a second, {zones} zones of {instances} routers\n"
    );
    println!("Load averages of the machine before: {}\n", region::load_averages()?);
    guarded(&region, &arguments).await?;
    if !arguments.guarded_only {
        rfd103(&region, &arguments).await?;
    }
    println!("Load averages of the machine after: {}", region::load_averages()?);
    region.stop().await;
    Ok(())
}

/// Carries out a guarded plan with many cutovers in it, and prints how long they took.
async fn guarded(region: &Region, arguments: &Arguments) -> Result<()> {
    let request = Request::new(region.source()?)
        .with_mode(Mode::Guarded)
        .with_morays(2)
        .with_budget_seconds(arguments.budget);
    let journal = region.plan("guarded.plan", request).await?;
    let load = region.load("guarded.log", arguments.writes, arguments.reads)?;
    let plan = journal.plan().await?;
    let (pairs, within) = (arguments.pairs, Duration::from_secs(arguments.within));
    let there_and_back = Arc::new(ThereAndBack { pairs, within, journal: journal.clone() });
    // The vnodes are at the new shard then, and both shards are frozen.
    let sequence = plan.sequence()?.with_phase_before("unfreeze", there_and_back)?;
    carry_out(region, &journal, sequence.clone()).await?;
    let summary = load.stop().await?;
    let report = Report::of(&*journal, &sequence).await?;
    let requests = Requests::read(&region.file("guarded.log"), &new_shard(&plan))?;
    let figures = Figures { records: &report.cutovers, requests: &requests };
    println!("{}", figures.table());
    let millis = |seconds: f64| seconds * 1e3;
    println!("* predicted: {:.0} ms", millis(report.write_block.predicted_seconds));
    let rehearsed = report.cutovers.iter().find(|record| record.verdict == Verdict::Rehearsed);
    if let Some(rehearsed) = rehearsed.and_then(CutoverRecord::block) {
        println!("* rehearsed once: {:.0} ms", millis(rehearsed.as_secs_f64()));
    }
    println!("{}", figures.failures());
    println!("\n{summary}\n\n{}\n", region.prove("guarded.log", 2 * arguments.pairs).await?);
    Ok(())
}

/// Carries out a plan as RFD 103 says, and prints how long writes were refused.
async fn rfd103(region: &Region, arguments: &Arguments) -> Result<()> {
    let request = Request::new(region.source()?).with_mode(Mode::Rfd103).with_budget_seconds(300);
    let journal = region.plan("rfd103.plan", request).await?;
    let load = region.load("rfd103.log", arguments.writes, arguments.reads)?;
    let sequence = journal.plan().await?.sequence()?;
    carry_out(region, &journal, sequence.clone()).await?;
    let summary = load.stop().await?;
    let block = Report::of(&*journal, &sequence).await?.write_block;
    let proof = region.prove("rfd103.log", 0).await?;
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    println!("### As RFD 103 says\n\n| writes of the moving vnodes were refused | |\n|---|---:|");
    println!("| predicted | {:.1} s |", block.predicted_seconds);
    println!("| by the journal | {:.1} s |", block.measured_seconds.unwrap_or(f64::NAN));
    println!("| clients, the longest on a vnode | {:.1} s |", seconds(proof.write_block.longest));
    println!("| clients, the median | {:.1} s |", seconds(proof.write_block.median));
    println!("| writes that failed | {} |\n", summary.writes.refused + summary.writes.unknown);
    println!("{summary}\n\n{proof}\n");
    Ok(())
}

fn new_shard(plan: &ValidPlan) -> String {
    plan.targets().first().map(|target| target.name.to_string()).unwrap_or_default()
}

//! Splits a shard in a program: look at the region, make a plan, carry it out.
//!
//! `cargo run -p examples --example split_shard -- reshard.toml 2.moray.lab.example.net split.plan`

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use reshard_core::{
    Configuration, Costs, Deployment, Event, Executor, Plan, PlanUuid, Request, SqliteJournal,
    SystemClock, gather,
};

/// Half of the source's vnodes move to one new shard.
async fn plan(deployment: &Deployment, source: &str, file: &Path) -> Result<Plan, Box<dyn Error>> {
    let source = source.parse()?;
    // What is there now. Nothing is changed by looking.
    let cache = file.parent().unwrap_or(Path::new("."));
    let inventory = gather(deployment, &source, cache, &SystemClock, &|_| {}).await?;
    // The plan is made of that alone: no clock, no network.
    let now = jiff::Timestamp::now();
    let request = Request::new(source);
    Ok(Plan::make(PlanUuid::random(), now, request, inventory, &Costs::default())?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [configuration, source, file] = arguments.as_slice() else {
        return Err("usage: split_shard CONFIGURATION SHARD PLAN".into());
    };
    let file = Path::new(file);
    let deployment = Deployment::connect(Configuration::read(Path::new(configuration))?).await?;

    // The file is the plan, its journal and its controls. Run this again after a crash, and it goes on.
    let journal = if file.exists() {
        SqliteJournal::open(file)?
    } else {
        let plan = plan(&deployment, source, file).await?;
        println!("requests will wait for about {:.1} s", plan.prediction.write_block_seconds);
        SqliteJournal::create(file, &plan)?
    };
    let executor = Executor::new(Arc::new(journal), deployment).await?.observed_by(Arc::new(
        |event: &Event| {
            if let Event::PhaseDone { phase, took } = event {
                println!("{phase}: {:.1} s", took.as_secs_f64());
            }
        },
    ));
    println!("{:?}", executor.run().await?);
    Ok(())
}

//! A lab, loads on it and plans in it.

use std::path::PathBuf;
use std::sync::Arc;

use lab::checker::{self, CheckOptions, Ghosts};
use lab::load::{Load, LoadOptions};
use lab::{Lab, Options};
use manatee_client::ShardName;
use reshard_core::{
    Configuration, Costs, Deployment, Event, Executor, Outcome, Plan, PlanUuid, Request, Sequence,
    SqliteJournal, SystemClock, gather,
};
use tempfile::TempDir;

use super::Result;

/// The costs of single steps as labs had them before.
const COSTS: &str = include_str!("../../scripts/lab-costs.json");

/// A lab, and files beside it.
pub(crate) struct Region {
    lab: Lab,
    files: PathBuf,
    /// Removes the files in the end, unless somebody wants them.
    _temporary: Option<TempDir>,
}

impl Region {
    pub(crate) async fn start(options: Options, files: Option<PathBuf>) -> Result<Self> {
        let example = std::env::current_exe()?;
        let programs = example.parent().and_then(|examples| examples.parent());
        let program = programs.ok_or("this program lies nowhere")?.join("reshard-lab");
        let lab = Lab::builder().program(program).options(options).start().await?;
        let temporary = if files.is_none() { Some(tempfile::tempdir()?) } else { None };
        let files = files.or_else(|| Some(temporary.as_ref()?.path().to_owned()));
        Ok(Self { lab, files: files.unwrap_or_default(), _temporary: temporary })
    }

    /// The path of a file that goes with the lab.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.join(name)
    }

    /// The shard that is split.
    pub(crate) fn source(&self) -> Result<ShardName> {
        Ok(self.lab.layout().shard_name(2).parse()?)
    }

    async fn deployment(&self) -> Result<Deployment> {
        Ok(Deployment::connect(Configuration::read(&self.lab.configuration())?).await?)
    }

    /// Makes a plan from what is there now.
    pub(crate) async fn plan(&self, name: &str, request: Request) -> Result<Arc<SqliteJournal>> {
        let deployment = self.deployment().await?;
        let (source, cache) = (&request.source, self.files.as_path());
        let inventory = gather(&deployment, source, cache, &SystemClock, &|_| {}).await?;
        let costs: Costs = serde_json::from_str(COSTS)?;
        let now = jiff::Timestamp::now();
        let plan = Plan::make(PlanUuid::random(), now, request, inventory, &costs)?;
        let journal = SqliteJournal::create(&self.file(name), &plan)?;
        Ok(Arc::new(journal))
    }

    /// Begins to write and to read so often in a second.
    pub(crate) fn load(&self, log: &str, writes: f64, reads: f64) -> Result<Load> {
        let options = LoadOptions::new(self.lab.routers(), self.file(log));
        let (writes_per_second, reads_per_second) = (writes, reads);
        Ok(Load::start(LoadOptions { writes_per_second, reads_per_second, ..options })?)
    }

    /// Proves that nothing was lost and no read was stale.
    pub(crate) async fn prove(&self, log: &str, more_handovers: u32) -> Result<checker::Report> {
        let (ghosts, more_handovers) = (Ghosts::Nowhere, more_handovers as usize);
        let options = CheckOptions { ghosts, more_handovers, ..CheckOptions::default() };
        let (layout, directory) = (self.lab.layout(), self.lab.directory());
        let report = lab::prove(layout, directory, [self.file(log)], &options).await?;
        if report.is_green() { Ok(report) } else { Err(report.to_string().into()) }
    }

    pub(crate) async fn stop(self) {
        self.lab.stop().await;
    }
}

/// Carries out a plan to its end.
pub(crate) async fn carry_out(
    region: &Region,
    journal: &Arc<SqliteJournal>,
    sequence: Sequence,
) -> Result<()> {
    let deployment = region.deployment().await?;
    let observer = Arc::new(|event: &Event| {
        if let Event::PhaseDone { phase, took } = event {
            eprintln!("{phase}: {:.1} s", took.as_secs_f64());
        }
    });
    let executor = Executor::with_sequence(journal.clone(), deployment, sequence);
    match executor.observed_by(observer).run().await? {
        Outcome::Done => Ok(()),
        other @ (Outcome::Paused { .. } | Outcome::Held { .. } | Outcome::Aborted) => {
            Err(format!("the plan ended otherwise: {other:?}").into())
        }
    }
}

/// The load averages of the machine, of 1, 5 and 15 minutes.
pub(crate) fn load_averages() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(", "))
}

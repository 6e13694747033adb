//! A lab with a load on it, plans in it, and the proof at the end.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use lab::checker::{CheckOptions, Ghosts};
use lab::control::ControlClient;
use lab::load::{Load, LoadOptions, LoadSummary};
use lab::{Lab, Options};
use manatee_client::ShardName;
use moray_client::{Client, ClientOptions, DeleteOptions, PutOptions};
use reshard_core::rows::connect_last;
use reshard_core::{
    Clock, Configuration, Costs, Deployment, Executor, Layout, MeasureOptions, Mode, Plan,
    PlanUuid, Request, Sequence, SqliteJournal, SystemClock, gather, measure,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::programs::program;

/// The longest that one statement of a measurement may take.
const STATEMENT: Duration = Duration::from_secs(30);

/// The phases of the plans here.
pub(super) fn phases() -> Sequence {
    Mode::Rfd103.sequence().unwrap()
}

/// A lab with a load on it.
pub(super) struct Region {
    pub(super) lab: Lab,
    pub(super) control: ControlClient,
    load: Option<Load>,
    /// The summary of a load that has ended.
    ended: Option<LoadSummary>,
    files: TempDir,
}

/// The machine's clock for those who look twice at what grows: how much it grows is of no interest here.
pub(super) struct Hasty;

#[async_trait::async_trait]
impl Clock for Hasty {
    fn now(&self) -> jiff::Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, _: Duration) {}
}

/// Two shards of three peers, a zone of two routers, and few enough objects to copy them quickly.
pub(super) fn small() -> Options {
    Options {
        routers: 1,
        router_instances: 2,
        vnodes: 1024,
        objects: 2000,
        session_timeout: Duration::from_secs(2),
        config_poll: Duration::from_secs(2),
        ..Options::default()
    }
}

/// Half of the vnodes of shard 2 for one new shard of one peer.
pub(super) fn half(region: &Region) -> Request {
    let source = region.lab.layout().shard_name(2).parse().unwrap();
    Request::new(source)
        .with_mode(Mode::Rfd103)
        .with_layout(Layout::OnePeer)
        .with_budget_seconds(300)
}

/// The same in the guarded mode, with Morays that leave the name service one after the other.
pub(super) fn guarded(region: &Region) -> Request {
    half(region).with_mode(Mode::Guarded)
}

impl Region {
    /// Starts a lab, and as many writes and reads in a second.
    pub(super) async fn start(options: Options, rate: f64) -> Self {
        let builder = Lab::builder().program(program("reshard-lab")).options(options);
        let lab = builder.start().await.unwrap();
        let control = ControlClient::new(&format!("http://{}", lab.layout().block.control()));
        let files = tempfile::tempdir().unwrap();
        let load = Load::start(LoadOptions {
            writes_per_second: rate,
            reads_per_second: rate,
            ..LoadOptions::new(lab.routers(), files.path().join("load.log"))
        });
        Self { load: Some(load.unwrap()), ended: None, lab, control, files }
    }

    /// The path of a file of the tests.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    pub(super) async fn deployment(&self) -> Deployment {
        let configuration = Configuration::read(&self.lab.configuration()).unwrap();
        Deployment::connect(configuration).await.unwrap()
    }

    /// Makes a plan from what is there now.
    pub(super) async fn plan(&self, name: &str, request: Request) -> Arc<SqliteJournal> {
        let deployment = self.deployment().await;
        let inventory =
            gather(&deployment, &request.source, self.files.path(), &Hasty, &|_| {}).await;
        let mut inventory = inventory.unwrap();
        if request.selection.needs_measurement() {
            let database = connect_last(&deployment, &request.source, STATEMENT).await.unwrap();
            let (hashing, options) = (&inventory.ring.hashing, MeasureOptions::default());
            let measured =
                measure(&database, &request.source, hashing, &options, &SystemClock, &|_| {}).await;
            inventory.measurement = Some(measured.unwrap());
        }
        let now = jiff::Timestamp::now();
        let plan =
            Plan::make(PlanUuid::random(), now, request, inventory, &Costs::default()).unwrap();
        Arc::new(SqliteJournal::create(&self.file(name), &plan).unwrap())
    }

    /// An executor with a session of its own.
    pub(super) async fn executor(&self, store: &Arc<SqliteJournal>) -> Executor {
        Executor::new(store.clone(), self.deployment().await).await.unwrap()
    }

    /// The command, about this region.
    pub(super) fn reshard(&self, arguments: &[&str]) -> Command {
        self.command(program("reshard"), arguments)
    }

    /// A program that takes the command's place.
    pub(super) fn command(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("RESHARD_CONFIG", self.lab.configuration()).kill_on_drop(true);
        // Other labs may run on this machine.
        command.env("RESHARD_LAB", self.lab.layout().block.number().to_string());
        command.stdin(std::process::Stdio::null());
        command
    }

    /// The output of the command. It has to succeed.
    pub(super) async fn output(&self, arguments: &[&str]) -> Output {
        let output = self.reshard(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:#?}");
        output
    }

    /// The answer of the primary of a shard.
    pub(super) async fn psql(&self, shard: &ShardName, sql: &str) -> String {
        let output = self.output(&["lab", "psql", shard.as_str(), "--", "-XAtc", sql]).await;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Asks again and again until there is an answer, at most for a minute or two.
    pub(super) async fn until<T>(&self, what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
        let asking = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let answer = tokio::time::timeout(Duration::from_mins(2), asking).await;
        answer.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// Waits until writes are taken, wherever they go.
    pub(super) async fn writes_are_accepted(&self) {
        let router = self.lab.routers()[0].to_string();
        let client = Client::new(router, ClientOptions::default());
        let owner = "b6f1d7c4-3d3c-4b7e-9a4e-1f2d3c4b5a69";
        // Of so many directories, some are in vnodes that move.
        for number in 0..40 {
            let dirname = format!("/{owner}/stor/written-{number}");
            let key = format!("{dirname}/object");
            let value = json!({
                "key": key, "dirname": dirname, "name": "object", "owner": owner,
                "type": "object", "objectId": number.to_string(),
            });
            self.until("writes to be taken", async || {
                client.put_object("manta", &key, &value, &PutOptions::default()).await.ok()
            })
            .await;
            self.until("deletions to be taken", async || {
                match client.delete_object("manta", &key, &DeleteOptions::default()).await {
                    Err(error) => error.is_not_found().then_some(()),
                    Ok(()) => Some(()),
                }
            })
            .await;
        }
    }

    /// Ends the load, if it has not ended yet.
    pub(super) async fn end_load(&mut self) {
        if let Some(load) = self.load.take() {
            self.ended = Some(load.stop().await.unwrap());
        }
    }

    /// Ends the load, proves that nothing was lost, and stops the lab.
    pub(super) async fn end(self) {
        self.end_with(Ghosts::OfSplits).await;
    }

    /// As [`Region::end`], and that there are no ghosts left.
    pub(super) async fn end_without_ghosts(self) {
        self.end_with(Ghosts::Nowhere).await;
    }

    async fn end_with(mut self, ghosts: Ghosts) {
        self.end_load().await;
        let summary = self.ended.take().unwrap();
        println!("{summary}");
        assert_eq!(summary.reads.wrong, 0, "{summary}");
        let options = CheckOptions { ghosts, ..CheckOptions::default() };
        let log = self.file("load.log");
        let report = lab::prove(self.lab.layout(), self.lab.directory(), [log], &options).await;
        let report = report.unwrap();
        println!("{report}");
        assert!(report.is_green(), "{report}");
        assert_eq!(report.checked.acknowledged, summary.writes.acknowledged);
        let directory: PathBuf = self.lab.directory().path().to_owned();
        self.lab.stop().await;
        assert!(!directory.exists(), "{}", directory.display());
    }
}

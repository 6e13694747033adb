//! Failovers of a whole lab under load: its primary is killed again and again, and no acknowledged write is lost.

use std::fmt;
use std::fs;
use std::time::Duration;

use lab::checker::CheckOptions;
use lab::control::{ControlClient, ExecRequest, ExecResponse};
use lab::load::{Load, LoadOptions, WriteStats};
use lab::{Fault, Lab, Options};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// The number of primaries that are killed.
const ROUNDS: u32 = 10;
/// The longest that each step of a round may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// After that a dead peer is missed. Shorter than a lab's default, since every round waits for it twice.
const SESSION_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval at which things are looked at that have to become true.
const INTERVAL: Duration = Duration::from_millis(100);
/// So many acknowledged writes show that there are writes again.
const SOME_WRITES: u64 = 30;

/// A lab of one shard with a load on it.
struct Region {
    lab: Lab,
    control: ControlClient,
    shard: String,
    load: Load,
    logs: tempfile::TempDir,
}

/// The times that the steps of a round took.
struct Round {
    /// From the primary's end to the first writes after it.
    outage: Duration,
    rebuild: Duration,
    whole: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failovers_under_load_lose_no_acknowledged_write() {
    let begin = Instant::now();
    let region = Region::start().await;
    println!("the lab has started after {:.1?}", begin.elapsed());
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let round = region.fail_over(number).await;
        println!("round {number}: {round}");
        rounds.push(round);
    }
    let median = |of: fn(&Round) -> Duration| {
        let mut all: Vec<Duration> = rounds.iter().map(of).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    let (outage, rebuild) = (median(|round| round.outage), median(|round| round.rebuild));
    println!("medians: no writes for {outage:.1?}, rebuilt in {rebuild:.1?}");
    region.rebuild_async().await;
    region.prove().await;
    println!("the whole test took {:.1?}", begin.elapsed());
}

impl Region {
    async fn start() -> Self {
        let options = Options {
            shards: 1,
            objects: 500,
            vnodes: 64,
            routers: 1,
            router_instances: 2,
            session_timeout: SESSION_TIMEOUT,
            ..Options::default()
        };
        let builder = Lab::builder().program(env!("CARGO_BIN_EXE_reshard-lab")).options(options);
        let lab = within("the lab to start", builder.start()).await.unwrap();
        let control = ControlClient::new(&format!("http://{}", lab.layout().block.control()));
        let shard = lab.layout().shard_name(1);
        let logs = tempfile::tempdir().unwrap();
        let load = Load::start(LoadOptions {
            writes_per_second: 150.0,
            reads_per_second: 150.0,
            keys: 3000,
            // Enough for every vnode to be written between two failovers: its outages would count as one.
            directories: 2000,
            max_lateness: Duration::from_secs(2),
            ..LoadOptions::new(lab.routers(), logs.path().join("load.log"))
        });
        let region = Self { lab, control, shard, load: load.unwrap(), logs };
        region.writes_go_on(0).await;
        region.chain_is_whole(region.primary().await).await;
        region
    }

    /// Kills the primary, waits until another has its place, and brings the old one back.
    async fn fail_over(&self, number: u32) -> Round {
        let begin = Instant::now();
        let old = self.primary().await;
        let generation = self.generation(old).await;
        let before = self.writes();
        println!("round {number}: killing {old}, the primary of generation {generation}");
        self.control.cause(&Fault::Kill { zone: old }).await.unwrap();
        let killed = Instant::now();
        let acknowledged = self.writes().acknowledged;

        let new = until(format!("round {number}: another primary than {old}"), async || {
            Some(self.primary().await).filter(|new| *new != old)
        })
        .await;
        self.writes_go_on(acknowledged).await;
        let outage = killed.elapsed();
        let failed = |writes: WriteStats| writes.refused + writes.unknown;
        let after = self.writes();
        assert!(failed(after) > failed(before), "round {number}: no write failed: {after:?}");
        assert_eq!(self.generation(new).await, generation + 1, "round {number}");

        // It boots, and is deposed.
        within("the zone to boot", self.control.heal(None)).await.unwrap();
        let began = Instant::now();
        let rebuild = self.manatee_adm(old, &["rebuild", "-y"]).await;
        assert_eq!(rebuild.exit_code, 0, "round {number}: rebuild of {old}: {rebuild:#?}");
        let rebuild = began.elapsed();
        self.chain_is_whole(new).await;
        assert_eq!(self.generation(new).await, generation + 1, "round {number}");
        Round { outage, rebuild, whole: begin.elapsed() }
    }

    /// Rebuilds a peer that is not deposed: only after its sitter was disabled and is missed.
    async fn rebuild_async(&self) {
        let primary = self.primary().await;
        let state = self.state(primary).await;
        let zone: Uuid = state["async"][0]["zoneId"].as_str().unwrap().parse().unwrap();
        for (zone, why) in
            [(primary, "This node is the primary."), (zone, "There is an active ZK node")]
        {
            let refused = self.manatee_adm(zone, &["rebuild", "-y"]).await;
            assert_eq!(
                (refused.exit_code, refused.stderr.contains(why)),
                (1, true),
                "{refused:#?}"
            );
        }
        self.exec(zone, &["svcadm", "disable", "-s", "manatee-sitter"]).await;
        let rebuilt = until("a sitter to be missed", async || {
            let done = self.manatee_adm(zone, &["rebuild", "-y"]).await;
            (!done.stderr.contains("There is an active ZK node")).then_some(done)
        })
        .await;
        assert_eq!(rebuilt.exit_code, 0, "{rebuilt:#?}");
        self.chain_is_whole(primary).await;
        let isolated = self.lab.directory().in_zone(zone, "/manatee/pg/isolated");
        let kept: Vec<_> =
            fs::read_dir(isolated).unwrap().map(|it| it.unwrap().file_name()).collect();
        let name = kept.first().unwrap().to_string_lossy();
        assert!(kept.len() == 1 && name.starts_with("rebuild-"), "{kept:?}");
        assert_eq!(self.state(primary).await["generation"], state["generation"]);
    }

    /// Ends the load and has the checker prove that nothing is lost.
    async fn prove(self) {
        let Self { lab, load, logs, .. } = self;
        let summary = within("the load to stop", load.stop()).await.unwrap();
        println!("{summary}");
        assert_eq!(summary.reads.wrong, 0, "{summary}");
        let log = logs.path().join("load.log");
        let options = CheckOptions::default();
        let proof = lab::prove(lab.layout(), lab.directory(), [log], &options);
        let report = within("the check", proof).await.unwrap();
        println!("{report}\nfailed writes: {:?}", report.untouched_writes.errors);
        assert!(report.is_green(), "{report}");
        assert_eq!(report.checked.acknowledged, summary.writes.acknowledged);
        within("the lab to stop", lab.stop()).await;
    }

    fn writes(&self) -> WriteStats {
        self.load.stats().writes
    }

    /// Waits until more writes were acknowledged than so many.
    async fn writes_go_on(&self, than: u64) {
        until("acknowledged writes", async || {
            (self.writes().acknowledged >= than + SOME_WRITES).then_some(())
        })
        .await;
    }

    /// The zone of the shard's primary.
    async fn primary(&self) -> Uuid {
        let address = lab::primary(self.lab.layout(), &self.shard).await.unwrap();
        let zones = self.lab.zones();
        zones.iter().find(|zone| zone.spec.address == address.ip()).unwrap().spec.uuid
    }

    async fn exec(&self, zone: Uuid, argv: &[&str]) -> ExecResponse {
        let what = format!("{argv:?} in {zone}");
        let argv = argv.iter().map(ToString::to_string).collect();
        let request = ExecRequest { argv, ..ExecRequest::default() };
        within(what, self.control.exec(zone, &request)).await.unwrap()
    }

    async fn manatee_adm(&self, zone: Uuid, arguments: &[&str]) -> ExecResponse {
        self.exec(zone, &[&["manatee-adm"], arguments].concat()).await
    }

    /// The cluster state, seen from a zone.
    async fn state(&self, zone: Uuid) -> Value {
        let state = self.manatee_adm(zone, &["zk-state"]).await;
        serde_json::from_str(&state.stdout).unwrap_or_else(|_| panic!("no state: {state:#?}"))
    }

    async fn generation(&self, zone: Uuid) -> u64 {
        self.state(zone).await["generation"].as_u64().unwrap()
    }

    /// Waits until there are three peers, each of which streams to the next, and none that is deposed.
    async fn chain_is_whole(&self, zone: Uuid) {
        let mut last = ExecResponse::default();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            last = self.manatee_adm(zone, &["verify", "-v"]).await;
            if last.exit_code == 0 {
                return;
            }
            sleep(INTERVAL).await;
        }
        panic!("the chain of {} is not whole: {last:#?}", self.shard);
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outage, rebuild, whole } = self;
        write!(f, "no writes for {outage:.1?}, rebuilt in {rebuild:.1?}, {whole:.1?} in all")
    }
}

async fn within<T>(what: impl fmt::Display, work: impl Future<Output = T>) -> T {
    let seconds = PATIENCE.as_secs();
    let done = timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("waited {seconds} s in vain for {what}"))
}

/// Asks again and again until there is an answer.
async fn until<T>(what: impl fmt::Display, ask: impl AsyncFn() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(INTERVAL).await;
        }
    })
    .await
}

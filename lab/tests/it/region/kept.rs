//! A lab that is kept in a directory: stopped, killed, and started again.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lab::checker::CheckOptions;
use lab::control::ControlClient;
use lab::load::{Load, LoadOptions};
use lab::{AddressBlock, Lab, LabDirectory, LabError, Layout, Options, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use super::remembered::{Remembered, quiet, url, zookeeper};
use super::{curl, eventually};

/// In the environment of a process that runs a lab: its directory.
const DIRECTORY: &str = "LAB_TEST_DIRECTORY";

fn options() -> Options {
    let (routers, router_instances) = (1, 2);
    Options {
        peers: 2,
        routers,
        router_instances,
        vnodes: 256,
        objects: 2000,
        ..Options::default()
    }
}

/// Not a test by itself: the test below runs it, as a process that can be killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is part of another test"]
async fn a_lab_in_a_process_of_its_own() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let builder = Lab::builder().program(env!("CARGO_BIN_EXE_reshard-lab")).directory(&directory);
    let is_new = !LabDirectory::new(&directory).layout().exists();
    let builder = if is_new { builder.options(options()) } else { builder };
    let lab = builder.start().await.unwrap();
    println!("\nblock {}", lab.layout().block.number());
    lab.stop_asked_for().await;
    lab.stop().await;
}

/// A lab that runs in another process.
struct Life {
    child: Child,
    /// Its output has to go somewhere.
    _output: Lines<BufReader<ChildStdout>>,
    layout: Layout,
    control: ControlClient,
}

impl Life {
    async fn start(directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--nocapture", "--exact"])
            .arg("region::kept::a_lab_in_a_process_of_its_own")
            .env(DIRECTORY, directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = output.by_ref().map_while(Result::ok);
        let block = lines.find_map(|line| line.strip_prefix("block ")?.parse().ok());
        let block = AddressBlock::new(block.expect("the lab has started"));
        let control = ControlClient::new(&format!("http://{}", block.control()));
        let layout = control.layout().await.unwrap();
        Self { child, _output: output, layout, control }
    }

    /// As `kill -9`: it has no time to stop anything.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn stop(mut self) {
        self.control.stop().await.unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Where the test has failed it may run still.
        if let Ok(None) = self.child.try_wait() {
            drop((self.child.kill(), self.child.wait()));
        }
    }
}

fn send(method: &str, url: &str, body: &Value) -> Value {
    curl(&["-X", method, "-H", "content-type: application/json", "-d", &body.to_string(), url])
}

/// Provisions one more peer of the first shard. Returns it.
fn provision(layout: &Layout) -> Uuid {
    let services = curl(&[&url(layout, "sapi", "/services?name=postgres&include_master=true")]);
    let sibling = layout.zones_of(Role::Postgres).next().unwrap();
    let instance = curl(&[&url(layout, "sapi", &format!("/instances/{}", sibling.uuid))]);
    let uuid = Uuid::new_v4();
    let body = json!({
        "uuid": uuid, "service_uuid": services[0]["uuid"], "master": true,
        "metadata": instance["metadata"],
        "params": {
            "alias": format!("1.postgres.lab.example.net-{}", &uuid.to_string()[..8]),
            "server_uuid": sibling.server, "image_uuid": sibling.image,
            "tags": {"manta_role": "postgres", "kept": "yes"},
        },
    });
    send("POST", &url(layout, "sapi", "/instances"), &body);
    uuid
}

/// Changes something of everything that is kept.
fn change(layout: &Layout) {
    let application = url(layout, "sapi", &format!("/applications/{}", layout.application));
    send("PUT", &application, &json!({"metadata": {"KEPT": {"as": ["it", "was"]}}}));
    let moray = layout.zones_of(Role::Moray).next().unwrap().uuid;
    let update = url(layout, "vmapi", &format!("/vms/{moray}?action=update"));
    send("POST", &update, &json!({"alias": "renamed"}));
    let image = Uuid::new_v4();
    let manifest = json!({
        "v": 2, "uuid": image, "owner": layout.poseidon, "name": "kept", "version": "1", "public": false,
        "type": "other", "os": "other", "description": "one more",
    });
    let import = format!("/images/{image}?action=import&skip_owner_check=true");
    send("POST", &url(layout, "imgapi", &import), &manifest);
    zookeeper(layout, &["create", "/pg_dump_lock", "kept"]);
}

async fn load(layout: &Layout, log: &Path) -> u64 {
    let routers = layout.zones_of(Role::ElectricMoray).map(|zone| (zone.address, 2020).into());
    let load = Load::start(LoadOptions::new(routers.collect(), log)).unwrap();
    eventually("writes are acknowledged", async || load.stats().writes.acknowledged > 200).await;
    load.stop().await.unwrap().writes.acknowledged
}

/// Everything is as it was: what was written, what was changed, and who has which role.
async fn is_as_before(life: &Life, directory: &Path, before: &Remembered, logs: &[&Path]) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let differences = before.differences(&Remembered::of(&life.layout, directory));
        if differences.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "not as before:\n{}", differences.join("\n"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let directory = LabDirectory::new(directory);
    let report = lab::prove(&life.layout, &directory, logs, &CheckOptions::default()).await;
    let report = report.unwrap();
    assert!(report.is_green(), "{report}");
    assert!(report.checked.acknowledged > 200, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_lab_goes_on_where_it_was() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    // The lab's services run as another user.
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let directory = scratch.path().join("lab");
    let logs = [scratch.path().join("first.log"), scratch.path().join("second.log")];

    let first = Life::start(&directory).await;
    let layout = first.layout.clone();
    let peer = provision(&layout);
    change(&layout);
    load(&layout, &logs[0]).await;
    let address = first.control.zone(peer).await.unwrap().spec.address;
    eventually("the new peer streams", async || {
        quiet(&address.to_string(), "select status from pg_stat_wal_receiver") == "streaming"
    })
    .await;
    let before = Remembered::of(&layout, &directory);
    assert!(before.tells("zone", &format!("{address} t")), "{before:?}");
    first.kill();

    let second = Life::start(&directory).await;
    assert_eq!(second.layout.zones, layout.zones);
    is_as_before(&second, &directory, &before, &[&logs[0]]).await;
    // Nobody else can have it, and nothing of it is touched.
    let refused = Lab::builder().directory(&directory).start().await.err().unwrap();
    assert!(matches!(refused, LabError::Running(_)), "{refused}");
    let words = format!("the lab in {} is running already", directory.display());
    assert_eq!(refused.to_string(), words);
    load(&layout, &logs[1]).await;
    let before = Remembered::of(&layout, &directory);
    second.stop().await;
    let left = Command::new("pgrep").args(["-af", &directory.display().to_string()]).output();
    let left = String::from_utf8(left.unwrap().stdout).unwrap();
    assert_eq!(left, "", "something of it still runs");

    let third = Life::start(&directory).await;
    is_as_before(&third, &directory, &before, &[&logs[0], &logs[1]]).await;
    third.stop().await;

    let other = Options { vnodes: 512, ..options() };
    let refused = Lab::builder().directory(&directory).options(other).start().await.err().unwrap();
    assert!(matches!(refused, LabError::OtherOptions(_)), "{refused}");
    // As if the first start had been broken off.
    std::fs::remove_file(directory.join("made")).unwrap();
    let refused = Lab::builder().directory(&directory).start().await.err().unwrap();
    assert!(matches!(refused, LabError::HalfMade(_)), "{refused}");
}

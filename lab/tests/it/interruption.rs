//! Labs that end otherwise than they should: interrupted while they start, and killed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lab::{AddressBlock, Lab, Options};

/// The variable that makes [`a_lab_of_its_own`] start a lab: in this block of addresses.
const BLOCK: &str = "LAB_TEST_BLOCK";

/// Not a test but a process of the tests, which starts a lab and stops it at SIGINT, as `reshard lab up` does.
#[tokio::test(flavor = "multi_thread")]
async fn a_lab_of_its_own() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(block) = std::env::var(BLOCK) else { return };
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let options = Options { peers: 2, routers: 1, vnodes: 64, objects: 500, ..Options::default() };
    let builder = Lab::builder()
        .program(env!("CARGO_BIN_EXE_reshard-lab"))
        .options(options)
        .block(AddressBlock::new(block.parse().unwrap()))
        .on_progress(|step| eprintln!("step: {step}"));
    let interrupted = async {
        interrupt.recv().await;
    };
    let Some(lab) = builder.start_unless(interrupted).await.unwrap() else { return };
    eprintln!("step: up");
    interrupt.recv().await;
    lab.stop().await;
}

/// A process that runs a lab.
struct Up {
    block: u8,
    child: Child,
    steps: BufReader<std::process::ChildStderr>,
}

impl Up {
    fn start(block: u8) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "interruption::a_lab_of_its_own", "--nocapture"])
            .env(BLOCK, block.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let steps = BufReader::new(child.stderr.take().unwrap());
        Self { block, child, steps }
    }

    fn place(&self) -> Place {
        Place(self.block)
    }

    /// Reads what it prints until it is at a step.
    fn wait_for(&mut self, step: &str) {
        let mut said = String::new();
        while !said.lines().any(|line| line.starts_with(&format!("step: {step}"))) {
            let read = self.steps.read_line(&mut said).unwrap();
            assert_ne!(read, 0, "it ended before it was at {step:?}:\n{said}");
        }
    }

    fn signal(&self, signal: &str) {
        let killed = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
    }

    /// Interrupts it, and tells how long it took to end.
    fn interrupt(mut self) -> Duration {
        self.signal("-INT");
        let begin = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let taken = begin.elapsed();
        assert!(self.child.wait().unwrap().success());
        taken
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait_until(what: &str, limit: Duration, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The place of a lab.
#[derive(Clone, Copy)]
struct Place(u8);

impl Place {
    fn directory(self) -> PathBuf {
        PathBuf::from(format!("/var/tmp/reshard-lab-{}", self.0))
    }

    /// Processes of the lab, by their environments.
    fn processes(self) -> Vec<PathBuf> {
        let mark = format!("LAB_DIRECTORY={}\0", self.directory().display());
        let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let of_lab = |path: &PathBuf| {
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(&mark)
        };
        entries.filter(of_lab).collect()
    }

    fn listeners(self) -> String {
        let sockets = Command::new("ss").args(["-Hltn"]).output().unwrap();
        let sockets = String::from_utf8(sockets.stdout).unwrap();
        let ours = sockets.lines().filter(|line| line.contains(&format!("127.77.{}.", self.0)));
        ours.collect::<Vec<_>>().join("\n")
    }

    /// Keys and ids of the shared memory that its databases have, or that the killed ones had: line 7 of `postmaster.pid`.
    fn segments(self) -> Vec<(String, String)> {
        let zones = fs::read_dir(self.directory().join("zones")).unwrap().flatten();
        let pid_files = zones.map(|zone| zone.path().join("root/manatee/pg/data/postmaster.pid"));
        let segment = |path: PathBuf| {
            let text = fs::read_to_string(path).ok()?;
            let (key, id) = text.lines().nth(6)?.trim().split_once(char::is_whitespace)?;
            Some((key.to_owned(), id.trim().to_owned()))
        };
        pid_files.filter_map(segment).collect()
    }

    fn assert_nothing_is_left(self) {
        assert_eq!(self.processes(), Vec::<PathBuf>::new());
        assert_eq!(self.listeners(), "");
        assert!(!self.directory().exists());
    }
}

/// Tells whether the kernel has a segment of shared memory.
fn is_there((key, id): &(String, String)) -> bool {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    table.lines().any(|line| line.split_whitespace().take(2).eq([key, id]))
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    for step in ["starting ZooKeeper", "booting zones", "loading", "waiting for the routers"] {
        let mut up = Up::start(209);
        let place = up.place();
        up.wait_for(step);
        let taken = up.interrupt();
        assert!(taken < Duration::from_secs(5), "{step}: {taken:?}");
        place.assert_nothing_is_left();
    }
}

#[test]
fn a_killed_lab_is_cleaned_up_by_the_next() {
    let mut killed = Up::start(210);
    let place = killed.place();
    killed.wait_for("up");
    // What a command has left behind is nobody's child.
    let layout = fs::read(place.directory().join("lab.json")).unwrap();
    let layout: lab::Layout = serde_json::from_slice(&layout).unwrap();
    let zone = layout.zones_of(lab::Role::Postgres).next().unwrap().uuid;
    let body = r#"{"argv": ["bash", "-c", "setsid sleep 1000 >/dev/null 2>&1 &"]}"#;
    let url = format!("http://{}/zones/{zone}/exec", layout.block.control());
    let header = "content-type: application/json";
    let begun = Command::new("curl").args(["-sSf", "-H", header, "-d", body, &url]).output();
    assert!(begun.unwrap().status.success());
    assert!(place.processes().len() > 10);
    let segments = place.segments();
    assert!(segments.len() == 4 && segments.iter().all(is_there), "{segments:?}");
    killed.signal("-KILL");
    wait_until("all services die with it", Duration::from_secs(5), || {
        place.processes().len() <= 1 && place.listeners().is_empty()
    });

    let mut next = Up::start(210);
    next.wait_for("up");
    let sleeps = place.processes().into_iter().filter(|process| {
        fs::read(process.join("cmdline")).is_ok_and(|line| line.starts_with(b"sleep\x001000"))
    });
    assert_eq!(sleeps.count(), 0, "what was left behind is gone");
    let taken = next.interrupt();
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    place.assert_nothing_is_left();
    assert!(!segments.iter().any(is_there), "shared memory is left: {segments:?}");
}

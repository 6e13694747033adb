//! The lock in a router's zone, taken by real shells in a directory of the test's.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::deployment::ZoneScript;

const LOCK: &str = concat!(
    include_str!("../scripts/own-directory.sh"),
    include_str!("../scripts/newest-command.sh"),
    include_str!("../scripts/router-common.sh"),
);
const PLAN: &str = "0b9f3c46-3a3b-4c1c-9d0f-0b7a1f8f2d11";

/// A zone that has nothing but its directories.
struct Zone(tempfile::TempDir);

impl Zone {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn own(&self) -> PathBuf {
        self.0.path().join("reshard")
    }

    fn with_own(self) -> Self {
        fs::create_dir(self.own()).unwrap();
        fs::set_permissions(self.own(), fs::Permissions::from_mode(0o700)).unwrap();
        self
    }

    fn lock(&self) -> PathBuf {
        self.own().join("rings.lock")
    }

    /// A command of the plan that does this with the lock.
    fn command(&self, number: u64, work: &str) -> Child {
        let text = LOCK.replace("own=/var/reshard", &format!("own={}", self.own().display()));
        let text = format!("zonename() {{ echo z; }}\n{text}\nbegin || return\necho got\n{work}");
        let script = ZoneScript::new("work", Box::leak(text.into_boxed_str()))
            .with("plan", PLAN)
            .with("issue", number.to_string())
            .within(Duration::from_secs(30));
        let mut command = Command::new("bash");
        command.args(["-s", &format!("reshard-{PLAN}-{number}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.in_zone().as_bytes()).unwrap();
        child
    }

    fn run(&self, number: u64) -> Output {
        self.command(number, "").wait_with_output().unwrap()
    }

    fn gets_it(&self, number: u64) {
        let output = self.run(number);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(output.stdout, b"got\n");
        assert!(!self.lock().exists(), "it is given back");
    }

    /// Returns what it says when it does not get it, and what to do.
    fn is_refused(&self, number: u64) -> String {
        let began = Instant::now();
        let output = self.run(number);
        assert_eq!(output.status.code(), Some(65), "{output:?}");
        assert!(output.stdout.is_empty());
        assert!(began.elapsed() < Duration::from_secs(15), "it ends: {:?}", began.elapsed());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
}

#[test]
fn a_lock_that_names_nothing_that_runs_is_nobodys() {
    let zone = Zone::new().with_own();
    // The number is this test's, which must not be killed.
    let reused = format!("{} 1 {PLAN}\n", std::process::id());
    for (number, left) in (2..).zip(["", "\n", "nonsense", "a b c\nd", "-1 1 x", &reused]) {
        fs::write(zone.lock(), left).unwrap();
        zone.gets_it(number);
    }
}

#[test]
fn a_newer_command_ends_an_older_one_and_a_late_one_is_refused() {
    let zone = Zone::new();
    let mut older = zone.command(3, "sleep 60 | sleep 60");
    until(|| {
        fs::read_to_string(zone.own().join("rings.seen")).is_ok_and(|seen| seen.starts_with('3'))
    });
    let said = zone.is_refused(2);
    assert!(said.contains("command 2 of the plan came after command 3\t"), "{said}");
    assert!(older.try_wait().unwrap().is_none());
    zone.gets_it(4);
    assert!(!older.wait().unwrap().success());
    assert!(zone.is_refused(3).contains("command 3 of the plan came after command 4\t"));
}

#[test]
fn what_only_root_can_have_made_is_told_and_left_alone() {
    let zone = Zone::new().with_own();
    fs::create_dir(zone.lock()).unwrap();
    let said = zone.is_refused(1);
    assert!(said.contains("rings.lock in the zone z cannot be taken"), "{said}");
    assert!(said.contains("`zlogin z rm -rf "), "{said}");
    assert_eq!(fs::read_dir(zone.lock()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_others_can_write_into_is_not_used() {
    let open = Zone::new().with_own();
    fs::set_permissions(open.own(), fs::Permissions::from_mode(0o1777)).unwrap();
    let linked = Zone::new();
    let elsewhere = linked.0.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, linked.own()).unwrap();
    for zone in [&open, &linked] {
        let said = zone.is_refused(1);
        assert!(said.contains("is not a directory that only root can enter"), "{said}");
        assert_eq!(fs::read_dir(zone.own()).unwrap().count(), 0);
    }
}

#[test]
fn links_of_known_names_are_not_followed() {
    let zone = Zone::new();
    let victim = zone.0.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let mark = |flip: &Path| {
        // As flip-rings.sh has it.
        let script = include_str!("../scripts/flip-rings.sh");
        let line = script.lines().find(|line| line.contains("set -C")).unwrap();
        let script = format!("f() {{ local flip=$1 plan=p\n{line}\n}}\nf {}", flip.display());
        assert!(Command::new("bash").args(["-c", &script]).status().unwrap().success());
    };
    let flip = zone.0.path().join("ring.reshard-flip");
    symlink(&victim, &flip).unwrap();
    mark(&flip);
    assert_eq!(fs::read_to_string(&flip).unwrap(), "p\n");
    assert!(!flip.is_symlink());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

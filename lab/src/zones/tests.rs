//! Zones with real processes: a script in place of the lab's program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use uuid::Uuid;

use super::owner::{Settings, Zones};
use super::setup::SENTINEL;
use super::zone::{Enabled, Zone};
use crate::address::AddressBlock;
use crate::directory::LabDirectory;
use crate::host::{Belonging, kill_all};
use crate::layout::Options;
use crate::layout::{Host, Layout, ZoneSpec};
use crate::messages::{
    ExecRequest, ExecResponse, ServiceState, ServiceStatus, SmfAction, SmfRequest, ZoneState,
};
use crate::role::Role;

/// Every service: starts a process of its own, as servers do, and ends orderly. haproxy dies at once. Called
/// by another name it is a tool.
const PROGRAM: &str = r#"#!/bin/bash
case "$(basename "$0")" in
    zonename) echo "$LAB_ZONE $*"; exit ;;
esac
case "$2" in
    haproxy) exit 3 ;;
esac
setsid sleep 1000 &
trap 'echo ending; kill $!; exit 0' TERM
echo "started $2"
while :; do sleep 0.05; done
"#;

/// A lab whose services are scripts. It is stopped by hand.
pub(crate) struct Lab {
    pub(crate) zones: Zones,
    pub(crate) directory: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let program = directory.path().join("program");
        fs::write(&program, PROGRAM).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let run_as = rustix::process::geteuid().is_root().then(|| "postgres".to_owned());
        let host = Host { run_as, program: vec![program], ..Host::default() };
        let config_poll = Duration::from_millis(100);
        let options = Options { router_instances: 2, config_poll, ..Options::default() };
        let layout = Layout::new(options, AddressBlock::new(203), host).unwrap();
        let zones = Self::open(directory.path(), layout);
        Self { zones, directory }
    }

    fn open(directory: &Path, layout: Layout) -> Zones {
        let settings = Settings {
            stop_timeout: Duration::from_secs(5),
            setup_timeout: Duration::ZERO,
            configuration_timeout: Duration::ZERO,
            tools: vec!["zonename"],
            tool_paths: vec!["/native/usr/sbin/zonename", "/usr/bin/zonename"],
        };
        Zones::open(LabDirectory::new(directory), layout, settings).unwrap()
    }

    /// A zone that runs, whose setup is done: there is no SAPI here.
    pub(crate) async fn zone(&self, role: Role) -> Uuid {
        let spec = self.zones.layout().zones_of(role).next().unwrap().clone();
        let spec = ZoneSpec { uuid: Uuid::new_v4(), ..spec };
        let uuid = spec.uuid;
        let inner = &self.zones.inner;
        let zone = Zone::new(inner, spec.clone(), ZoneState::Stopped, &Enabled::new());
        inner.lock().insert(uuid, Arc::new(zone));
        fs::create_dir_all(inner.directory.zone_log(uuid)).unwrap();
        inner.record_spec(&spec).unwrap();
        inner.lay_out(&spec).unwrap();
        fs::write(inner.directory.zone_root(uuid).join(SENTINEL), "").unwrap();
        self.zones.boot(uuid).await.unwrap();
        let status = self.zones.status(uuid).unwrap();
        for service in status.services.iter().filter(|one| !one.fmri.contains("haproxy")) {
            let (name, instance) = service.fmri.rsplit_once(':').unwrap();
            let name =
                if instance == "default" { name.rsplit_once('/').unwrap().1 } else { instance };
            eventually("a start", async || self.log(uuid, name).contains("started")).await;
        }
        uuid
    }

    pub(crate) fn service(&self, zone: Uuid, name: &str) -> ServiceStatus {
        let status = self.zones.status(zone).unwrap();
        status.services.into_iter().find(|service| service.fmri.contains(name)).unwrap()
    }

    pub(crate) async fn smf(&self, zone: Uuid, action: SmfAction, instance: &str) -> ServiceStatus {
        let request = SmfRequest { action, instance: instance.to_owned(), wait: true };
        self.zones.smf(zone, &request).await.unwrap().pop().unwrap()
    }

    async fn bash(&self, zone: Uuid, script: &str) -> ExecResponse {
        let argv = ["bash", "-c", script].map(ToOwned::to_owned).into();
        let request = ExecRequest { argv, ..ExecRequest::default() };
        self.zones.exec(zone, &request).await.unwrap()
    }

    fn log(&self, zone: Uuid, name: &str) -> String {
        let path = self.zones.inner.directory.zone_log(zone).join(format!("{name}.log"));
        fs::read_to_string(path).unwrap_or_default()
    }
}

/// Also when a test fails, no process remains.
impl Drop for Lab {
    fn drop(&mut self) {
        let marks =
            self.zones.list().into_iter().map(|zone| format!("LAB_ZONE={}", zone.spec.uuid));
        let belonging = Belonging { marks: marks.collect(), ..Belonging::default() };
        kill_all(&belonging).unwrap_or_default();
    }
}

pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn processes(mark: &str) -> usize {
    let belonging = Belonging { marks: vec![mark.to_owned()], ..Belonging::default() };
    belonging.find().unwrap().len()
}

fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_sees_its_zone_and_no_other() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Postgres).await;
    let other = lab.zone(Role::Moray).await;
    let seen = lab
        .bash(
            zone,
            "cat /etc/hosts; pwd; id -u; zonename a 'b c'; echo x > /var/tmp/x; ls / ; ls /root /home; \
             ls /usr/bin/env; echo complaint >&2; exit 7",
        )
        .await;
    assert_eq!(seen.exit_code, 7, "{seen:?}");
    assert_eq!(seen.stderr, "complaint\n");
    let alias = lab.zones.status(zone).unwrap().spec.alias;
    assert!(seen.stdout.contains(&format!("127.77.203.40\t{alias}\n")), "{seen:?}");
    assert!(seen.stdout.contains("127.77.203.2\tsapi.lab-1.example.net\n"));
    assert!(seen.stdout.contains(&format!("/root\n0\n{zone} a b c\n")), "{seen:?}");
    assert!(seen.stdout.ends_with("/home:\n\n/root:\n/usr/bin/env\n"), "{seen:?}");
    let directory = &lab.zones.inner.directory;
    assert_eq!(fs::read_to_string(directory.in_zone(zone, "/var/tmp/x")).unwrap(), "x\n");
    assert!(!directory.in_zone(other, "/var/tmp/x").exists());
    let path = lab.directory.path().display().to_string();
    let outside = lab.bash(zone, &format!("ls {path}; ls /etc/shadow; echo x > /usr/bin/x")).await;
    assert_eq!((outside.stdout.as_str(), outside.exit_code), ("", 1), "{outside:?}");
    lab.zones.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_and_input_arrive_unchanged() {
    let lab = Lab::new();
    let server = lab.zones.layout().servers[0].uuid;
    let words = ["a b", "'\"`$HOME`\\", "two\nlines", "", "*", "--", "x=y"];
    let mut argv = vec!["printf".to_owned(), "<%s>".to_owned()];
    argv.extend(words.map(ToOwned::to_owned));
    let request = ExecRequest { argv, ..ExecRequest::default() };
    let printed = lab.zones.exec_global(server, &request).await.unwrap();
    let expected: String = words.map(|word| format!("<{word}>")).concat();
    assert_eq!(printed.stdout, expected, "{printed:?}");
    let env = [("GREETING".to_owned(), "hello; exit 9".to_owned())].into();
    let stdin = "shopt -q login_shell && echo \"$GREETING $LAB_ZONE\"\nexit 4\n".to_owned();
    let login = ExecRequest { env, stdin, ..ExecRequest::default() };
    let said = lab.zones.exec_global(server, &login).await.unwrap();
    assert_eq!(said.stdout, format!("hello; exit 9 server:{server}\n"), "{said:?}");
    assert_eq!(said.exit_code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_nobody_waits_for_is_killed_with_all_that_it_started() {
    let lab = Lab::new();
    let server = lab.zones.layout().servers[1].uuid;
    let mark = format!("LAB_ZONE=server:{server}");
    let script = "setsid bash -c 'setsid sleep 1000 & sleep 1000' & sleep 1000";
    let argv: Vec<String> = ["bash", "-c", script].map(ToOwned::to_owned).into();
    let request = ExecRequest { argv, ..ExecRequest::default() };
    let zones = lab.zones.clone();
    let task = {
        let request = request.clone();
        tokio::spawn(async move { zones.exec_global(server, &request).await })
    };
    // bash, bash, and the three that sleep; the namespace's own shells have become bash.
    eventually("five processes", async || processes(&mark) >= 5).await;
    task.abort();
    eventually("no process", async || processes(&mark) == 0).await;
    let argv: Vec<String> =
        ["bash", "-c", &format!("echo begun; {script}")].map(ToOwned::to_owned).into();
    let request = ExecRequest { argv, ..ExecRequest::default() };
    let late =
        lab.zones.exec_global(server, &request.within(Duration::from_secs(1))).await.unwrap();
    assert_eq!(processes(&mark), 0, "all are gone before the answer");
    let words = "killed with all that it started: it took longer than 1s\n";
    assert_eq!((late.exit_code, late.timed_out), (124, true));
    assert_eq!((late.stdout.as_str(), late.stderr.as_str()), ("begun\n", words));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_starts_again_and_one_that_dies_at_once_goes_into_maintenance() {
    let lab = Lab::new();
    let zone = lab.zone(Role::ElectricMoray).await;
    let before = lab.service(zone, "electric-moray-2022");
    assert_eq!(before.state, ServiceState::Online);
    crate::host::signal(before.pid.unwrap(), rustix::process::Signal::KILL);
    eventually("another process", async || {
        let now = lab.service(zone, "electric-moray-2022");
        now.state == ServiceState::Online && now.pid != before.pid
    })
    .await;
    eventually("maintenance", async || {
        lab.service(zone, "haproxy").state == ServiceState::Maintenance
    })
    .await;
    let still = lab.smf(zone, SmfAction::Enable, "haproxy").await;
    assert_eq!(still.state, ServiceState::Maintenance);
    let disabled = lab.smf(zone, SmfAction::Disable, "svc:/manta/haproxy:default").await;
    assert_eq!(disabled.state, ServiceState::Disabled);
    // The one that was killed left its own process behind, which went with it.
    let mark = format!("LAB_INSTANCE={zone}/electric-moray-2022");
    eventually("only the new ones", async || (3..=3).contains(&processes(&mark))).await;
    lab.zones.shut_down().await;
    assert_eq!(processes(&format!("LAB_ZONE={zone}")), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn svcadm_waits_and_what_it_set_outlives_the_lab() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Postgres).await;
    let sitter = lab.smf(zone, SmfAction::Disable, "manatee-sitter").await;
    assert_eq!((sitter.state, sitter.pid), (ServiceState::Disabled, None));
    assert_eq!(processes(&format!("LAB_INSTANCE={zone}/manatee-sitter")), 0);
    eventually("its last word", async || {
        lab.log(zone, "manatee-sitter").ends_with("started sitter\nending\n")
    })
    .await;
    let registrar = lab.service(zone, "registrar").pid;
    assert_ne!(lab.smf(zone, SmfAction::Restart, "registrar").await.pid, registrar);
    for (instance, message) in [
        ("vmadmd", "Pattern 'vmadmd' doesn't match any instances"),
        ("default", "Pattern 'default' matches multiple instances:"),
    ] {
        let instance = instance.to_owned();
        let request = SmfRequest { action: SmfAction::Enable, instance, wait: true };
        let error = lab.zones.smf(zone, &request).await.unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
    lab.zones.shut_down().await;
    let again = Lab::open(lab.directory.path(), lab.zones.layout().clone());
    again.boot_all().await.unwrap();
    let status = again.status(zone).unwrap();
    let state = |name: &str| {
        status.services.iter().find(|service| service.fmri.contains(name)).unwrap().state
    };
    assert_eq!(status.state, ZoneState::Running);
    assert_eq!(state("manatee-sitter"), ServiceState::Disabled);
    assert_eq!(state("backupserver"), ServiceState::Online);
    again.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_frozen_killed_and_booted() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Moray).await;
    let pid = lab.service(zone, "moray-2020").pid.unwrap();
    lab.zones.freeze_zone(zone).await.unwrap();
    assert!(is_stopped(pid));
    lab.zones.thaw_zone(zone).await.unwrap();
    assert!(!is_stopped(pid));
    lab.zones.kill_zone(zone).await.unwrap();
    assert_eq!(processes(&format!("LAB_ZONE={zone}")), 0);
    assert_eq!(lab.zones.status(zone).unwrap().state, ZoneState::Stopped);
    assert!(!lab.log(zone, "moray-2020").contains("ending"));
    let error = lab.zones.exec(zone, &ExecRequest::default()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("zone {zone} is stopped"));
    lab.zones.boot(zone).await.unwrap();
    assert_eq!(lab.service(zone, "moray-2020").state, ServiceState::Online);
    eventually("a second start", async || {
        lab.log(zone, "moray-2020").matches("started").count() == 2
    })
    .await;
    lab.zones.halt(zone).await.unwrap();
    assert!(lab.log(zone, "moray-2020").ends_with("ending\n"));
    lab.zones.destroy(zone).await.unwrap();
    assert!(lab.zones.status(zone).is_err());
    assert!(!lab.zones.inner.directory.zone(zone).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written_on_a_full_disk() {
    let lab = Lab::new();
    let zone = lab.zone(Role::Moray).await;
    lab.zones.set_disk_full(zone, true).await.unwrap();
    let full = lab.bash(zone, "echo x > /var/tmp/x; echo $?").await;
    assert_eq!(full.stdout, "1\n", "{full:?}");
    let log = lab.log(zone, "moray-2020");
    lab.smf(zone, SmfAction::Restart, "moray").await;
    assert_eq!(lab.log(zone, "moray-2020"), log);
    lab.zones.set_disk_full(zone, false).await.unwrap();
    assert_eq!(lab.bash(zone, "echo x > /var/tmp/x; echo $?").await.stdout, "0\n");
    lab.zones.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_without_sapi_fails_and_says_why() {
    let lab = Lab::new();
    let spec = lab.zones.layout().zones_of(Role::Postgres).next().unwrap().clone();
    let zone = spec.uuid;
    let error = lab.zones.provision(spec.clone()).await.unwrap_err();
    let expected =
        format!("the setup of zone {zone} failed while it was to render its configuration");
    assert_eq!(error.to_string(), expected);
    assert_eq!(lab.zones.status(zone).unwrap().state, ZoneState::Failed);
    assert!(matches!(lab.zones.provision(spec).await, Err(super::ZoneError::Exists { .. })));
    let next = lab.zones.next_address(Role::Postgres, []).unwrap();
    assert_eq!(next.to_string(), "127.77.203.41");
}

//! The words of checks about what was seen, and about what could not be seen.

mod hidden;

use serde_json::json;

use super::super::evidence::{OldTransactions, Override, PeerProbe, RouterSeen, ServerSeen, Zones};
use super::super::{Report, Stage, Verdict};
use super::*;
use crate::inventory::{ClockReading, InstanceProbe, RingsLock, RouterProbe, Stamped};
use crate::plan::tests::inventory;
use crate::region::{RouterStatus, StatusShard};

const SOURCE: &str = "2.moray.lab.example.net";

pub(super) fn subject() -> Subject {
    Subject::shard(SOURCE.parse().unwrap())
}

fn nothing<T>() -> Found<T> {
    Err("nobody answers".into())
}

/// Nothing could be seen.
pub(super) fn blind() -> Evidence {
    Evidence {
        manta: nothing(),
        zones: nothing(),
        state: nothing(),
        view: nothing(),
        candidates: nothing(),
        versions: nothing(),
        writability: nothing(),
        database_bytes: nothing(),
        tables: nothing(),
        transactions: nothing(),
        guard: nothing(),
        connections: nothing(),
        peers: Vec::<PeerProbe>::new(),
        dump_lock: nothing(),
        dumps: nothing(),
        ring_lock: nothing(),
        plan_locks: nothing(),
        routers: nothing(),
        morays: nothing(),
        ring: nothing(),
        imgapis: vec![("http://imgapi".to_owned(), nothing())],
        images: nothing(),
        servers: nothing(),
        kept_shards: nothing(),
        reserved_names: nothing(),
    }
}

fn routers(change: impl FnOnce(&mut InstanceProbe)) -> Vec<RouterSeen> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let instance = |port: u16| InstanceProbe {
        instance: format!("electric-moray-{port}"),
        state: "online".to_owned(),
        port,
        status_port: port + 2000,
        ring: format!("/electric-moray/chash/leveldb-{port}"),
        stamp: Stamped::Not,
        tables: Some("1:2".to_owned()),
        status: Some(RouterStatus {
            smf_fmri: None,
            pid: 7,
            start_time: "2024-05-06T07:00:00.000Z".to_owned(),
            client_list: (1..=2).map(|n| format!("tcp://{n}.moray.lab.example.net:2020")).collect(),
            index_shards: vec![StatusShard { host: SOURCE.to_owned(), read_only: false }],
        }),
    };
    let mut instances = vec![instance(2021), instance(2022), instance(2023)];
    change(&mut instances[1]);
    let probe = RouterProbe {
        clock: ClockReading { zone: 0, before: now, after: now },
        config_agent: "online".to_owned(),
        lock: RingsLock::Free,
        instances,
    };
    let zone = uuid::Uuid::from_u128(9).into();
    vec![RouterSeen { label: "em-1".to_owned(), zone, probe: Ok(probe) }]
}

fn zones(overrides: Vec<Override>) -> Zones {
    Zones { seen: Vec::new(), names: Vec::new(), overrides }
}

/// A region whose routers are all well but for this change.
fn with_router(change: impl FnOnce(&mut InstanceProbe)) -> Evidence {
    Evidence { routers: Ok(routers(change)), ring: Ok(inventory(2, 64).ring), ..blind() }
}

#[test]
fn names_are_each_there_once_and_never_change() {
    let evidence = blind();
    let mut names: Vec<String> =
        ALL.iter().map(|check| check(&evidence, &subject()).name).collect();
    assert_eq!(names.first().map(String::as_str), Some("shard-state"));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn what_cannot_be_seen_fails_and_says_so() {
    let (evidence, mut subject) = (blind(), subject());
    subject.targets = vec!["3.moray.lab.example.net".parse().unwrap()];
    let checks: Vec<Check> = ALL.iter().map(|check| check(&evidence, &subject)).collect();
    for check in &checks {
        assert_eq!(check.verdict, Verdict::Failed, "{check:?}");
    }
    let report = Report::new(jiff::Timestamp::UNIX_EPOCH, subject.source.clone(), checks);
    let (first, others) = report.checks.split_first().unwrap();
    assert_eq!((first.name.as_str(), first.verdict), ("answers", Verdict::Failed));
    for check in others {
        assert!(!check.found.is_empty() && check.verdict != Verdict::Ok, "{check:?}");
    }
}

#[test]
fn a_router_with_another_ring_is_found() {
    let verdict = |evidence: &Evidence| {
        let check = routers::serve_the_ring(evidence, &subject());
        (check.verdict, check.found)
    };
    assert_eq!(verdict(&with_router(|_| ())).0, Verdict::Ok);
    let other = uuid::Uuid::from_u128(7).into();
    let (failed, found) = verdict(&with_router(|seen| seen.stamp = Stamped::Image(other)));
    assert_eq!(failed, Verdict::Failed);
    assert!(found.contains("electric-moray-2022 in em-1"), "{found}");
    assert_eq!(verdict(&with_router(|seen| seen.stamp = Stamped::Unreadable)).0, Verdict::Failed);
    // One with the right stamp among some without: those without are older.
    let right = inventory(2, 64).ring.image;
    assert_eq!(verdict(&with_router(|seen| seen.stamp = Stamped::Image(right))).0, Verdict::Failed);
    let fewer = with_router(|seen| drop(seen.status.as_mut().unwrap().client_list.pop()));
    assert_eq!(verdict(&fewer).0, Verdict::Failed);
    let (warning, found) = verdict(&with_router(|seen| seen.tables = Some("3:4".to_owned())));
    assert_eq!(warning, Verdict::Warning);
    assert!(found.contains("electric-moray-2022"), "{found}");
}

#[test]
fn a_router_that_is_off_is_found() {
    let verdict = |evidence: &Evidence| routers::online(evidence, &subject()).verdict;
    assert_eq!(verdict(&with_router(|_| ())), Verdict::Ok);
    assert_eq!(
        verdict(&with_router(|seen| seen.state = "maintenance".to_owned())),
        Verdict::Failed
    );
    assert_eq!(verdict(&with_router(|seen| seen.status = None)), Verdict::Failed);
}

#[test]
fn a_router_zone_that_cannot_be_changed_is_found() {
    let with = |change: &dyn Fn(&mut RouterProbe)| {
        let mut routers = routers(|_| ());
        change(routers[0].probe.as_mut().unwrap());
        Evidence { routers: Ok(routers), ..blind() }
    };
    let lock = |lock: RingsLock| {
        let evidence = with(&|probe| probe.lock = lock.clone());
        let stage = Stage::Prepared { zones: std::collections::BTreeSet::default() };
        let mine = Subject { plan: Some("p".to_owned()), stage, ..subject() };
        let check = routers::locks(&evidence, &mine);
        (check.verdict, check.remedy.to_string())
    };
    let held = |plan: &str| RingsLock::Held { plan: plan.to_owned(), number: 1 };
    assert_eq!(lock(RingsLock::Free).0, Verdict::Ok);
    assert_eq!(lock(held("p")).0, Verdict::Ok);
    assert_eq!(lock(held("q")).0, Verdict::Failed);
    assert_eq!(lock(RingsLock::Left).0, Verdict::Warning);
    for (foreign, path) in [(RingsLock::Strange, "/rings.lock"), (RingsLock::ForeignDirectory, "")]
    {
        let (verdict, remedy) = lock(foreign);
        assert_eq!(verdict, Verdict::Failed);
        let zone = uuid::Uuid::from_u128(9);
        assert!(remedy.contains(&format!("`zlogin {zone} rm -rf /var/reshard{path}`")), "{remedy}");
    }
    let agent = |state: &str| {
        let evidence = with(&|probe| state.clone_into(&mut probe.config_agent));
        routers::config_agents(&evidence, &subject()).verdict
    };
    assert_eq!(
        ["online", "maintenance", ""].map(agent),
        [Verdict::Ok, Verdict::Failed, Verdict::Failed]
    );
}

#[test]
fn metadata_that_the_routers_would_read_instead_is_found() {
    let verdict = |overrides| {
        let evidence = Evidence { zones: Ok(zones(overrides)), ..blind() };
        let check = shard_list::overridden(&evidence, &subject());
        (check.verdict, check.remedy.to_string())
    };
    assert_eq!(verdict(Vec::new()).0, Verdict::Ok);
    let overriding = Override {
        at: "the service electric-moray".to_owned(),
        path: "/services/u".to_owned(),
        key: "INDEX_MORAY_SHARDS",
    };
    let (failed, remedy) = verdict(vec![overriding]);
    assert_eq!(failed, Verdict::Failed);
    let line = r#"`sdc-sapi /services/u -X PUT -d '{"action":"delete","metadata":{"INDEX_MORAY_SHARDS":""}}'`"#;
    assert!(remedy.contains(line), "{remedy}");
}

#[test]
fn transactions_that_would_keep_writes_refused_are_found() {
    use crate::region::{Holder, OpenTransaction};
    let at = "tcp://postgres@10.0.0.1:5432/postgres".parse().unwrap();
    let session = Holder::Session {
        pid: 4711,
        user: "moray".to_owned(),
        application: "psql".to_owned(),
        client: "10.0.0.9".to_owned(),
        state: "idle in transaction".to_owned(),
    };
    let prepared = Holder::Prepared { gid: "job-7".to_owned(), owner: "moray".to_owned() };
    let open = [session, prepared].map(|holder| OpenTransaction { holder, seconds: 77 }).into();
    let seen = Evidence { transactions: Ok(OldTransactions { at, open }), ..blind() };
    let ready = Stage::Prepared { zones: std::collections::BTreeSet::default() };
    for (stage, verdict) in [(Stage::Before, Verdict::Warning), (ready, Verdict::Failed)] {
        let subject = Subject { stage, ..subject() };
        let open = transactions::open(&seen, &subject);
        assert_eq!(open.verdict, verdict);
        for words in ["4711", "moray", "psql", "10.0.0.9", "idle in transaction", "77 s"] {
            assert!(open.found.contains(words), "{open:?}");
        }
        assert!(!open.found.contains("job-7"), "{open:?}");
        assert!(
            open.remedy.to_string().contains("SELECT pg_terminate_backend(4711)\"`"),
            "{open:?}"
        );
        let prepared = transactions::prepared(&seen, &subject);
        assert_eq!(prepared.verdict, verdict);
        assert!(
            prepared.remedy.to_string().contains("ROLLBACK PREPARED 'job-7'\"`"),
            "{prepared:?}"
        );
    }
}

#[test]
fn a_moray_that_does_not_tell_its_requests_is_no_obstacle() {
    let process = |kang: Option<&str>| crate::morays::MorayProcess {
        zone: uuid::Uuid::from_u128(8).into(),
        instance: "moray-2021".to_owned(),
        kang: kang.map(str::to_owned),
    };
    let verdict = |kang, told| {
        let processes = Ok(vec![(process(kang), told)]);
        let evidence = Evidence { morays: Ok(vec![("m-1".to_owned(), processes)]), ..blind() };
        let check = morays::tell_their_requests(&evidence, &subject());
        (check.verdict, check.remedy.to_string())
    };
    let url = Some("http://10.0.0.8:3021/kang/snapshot");
    assert_eq!(verdict(url, Ok(())).0, Verdict::Ok);
    let (warning, remedy) = verdict(url, nothing());
    assert_eq!(warning, Verdict::Warning);
    assert!(remedy.contains("`curl http://10.0.0.8:3021/kang/snapshot`"), "{remedy}");
    assert_eq!(verdict(None, nothing()).0, Verdict::Warning);
}

#[test]
fn disk_is_compared_with_what_is_needed() {
    let server = |free_bytes| ServerSeen {
        uuid: uuid::Uuid::from_u128(1).into(),
        hostname: "server-1".to_owned(),
        running: true,
        set_up: true,
        free_bytes,
    };
    let mut subject = subject();
    subject.disk = vec![(uuid::Uuid::from_u128(1).into(), 1000)];
    let verdict = |free| {
        let servers = Ok(vec![server(free)]);
        let zones = Ok(zones(Vec::new()));
        let evidence = Evidence { servers, zones, database_bytes: Ok(1), ..blind() };
        servers::disk(&evidence, &subject).verdict
    };
    assert_eq!(verdict(Some(1000)), Verdict::Ok);
    assert_eq!(verdict(Some(999)), Verdict::Failed);
    assert_eq!(verdict(None), Verdict::Warning);
}

#[test]
fn the_plans_own_locks_are_no_obstacle() {
    use manatee_client::{LockRecord, LockState};
    let record = LockRecord { token: 1, owner: Some("p".to_owned()), since: None };
    let held = Evidence { ring_lock: Ok(LockState::Held(record)), ..blind() };
    let prepared = |plan: &str| Subject {
        plan: Some(plan.to_owned()),
        stage: Stage::Prepared { zones: std::collections::BTreeSet::default() },
        ..subject()
    };
    // Before it is prepared, a plan waits for another.
    assert_eq!(locks::ring_lock(&held, &subject()).verdict, Verdict::Warning);
    assert_eq!(locks::ring_lock(&held, &prepared("q")).verdict, Verdict::Failed);
    assert_eq!(locks::ring_lock(&held, &prepared("p")).verdict, Verdict::Ok);
}

#[test]
fn new_names_must_be_free_everywhere() {
    let application: sapi_client::sapi::Application = serde_json::from_value(json!({
        "uuid": "f1767a23-0188-4861-97e2-bbdd8f561d54",
        "metadata": {"INDEX_MORAY_SHARDS": [{"host": SOURCE, "last": true}]},
    }))
    .unwrap();
    let free = || Evidence {
        manta: Ok(application.clone().into()),
        zones: Ok(zones(Vec::new())),
        kept_shards: Ok(Vec::new()),
        reserved_names: Ok(std::collections::BTreeMap::default()),
        ring: Ok(inventory(2, 64).ring),
        ..blind()
    };
    let verdict = |evidence: &Evidence, name: &str| {
        let subject = Subject { targets: vec![name.parse().unwrap()], ..subject() };
        zones::names_free(evidence, &subject).verdict
    };
    let new = "3.moray.lab.example.net";
    assert_eq!(verdict(&free(), new), Verdict::Ok);
    assert_eq!(verdict(&free(), SOURCE), Verdict::Failed);
    let kept = Evidence { kept_shards: Ok(vec![new.parse().unwrap()]), ..free() };
    assert_eq!(verdict(&kept, new), Verdict::Failed);
    let reserved = || Ok([(new.to_owned(), "p".to_owned())].into());
    let reserved = Evidence { reserved_names: reserved(), ..free() };
    assert_eq!(verdict(&reserved, new), Verdict::Failed);
    let own =
        Subject { targets: vec![new.parse().unwrap()], plan: Some("p".to_owned()), ..subject() };
    assert_eq!(zones::names_free(&reserved, &own).verdict, Verdict::Ok);
    assert_eq!(zones::names_free(&free(), &subject()).verdict, Verdict::Skipped);
}

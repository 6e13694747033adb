//! The electric-moray processes.

use std::collections::{BTreeMap, BTreeSet};

use sapi_client::manta::ShardList;

use super::super::evidence::RouterSeen;
use super::{Check, Evidence, Findings, SHARD_LIST, Subject, look, names, seen, why};
use crate::hint::{Operation, hint};
use crate::inventory::{InstanceProbe, RingsLock, Stamped};
use crate::preflight::Verdict;
use crate::region::RouterStatus;

/// The directory for what plans leave in a zone, as `own-directory.sh` has it.
const LOCK_DIRECTORY: &str = "/var/reshard";

/// Every process with what to call it.
fn all(routers: &[RouterSeen]) -> impl Iterator<Item = (String, &InstanceProbe)> {
    routers.iter().filter_map(|router| Some((router, router.probe.as_ref().ok()?))).flat_map(
        |(router, probe)| {
            let name = |seen: &InstanceProbe| format!("{} in {}", seen.instance, router.label);
            probe.instances.iter().map(move |seen| (name(seen), seen))
        },
    )
}

/// Every SMF instance is online and answers.
pub(super) fn online(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("routers-online");
    let routers = seen!(findings, look(&evidence.routers));
    for router in routers {
        match &router.probe {
            Err(why) => findings.unseen(
                Verdict::Failed,
                why,
                format!("cannot look into {}", router.label),
                "a router that cannot be reached cannot be told of the new ring: see to its zone, its server and CNAPI",
            ),
            Ok(probe) if probe.instances.is_empty() => findings.fail(
                format!("{} has no electric-moray at all", router.label),
                "see whether its first boot failed: `svcs -x` in the zone",
            ),
            Ok(_) => {}
        }
    }
    for (name, seen) in all(routers) {
        if seen.state != "online" {
            findings.fail(
                format!("{name} is {}", seen.state),
                format!(
                    "in the zone: `svcs -x {0}`; `svcadm clear {0}` or `svcadm enable {0}` when it is fixed",
                    seen.instance
                ),
            );
        } else if seen.status.is_none() {
            findings.fail(
                format!("{name} does not answer at its status port {}", seen.status_port),
                "it may be starting: check again; then see its log, and restart it",
            );
        }
    }
    findings.or_ok(format!("{} processes in {} zones", all(routers).count(), routers.len()))
}

/// Every process has the ring that SAPI names.
///
/// A ring's stamp tells its image. The first ring of a deployment has none; then the tables of all processes are compared,
/// and the pnodes that they opened.
pub(super) fn serve_the_ring(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("routers-ring");
    let routers = seen!(findings, look(&evidence.routers));
    let ring = seen!(findings, look(&evidence.ring));
    hidden(routers, &mut findings);
    let stale = || {
        hint!(
            "it serves another ring than SAPI names: install that there, as manta-adm does, or put HASH_RING_IMAGE right; ",
            Operation::AuditRings,
            " tells more"
        )
    };
    let pnodes: BTreeSet<&str> = ring.pnodes.iter().map(|pnode| pnode.pnode.as_str()).collect();
    let (mut stamped, mut unstamped) = (0_usize, Vec::new());
    let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, seen) in all(routers) {
        match seen.stamp {
            Stamped::Image(image) if image == ring.image => stamped += 1,
            Stamped::Image(image) => {
                findings.fail(
                    format!("the ring of {name} is the image {image}, SAPI names {}", ring.image),
                    stale(),
                );
            }
            Stamped::Unreadable => findings.fail(
                format!("the stamp of the ring of {name} cannot be read"),
                format!("see {}/manta_hash_ring_stamp.json in the zone", seen.ring),
            ),
            Stamped::Not => unstamped.push(name.clone()),
        }
        let opened =
            seen.status.as_ref().map(|status| status.client_list.iter().map(String::as_str));
        if opened.is_some_and(|opened| opened.collect::<BTreeSet<_>>() != pnodes) {
            findings.fail(
                format!("{name} has opened a ring with other shards than the one that SAPI names"),
                stale(),
            );
        }
        if let Some(checksum) = &seen.tables {
            tables.entry(checksum).or_default().push(name);
        }
    }
    if stamped > 0 && !unstamped.is_empty() {
        findings.fail(
            format!("the rings of {} have no stamp, others have", names(&unstamped)),
            stale(),
        );
    }
    if tables.len() > 1 {
        let usual = tables.values().map(Vec::len).max().unwrap_or(0);
        let others = tables.values().filter(|having| having.len() < usual);
        let others: Vec<String> = others.flatten().cloned().collect();
        let who = if others.is_empty() { "processes".to_owned() } else { names(&others) };
        findings.warn(
            format!("the ring's files differ between processes: {who}"),
            hint!(
                "LevelDB may have put them in order by itself; ",
                Operation::AuditRings,
                " asks all of them for keys of every shard"
            ),
        );
    }
    let count = stamped + unstamped.len();
    findings.or_ok(if unstamped.is_empty() {
        format!("{count} processes have the image {}", ring.image)
    } else {
        format!(
            "{count} processes have the same ring, which has no stamp, with the shards of {}",
            ring.image
        )
    })
}

/// Every process has the list of shards that SAPI has: it refuses writes to all others.
pub(super) fn know_the_shards(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("routers-shards");
    let routers = seen!(findings, look(&evidence.routers));
    let manta = seen!(findings, look(&evidence.manta));
    let list = match manta.index_shards() {
        Ok(list) => list,
        Err(error) => {
            findings.blind(why(error).told_by(SHARD_LIST));
            return findings.or_ok("");
        }
    };
    hidden(routers, &mut findings);
    // What several processes have in common is one finding.
    let mut having: Vec<(Difference, Vec<String>)> = Vec::new();
    for (name, seen) in all(routers) {
        for difference in seen.status.iter().flat_map(|status| differences(status, &list)) {
            match having.iter_mut().find(|(known, _)| *known == difference) {
                Some((_, processes)) => processes.push(name.clone()),
                None => having.push((difference, vec![name.clone()])),
            }
        }
    }
    for (difference, processes) in having {
        let (verb, host, rest) = &difference;
        let verb = match (verb, &processes[..]) {
            (Verb::Ignore, [_]) => "does not know",
            (Verb::Ignore, _) => "do not know",
            (Verb::Take, [_]) => "takes",
            (Verb::Take, _) => "take",
            (Verb::Know, [_]) => "knows",
            (Verb::Know, _) => "know",
        };
        findings.fail(
            format!("{} {verb} {host}{rest}", names(&processes)),
            "see that config-agent runs in the zone; then restart the process: it reads its configuration when it starts",
        );
    }
    findings.or_ok(format!("all know {} shards", list.len()))
}

/// In every zone config-agent runs: it is what tells the processes of new shards.
pub(super) fn config_agents(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("routers-config-agent");
    let routers = seen!(findings, look(&evidence.routers));
    hidden(routers, &mut findings);
    for router in routers {
        let Ok(probe) = &router.probe else { continue };
        if probe.config_agent != "online" {
            let state = if probe.config_agent.is_empty() { "missing" } else { &probe.config_agent };
            let zone = &router.zone;
            findings.fail(
                format!("config-agent in {} is {state}", router.label),
                format!("`zlogin {zone} svcs -x config-agent`; `zlogin {zone} svcadm clear config-agent` or `enable` when it is fixed"),
            );
        }
    }
    findings.or_ok(format!("online in {} zones", seen_zones(routers)))
}

/// In every zone the lock under which rings are changed is free, and where only root can have put it.
pub(super) fn locks(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("routers-lock");
    let routers = seen!(findings, look(&evidence.routers));
    hidden(routers, &mut findings);
    for router in routers {
        let Ok(probe) = &router.probe else { continue };
        let (label, zone) = (&router.label, &router.zone);
        match &probe.lock {
            RingsLock::Free => {}
            RingsLock::Left => findings.warn(
                format!("in {label} a lock is left that names no command that runs"),
                "nothing need be done: the next command of a plan removes it",
            ),
            RingsLock::Held { plan, .. } if subject.is_own(Some(plan)) => {}
            // Before the rings are changed, the plan waits for the other one.
            RingsLock::Held { plan, number } => findings.add(
                if subject.is_prepared() { Verdict::Failed } else { Verdict::Warning },
                format!("in {label} the command {number} of the plan {plan} runs"),
                hint!("let that plan end, or abort it: ", Operation::ListPlans, " lists them"),
            ),
            RingsLock::Strange => findings.fail(
                format!("in {label} {LOCK_DIRECTORY}/rings.lock is not a file"),
                format!("see what made it; `zlogin {zone} rm -rf {LOCK_DIRECTORY}/rings.lock` when nothing needs it"),
            ),
            RingsLock::ForeignDirectory => findings.fail(
                format!("in {label} {LOCK_DIRECTORY} is not a directory that only root can enter"),
                format!("see what is in it; `zlogin {zone} rm -rf {LOCK_DIRECTORY}` when nothing needs it"),
            ),
        }
    }
    findings.or_ok(format!("free in {} zones", seen_zones(routers)))
}

/// Notes the zones that an API hides: no check may take them for well. `routers-online` tells of those that are hidden otherwise.
fn hidden(routers: &[RouterSeen], findings: &mut Findings) {
    let unseen = routers.iter().filter_map(|router| router.probe.as_ref().err());
    unseen.for_each(|why| findings.hidden(why));
}

/// The number of zones that were looked into.
fn seen_zones(routers: &[RouterSeen]) -> usize {
    routers.iter().filter(|router| router.probe.is_ok()).count()
}

/// The relation of a process to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// It does not know it.
    Ignore,
    /// It takes it for something.
    Take,
    /// It knows it.
    Know,
}

/// A difference between what a process knows and what SAPI lists: what it does with which shard, and the rest of the words.
type Difference = (Verb, String, &'static str);

fn differences(status: &RouterStatus, list: &ShardList) -> Vec<Difference> {
    let knows: BTreeMap<&str, bool> =
        status.index_shards.iter().map(|shard| (shard.host.as_str(), shard.read_only)).collect();
    let mut differences = Vec::new();
    for shard in list.iter() {
        let host = || shard.host().to_owned();
        match knows.get(shard.host()) {
            None => differences.push((Verb::Ignore, host(), "")),
            Some(read_only) if *read_only != shard.is_read_only() => {
                let taken = if *read_only { " for read-only" } else { " for writable" };
                differences.push((Verb::Take, host(), taken));
            }
            Some(_) => {}
        }
    }
    let gone = knows.keys().filter(|host| list.get(host).is_none());
    let gone = gone.map(|&host| (Verb::Know, host.to_owned(), ", which SAPI does not list"));
    differences.extend(gone);
    differences
}

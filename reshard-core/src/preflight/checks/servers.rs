//! Checks of what new zones need: images, servers, disk, the right time.

use sapi_client::imgapi::ImageState;

use super::super::evidence::{ServerSeen, ZoneSeen};
use super::{Check, Evidence, Findings, Subject, look, names, seen};
use crate::inventory::ClockReading;
use crate::preflight::Verdict;
use crate::quantity::bytes;

/// The most that a zone's clock may be off, in seconds.
const SKEW_WARNING: u64 = 2;
/// And when freezes, locks and stamps become unreadable for people.
const SKEW_FAILURE: u64 = 60;
/// The least that a peer shall have free, in bytes.
const LEAST_FREE: u64 = 256 << 20;

/// The images of the source's zones, and those that are asked for, can be used where new zones are made.
pub(super) fn images(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("images");
    let images = seen!(findings, look(&evidence.images));
    for ((datacenter, uuid), image) in images {
        match image {
            Err(why) => findings.blind(why.of(format!("the image {uuid} in {datacenter}"))),
            Ok(None) => findings.fail(
                format!("IMGAPI of {datacenter} has no image {uuid}"),
                "import it with `sdc-imgadm import`, or choose another image",
            ),
            Ok(Some(image)) if image.state != Some(ImageState::Active) => findings.fail(
                format!("the image {uuid} in {datacenter} is not active"),
                format!("`sdc-imgadm activate {uuid}` or `enable`, or choose another image"),
            ),
            Ok(Some(_)) => {}
        }
    }
    findings.or_ok(format!("{} images are there", images.len()))
}

/// Every IMGAPI answers and is one.
pub(super) fn imgapi(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("imgapi");
    for (base, ping) in &evidence.imgapis {
        match ping {
            Err(why) => findings.unseen(
                Verdict::Failed,
                why,
                format!("{base} cannot be asked"),
                "the new ring is put there: see to IMGAPI, and to HASH_RING_IMGAPI_SERVICE in SAPI",
            ),
            Ok(ping) if ping.other.get("imgapi") != Some(&true.into()) => findings.fail(
                format!("{base} is no IMGAPI that images can be written to"),
                "see HASH_RING_IMGAPI_SERVICE in SAPI",
            ),
            Ok(_) => {}
        }
    }
    if let Err(why) = &evidence.manta {
        findings.blind(why.of("the IMGAPI of the ring"));
    }
    let bases: Vec<String> = evidence.imgapis.iter().map(|(base, _)| base.clone()).collect();
    findings.or_ok(format!("answers: {}", names(&bases)))
}

/// The servers run: those of the source's and the routers' zones, and those that get new ones.
pub(super) fn running(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("servers");
    let zones = seen!(findings, look(&evidence.zones));
    let servers = seen!(findings, look(&evidence.servers));
    let places: Vec<_> = zones.seen.iter().map(ZoneSeen::place).collect();
    let used = places.iter().filter_map(|place| Some(place.as_ref().ok()?.server));
    let used: std::collections::BTreeSet<_> = used.chain(subject.servers.iter().copied()).collect();
    for uuid in &used {
        match servers.iter().find(|server| server.uuid == *uuid) {
            None => findings.fail(
                format!("CNAPI knows no server {uuid}"),
                "see the datacenters in the configuration, and `sdc-cnapi /servers`",
            ),
            Some(server) if !server.running => findings.fail(
                format!("the server {} does not run, as CNAPI has it", server.hostname),
                "without it nothing can be done in its zones: see to the server and its cn-agent",
            ),
            Some(server) if !server.set_up => {
                findings.fail(
                    format!("the server {} is not set up", server.hostname),
                    "choose another",
                );
            }
            Some(_) => {}
        }
    }
    // `sapi-vmapi` tells of zones that are nowhere.
    places.iter().filter_map(|place| place.as_ref().err()).for_each(|why| findings.hidden(why));
    findings.or_ok(format!("{} servers run", used.len()))
}

/// There is room for the new peers, and the source's own are not full.
pub(super) fn disk(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("disk");
    let servers = seen!(findings, look(&evidence.servers));
    for (uuid, needed) in &subject.disk {
        let Some(server) = servers.iter().find(|server| server.uuid == *uuid) else { continue };
        match server.free_bytes {
            Some(free) if free < *needed => findings.fail(
                format!(
                    "the server {} has {} free, the new peers need {}",
                    server.hostname,
                    bytes(free),
                    bytes(*needed)
                ),
                "make room there, or choose other servers",
            ),
            Some(_) => {}
            None => findings.warn(
                format!("CNAPI does not tell what is free on the server {}", server.hostname),
                format!("see that {} are free: `zpool list` there", bytes(*needed)),
            ),
        }
    }
    let database = evidence.database_bytes.as_ref().copied().unwrap_or(0);
    // Log piles up while new peers are restored and writes are blocked.
    let least = (database / 10).max(LEAST_FREE);
    let mut smallest: Option<u64> = None;
    if let Err(why) = &evidence.zones {
        findings.blind(why);
    }
    for peer in &evidence.peers {
        let inside = match &peer.inside {
            Ok(inside) => inside,
            // `sitters` tells of zones that are hidden otherwise.
            Err(why) => {
                findings.hidden(why);
                continue;
            }
        };
        smallest = Some(smallest.map_or(inside.free_bytes, |free| free.min(inside.free_bytes)));
        if inside.free_bytes < least {
            findings.fail(
                format!("{} has only {} free", peer.label, bytes(inside.free_bytes)),
                format!(
                    "make room in the zone, {} at least: log piles up while new peers are restored",
                    bytes(least)
                ),
            );
        }
    }
    if let Err(why) = &evidence.database_bytes {
        findings.blind(why.of("the size of the database"));
    }
    findings.or_ok(well(servers, subject, smallest, database))
}

fn well(servers: &[ServerSeen], subject: &Subject, smallest: Option<u64>, database: u64) -> String {
    let room: Vec<String> = subject
        .disk
        .iter()
        .filter_map(|(uuid, needed)| {
            let server = servers.iter().find(|server| server.uuid == *uuid)?;
            let free = bytes(server.free_bytes?);
            Some(format!("{} has {free} for {}", server.hostname, bytes(*needed)))
        })
        .collect();
    let own = format!(
        "the database has {}, the fullest peer {} free",
        bytes(database),
        smallest.map_or("an unknown size".to_owned(), bytes)
    );
    if room.is_empty() { own } else { format!("{}; {own}", names(&room)) }
}

/// The clocks of the zones, and so of their servers, are right.
pub(super) fn clocks(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("clocks");
    let routers = seen!(findings, look(&evidence.routers));
    // Without the zones there are no peers to look at.
    let _ = seen!(findings, look(&evidence.zones));
    let of_routers =
        routers.iter().map(|seen| (&seen.label, seen.probe.as_ref().map(|probe| probe.clock)));
    let of_peers = evidence
        .peers
        .iter()
        .map(|seen| (&seen.label, seen.inside.as_ref().map(|inside| inside.clock)));
    let mut count = 0;
    for (label, clock) in of_routers.chain(of_peers) {
        match clock {
            Ok(clock) => {
                count += 1;
                judge(label, clock, &mut findings);
            }
            Err(why) => findings.hidden(why),
        }
    }
    if count == 0 && !findings.is_blind() {
        findings.blind("no zone tells the time");
    }
    findings.or_ok(format!("the clocks of {count} zones are right"))
}

fn judge(label: &str, clock: ClockReading, findings: &mut Findings) {
    let skew = clock.skew();
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let (off, remedy) =
        (skew.unsigned_abs(), "set the clock of its server, or this machine's: see NTP");
    let found = format!("the clock of {label} is {off} s {direction} this machine's");
    if off > SKEW_FAILURE {
        findings.fail(found, remedy);
    } else if off > SKEW_WARNING {
        findings.warn(found, remedy);
    }
}

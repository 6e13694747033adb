//! Zones, as SAPI has them and as VMAPI has them.

use std::collections::BTreeSet;

use manatee_client::ClusterView;
use sapi_client::vmapi::{Vm, VmState};
use serde_json::Value;

use super::super::evidence::{ZoneKind, ZoneSeen, Zones};
use super::{Check, Evidence, Findings, SHARD_LIST, Subject, look, names, seen, why};
use crate::hint::{Hint, Operation, hint};
use crate::zones::plan_of;

/// Every instance of the source and of the routers has a running zone, of which both tell the same; and every peer of the
/// state is one of them.
pub(super) fn agree(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("sapi-vmapi");
    let zones = seen!(findings, look(&evidence.zones));
    let mut stale = Vec::new();
    for zone in &zones.seen {
        match &zone.vm {
            Err(why) => findings.blind(why.of(zone.label())),
            Ok(Some(vm)) if vm.exists() => compare(zone, vm, &mut stale, &mut findings),
            Ok(_) => findings.fail(
                format!("SAPI has the instance {}, but VMAPI has no such zone", zone.instance.uuid),
                format!(
                    "if the zone is gone for good, remove it: `sdc-sapi /instances/{} -X DELETE`",
                    zone.instance.uuid
                ),
            ),
        }
    }
    if !stale.is_empty() {
        findings.warn(
            format!("SAPI is out of date: {}", names(&stale)),
            "nothing need be done: what VMAPI says counts",
        );
    }
    for (kind, what) in [(ZoneKind::Moray, "Moray"), (ZoneKind::Router, "electric-moray")] {
        if !zones.seen.iter().any(|zone| zone.kind == kind) {
            findings.fail(
                format!("SAPI has no {what} instance for {}", subject.source),
                "see the metadata SERVICE_NAME of the instances in SAPI",
            );
        }
    }
    match &evidence.view {
        Ok(view) => are_peers(view, zones, &mut findings),
        Err(why) => findings.blind(why),
    }
    findings.or_ok(format!("{} zones", zones.seen.len()))
}

/// The peers of the state are the shard's postgres instances.
fn are_peers(view: &ClusterView, zones: &Zones, findings: &mut Findings) {
    let postgres = || zones.seen.iter().filter(|zone| zone.kind == ZoneKind::Postgres);
    for (role, peer) in view.state.peers() {
        let zone = postgres().find(|zone| zone.instance.uuid.to_string() == peer.zone_id.as_str());
        let ip = zone.and_then(|zone| zone.vm.as_ref().ok()?.as_ref()?.primary_ip());
        if zone.is_none() {
            findings.fail(
                format!("the {role} {} is in the zone {}, which is no postgres instance of the shard in SAPI", peer.ip, peer.zone_id),
                "see SERVICE_NAME of the instance, or `manatee-adm reap` the peer if its zone is gone",
            );
        } else if ip.is_some_and(|ip| ip != peer.ip) {
            findings.fail(
                format!(
                    "the {role} announces the address {}, VMAPI has {}",
                    peer.ip,
                    ip.unwrap_or_default()
                ),
                "the zone's address was changed: restart its sitter",
            );
        }
    }
    for zone in postgres() {
        let uuid = zone.instance.uuid.to_string();
        let in_state = view.state.peers().any(|(_, peer)| peer.zone_id.as_str() == uuid);
        if !in_state {
            findings.fail(
                format!("{} is a postgres instance of the shard, but no peer of it", zone.label()),
                "start its sitter, or remove the instance",
            );
        }
    }
}

fn compare(zone: &ZoneSeen, vm: &Vm, stale: &mut Vec<String>, findings: &mut Findings) {
    let label = zone.label();
    if vm.state != Some(VmState::Running) {
        let state = vm
            .state
            .as_ref()
            .map_or("in no state".to_owned(), |state| format!("{state:?}").to_lowercase());
        findings.fail(
            format!("the zone {label} is {state}"),
            "start it, or find out why it does not run",
        );
    }
    let Some(params) = &zone.instance.params else { return };
    let told = [
        ("alias", vm.alias.clone()),
        ("server_uuid", vm.server_uuid.map(|uuid| uuid.to_string())),
        ("image_uuid", vm.image_uuid.map(|uuid| uuid.to_string())),
    ];
    for (key, truth) in told {
        // What SAPI does not say, it does not say wrongly.
        if let (Some(says), Some(truth)) = (params.text(key), truth)
            && says != truth
        {
            stale.push(format!("{key} of {label} is {truth}, and not {says}"));
        }
    }
}

/// All peers have the same overrides of PostgreSQL's settings.
pub(super) fn overrides(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("pg-config-overrides");
    let zones = seen!(findings, look(&evidence.zones));
    let of = |zone: &ZoneSeen| {
        let metadata = zone.instance.metadata.as_ref()?;
        metadata.get("PG_CONFIG_OVERRIDES").map(Value::to_string)
    };
    let postgres = zones.seen.iter().filter(|zone| zone.kind == ZoneKind::Postgres);
    let all: BTreeSet<Option<String>> = postgres.map(of).collect();
    if all.len() > 1 {
        findings.fail(
            "the peers have different PG_CONFIG_OVERRIDES in SAPI",
            "make them the same: a standby with smaller limits than its primary does not start",
        );
    }
    let has = all.into_iter().flatten().next().is_some();
    findings.or_ok(if has { "the same on all peers" } else { "none" })
}

/// No zone of the source belongs to another plan.
pub(super) fn foreign(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("zones-of-other-plans");
    for zone in &seen!(findings, look(&evidence.zones)).seen {
        // SAPI's tags count: a plan that is done takes its own off there, and nothing changes VMAPI's copy.
        if let Some(plan) = plan_of(&zone.instance).filter(|plan| !subject.is_own(Some(plan))) {
            findings.fail(
                format!("{} was created by the plan {plan}", zone.label()),
                "let that plan end, or abort it; if it is done, take the tag manta_reshard_plan off the instance in SAPI",
            );
        }
    }
    findings.or_ok("none")
}

/// The names of the new shards are free.
pub(super) fn names_free(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("new-names");
    if subject.targets.is_empty() {
        return findings.skipped("the planner takes the next free numbers");
    }
    let zones = seen!(findings, look(&evidence.zones));
    let kept = seen!(findings, look(&evidence.kept_shards));
    let reserved = seen!(findings, look(&evidence.reserved_names));
    let ring = seen!(findings, look(&evidence.ring));
    let manta = seen!(findings, look(&evidence.manta));
    let listed = match manta.index_shards() {
        Ok(listed) => listed,
        Err(error) => {
            findings.blind(why(error).told_by(SHARD_LIST));
            return findings.or_ok("");
        }
    };
    // What has the name may be live: the remedy is never to remove it.
    let new_plan = || {
        hint!(
            Operation::Abort,
            ", then a new plan: ",
            Operation::MakePlan { source: Some(subject.source.clone()) },
            " takes the next free numbers"
        )
    };
    for name in &subject.targets {
        let text = name.as_str();
        let mut taken = |by: String, remedy: Hint| {
            findings.fail(format!("{name} is taken: {by}"), remedy);
        };
        let instances = zones.names.iter().filter(|zone| zone.service_name == text);
        for zone in instances.filter(|zone| !subject.created(&zone.uuid.to_string())) {
            taken(format!("the instance {} in SAPI", zone.uuid), new_plan());
        }
        if let Some(plan) = reserved.get(text).filter(|plan| !subject.is_own(Some(plan))) {
            let remedy =
                hint!(new_plan(), "; ", Operation::ListPlans, " lists the one that has it");
            taken(format!("the plan {plan} has reserved it"), remedy);
        }
        if kept.contains(name) {
            taken(format!("ZooKeeper has /manatee/{name}"), new_plan());
        }
        if ring.pnodes.iter().any(|pnode| pnode.host() == Some(text)) {
            taken("it is in the ring".to_owned(), new_plan());
        }
        if listed.get(text).is_some() {
            taken("it is in INDEX_MORAY_SHARDS".to_owned(), new_plan());
        }
    }
    findings.or_ok(format!(
        "free: {}",
        names(&subject.targets.iter().map(ToString::to_string).collect::<Vec<_>>())
    ))
}

//! The source: its state, its peers, how they follow each other.

use std::collections::BTreeSet;

use manatee_client::{IssueLevel, Role, active_candidates, state_problems};
use serde_json::Value;

use super::{Check, Evidence, Findings, Subject, look, names, seen};
use crate::preflight::Verdict;

/// Write-ahead log that a standby may be behind before somebody should look, in bytes.
const LAG_WARNING: u64 = 64 << 20;
/// And before it would take too long to catch up.
const LAG_FAILURE: u64 = 1 << 30;

/// The state is there, and the sitters can live with it.
pub(super) fn state(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("shard-state");
    let shard = &subject.source;
    let Some(bytes) = seen!(findings, look(&evidence.state)) else {
        findings.fail(
            format!("ZooKeeper has no state of {shard}"),
            format!("see the names of shards with `zkCli.sh ls /manatee` in a nameservice zone; or its sitters never came up: `manatee-adm show -s {shard}`"),
        );
        return findings.or_ok("");
    };
    let document: Value = match serde_json::from_slice(bytes) {
        Ok(document) => document,
        Err(error) => {
            findings.fail(
                format!("the state of {shard} is not JSON: {error}"),
                "every sitter of the shard dies of it: write the last good state from its history back",
            );
            return findings.or_ok("");
        }
    };
    for problem in state_problems(&document) {
        findings.fail(
            format!("the state's {problem} ({})", problem.severity),
            "compare with `manatee-adm history`, and put the state right with manatee-adm",
        );
    }
    findings.or_ok(format!("the state of {shard} is valid"))
}

/// The shard is not in one-node-write mode, and nothing is being promoted.
pub(super) fn mode(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("shard-mode");
    let state = &seen!(findings, look(&evidence.view)).state;
    if state.one_node_write_mode {
        findings.fail(
            "the shard is in one-node-write mode, in which new peers get no role",
            "give it a sync first: add a peer, stop the primary, take oneNodeWriteMode out of its configuration, \
             `manatee-adm unfreeze`, start it",
        );
    }
    if state.promote.is_some() {
        findings.fail(
            "a promotion is under way",
            "wait until it is done, or `manatee-adm clear-promote`",
        );
    }
    findings.or_ok(format!("normal, generation {}", state.generation))
}

/// There is a sync, nobody is deposed, everybody with a role is alive, nobody is without one.
pub(super) fn roles(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("shard-roles");
    let state = &seen!(findings, look(&evidence.view)).state;
    if state.sync.is_none() {
        findings.fail("there is no sync", "wait until the primary has taken one, or add a peer");
    }
    for peer in &state.deposed {
        let zone = peer.zone_id.label();
        findings.fail(
            format!("the peer {zone} ({}) is deposed", peer.ip),
            format!("`manatee-adm rebuild` in the zone {zone}; or, if it is gone for good, `manatee-adm reap -n {}`", peer.zone_id),
        );
    }
    let candidates = seen!(findings, look(&evidence.candidates));
    let active: BTreeSet<&str> =
        active_candidates(candidates).iter().map(|candidate| candidate.id.as_str()).collect();
    let mut roles = Vec::new();
    for (role, peer) in state.peers() {
        roles.push(format!("{role} {}", peer.ip));
        if role != Role::Deposed && !active.contains(peer.id.as_str()) {
            findings.fail(
                format!("the {role} {} is not in ZooKeeper's election", peer.ip),
                format!(
                    "see to its zone {}: `svcs manatee-sitter`, and the sitter's log",
                    peer.zone_id
                ),
            );
        }
    }
    for candidate in active_candidates(candidates) {
        if state.role_of(&candidate.id).is_none() {
            findings.warn(
                format!("the peer {} is there without a role", candidate.id),
                "the primary takes it as an async soon; if not, restart its sitter",
            );
        }
    }
    findings.or_ok(roles.join(", "))
}

/// The complaints of `manatee-adm verify`.
pub(super) fn replication(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("shard-replication");
    let view = seen!(findings, look(&evidence.view));
    for issue in view.issues() {
        // Roles have a check of their own.
        if issue.message.contains("deposed") {
            continue;
        }
        let remedy = "`manatee-adm pg-status`, and the log of PostgreSQL in the zone of the peer";
        match issue.level {
            IssueLevel::Warning if issue.message.contains("no async") => findings.warn(
                issue.message,
                "add a peer: with primary and sync alone, there is nobody to take over a second time",
            ),
            IssueLevel::Error | IssueLevel::Warning => findings.fail(issue.message, remedy),
        }
    }
    for view in &view.peers {
        // The last of the chain is missing from those complaints.
        if view.role == Role::Async
            && let Some(cause) = view.failure()
        {
            findings.fail(
                format!("PostgreSQL of the async {} does not answer: {cause}", view.peer.ip),
                format!("see to its zone {}", view.peer.zone_id),
            );
        }
    }
    findings.or_ok("every peer streams from the one before it")
}

/// The primary takes writes, and waits for its sync.
pub(super) fn writable(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("shard-writable");
    let state = &seen!(findings, look(&evidence.view)).state;
    let writability = seen!(findings, look(&evidence.writability));
    if !writability.is_writable() {
        let why = if writability.in_recovery { "it is in recovery" } else { "it is set read-only" };
        findings.fail(
            format!("the primary {} takes no writes: {why}", state.primary.ip),
            "the sitter opens it when its sync has caught up: see the sitter's log in the primary's zone",
        );
    } else if let Some(sync) = &state.sync
        && !writability.is_writable_with_sync(&sync.pg_url)
    {
        findings.fail(
            format!(
                "the primary waits for {:?} and not for its sync {}",
                writability.synchronous_standby_names, sync.ip
            ),
            "restart the primary's sitter",
        );
    }
    findings.or_ok(format!("{} takes writes", state.primary.ip))
}

/// Nobody is far behind.
pub(super) fn lag(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("shard-lag");
    let view = seen!(findings, look(&evidence.view));
    let mut most = 0;
    for peer in &view.peers {
        let Some(row) = view.link(peer).row() else { continue };
        let (Some(sent), Some(replayed)) = (row.sent, row.replay) else { continue };
        let behind = sent.bytes_after(replayed);
        most = most.max(behind);
        let who = view.state.downstream_of(&peer.peer.id).map_or("a standby", |peer| &peer.ip);
        let found = format!("{who} has {} MiB yet to replay", behind >> 20);
        let remedy = format!(
            "see what {who} is busy with: a long query, a slow disk, replay that was paused"
        );
        if behind > LAG_FAILURE {
            findings.fail(found, format!("{remedy}; go on when it has caught up"));
        } else if behind > LAG_WARNING {
            findings.warn(found, remedy);
        }
    }
    findings.or_ok(format!("at most {} KiB yet to replay", most >> 10))
}

/// All peers run the same PostgreSQL.
pub(super) fn versions(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("postgres-versions");
    let versions = seen!(findings, look(&evidence.versions));
    let mut different: BTreeSet<&str> = BTreeSet::new();
    for (peer, version) in versions {
        match version {
            Ok(version) => drop(different.insert(version)),
            Err(why) => findings.blind(why.of(format!("the version of {peer}"))),
        }
    }
    if different.len() > 1 {
        let all = versions.iter().map(|(peer, version)| {
            format!("{peer} has {}", version.as_deref().unwrap_or("an unknown one"))
        });
        findings.fail(
            format!("the peers run different versions of PostgreSQL: {}", names(&all.collect::<Vec<_>>())),
            "bring all peers to the same image first: a standby of another version restores from nothing",
        );
    }
    findings.or_ok(different.into_iter().collect::<Vec<_>>().join(", "))
}

/// In every peer's zone the sitter and the backup server run, and for this shard.
pub(super) fn sitters(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("sitters");
    let _ = seen!(findings, look(&evidence.zones));
    let path = format!("/manatee/{}", subject.source);
    for peer in &evidence.peers {
        let inside = match &peer.inside {
            Ok(inside) => inside,
            Err(why) => {
                findings.unseen(
                    Verdict::Failed,
                    why,
                    format!("cannot look into {}", peer.label),
                    "commands must be possible in every zone: see to its server and to CNAPI",
                );
                continue;
            }
        };
        for (service, state) in
            [("manatee-sitter", &inside.sitter), ("manatee-backupserver", &inside.backup_server)]
        {
            if state != "online" {
                let state = if state.is_empty() { "missing" } else { state };
                findings.fail(
                    format!("{service} in {} is {state}", peer.label),
                    format!("`svcs -x {service}` in the zone; `svcadm clear` or `enable` when it is fixed"),
                );
            }
        }
        if inside.shard_path != path {
            findings.fail(
                format!("the sitter in {} follows {}", peer.label, inside.shard_path),
                "SAPI's MANATEE_SHARD_PATH and the zone's configuration do not agree: see config-agent there",
            );
        }
    }
    findings.or_ok(format!("online in {} zones", evidence.peers.len()))
}

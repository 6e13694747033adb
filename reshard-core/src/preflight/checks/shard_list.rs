//! SAPI's list of shards.

use std::collections::BTreeSet;

use sapi_client::manta::{INDEX_MORAY_SHARDS, MantaApplication};
use serde_json::Value;

use super::super::evidence::Override;
use super::{Check, Evidence, Findings, SHARD_LIST, Subject, look, seen, why};
use crate::hint::{Operation, hint};

/// Every zone's configuration can be rendered from the list.
pub(super) fn well_formed(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new(SHARD_LIST);
    let manta = seen!(findings, look(&evidence.manta));
    let list = value(manta).and_then(Value::as_array);
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        findings.fail(
            format!("{INDEX_MORAY_SHARDS} is no list of shards"),
            "write it with `manta-shardadm set`",
        );
        return findings.or_ok("");
    };
    for problem in problems(list) {
        findings.fail(
            format!("{INDEX_MORAY_SHARDS}: {problem}"),
            "put it right with `sapiadm update`: templates of all zones are rendered from it",
        );
    }
    findings.or_ok(format!("{} shards", list.len()))
}

/// The problems of a list of shards.
fn problems(list: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut hosts = BTreeSet::new();
    for (index, element) in list.iter().enumerate() {
        let place = index + 1;
        let Some(host) =
            element.get("host").and_then(Value::as_str).filter(|host| !host.is_empty())
        else {
            problems.push(format!("element {place} has no host"));
            continue;
        };
        if !hosts.insert(host) {
            problems.push(format!("{host} is in it twice"));
        }
        match (element.get("last"), place == list.len()) {
            (Some(Value::Bool(true)), true) | (None, false) => {}
            (_, true) => problems.push(format!("the last element, {host}, has no last: true")),
            (Some(last), false) => {
                problems.push(format!("{host} has last: {last} and is not the last"));
            }
        }
        match element.get("readOnly") {
            None | Some(Value::Bool(_)) => {}
            Some(other) => problems.push(format!("readOnly of {host} is {other} and no boolean")),
        }
    }
    problems
}

fn value(manta: &MantaApplication) -> Option<&Value> {
    manta.application().metadata.as_ref()?.get(INDEX_MORAY_SHARDS)
}

/// The source is listed and writable, and so is every shard of the ring.
pub(super) fn listed(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("shard-listed");
    let manta = seen!(findings, look(&evidence.manta));
    let list = match manta.index_shards() {
        Ok(list) => list,
        Err(error) => {
            findings.blind(why(error).told_by(SHARD_LIST));
            return findings.or_ok("");
        }
    };
    let source = subject.source.as_str();
    match list.get(source) {
        None => findings.fail(
            format!(
                "{source} is not in {INDEX_MORAY_SHARDS}: electric-moray refuses all writes to it"
            ),
            "it is no shard of the index, or add it to the list",
        ),
        Some(shard) if shard.is_read_only() => findings.fail(
            format!("{source} is readOnly in {INDEX_MORAY_SHARDS}"),
            "find out who made it read-only and why; take readOnly away when that is over",
        ),
        Some(_) => {}
    }
    match &evidence.ring {
        Ok(ring) => {
            for host in ring.pnodes.iter().filter_map(crate::PnodeFacts::host) {
                if host != source && list.get(host).is_none() {
                    findings.warn(
                        format!("{host} is in the ring and not in {INDEX_MORAY_SHARDS}"),
                        "electric-moray refuses writes to it: add it to the list",
                    );
                }
            }
        }
        Err(why) => findings.blind(why),
    }
    findings.or_ok(format!("{source} is listed and writable"))
}

/// The source is not the shard that holds what is not sharded, or that was asked for.
pub(super) fn storage(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("storage-shard");
    let manta = seen!(findings, look(&evidence.manta));
    let metadata = manta.application().metadata.as_ref();
    let named =
        |key| metadata.and_then(|metadata| metadata.text(key)) == Some(subject.source.as_str());
    let roles: Vec<&str> = [("STORAGE_MORAY_SHARD", "storage"), ("MARLIN_MORAY_SHARD", "Marlin")]
        .into_iter()
        .filter(|(key, _)| named(key))
        .map(|(_, role)| role)
        .collect();
    let roles = roles.join(" and the ");
    if roles.is_empty() {
        return findings.or_ok("the source is neither the storage nor the Marlin shard");
    }
    if !subject.allow_storage_shard {
        findings.fail(
            format!("the source is the {roles} shard: its unsharded tables would be copied too"),
            hint!(
                "split another shard, or ask for it with ",
                Operation::MakePlanForStorageShard,
                ": then the copies are dropped at cleanup"
            ),
        );
    }
    findings.or_ok(format!("the source is the {roles} shard, and that was asked for"))
}

/// Checks that no service or instance of the routers overrides what they read of the application: SAPI merges all three.
pub(super) fn overridden(evidence: &Evidence, _: &Subject) -> Check {
    let mut findings = Findings::new("sapi-overrides");
    for Override { at, path, key } in &seen!(findings, look(&evidence.zones)).overrides {
        let change = format!("{{\"action\":\"delete\",\"metadata\":{{\"{key}\":\"\"}}}}");
        findings.fail(
            format!("{at} overrides {key} of the application manta ({path})"),
            format!(
                "find out why; the routers would not see what is changed at the application: \
                 `sdc-sapi {path} -X PUT -d '{change}'` removes it"
            ),
        );
    }
    findings.or_ok("none")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_breaks_templates_is_found() {
        let problems = |value: Value| problems(value.as_array().unwrap());
        assert_eq!(
            problems(json!([{"host": "1.a"}, {"host": "2.a", "readOnly": true, "last": true}])),
            [""; 0]
        );
        let bad = [
            (
                json!([{"host": "1.a", "last": true}, {"host": "2.a", "last": true}]),
                "1.a has last: true and is not",
            ),
            (json!([{"host": "1.a"}, {"host": "2.a"}]), "the last element, 2.a, has no last"),
            (
                json!([{"host": "1.a"}, {"host": "2.a", "last": "true"}]),
                "the last element, 2.a, has no last",
            ),
            (
                json!([{"host": "1.a", "readOnly": "true"}, {"host": "2.a", "last": true}]),
                "readOnly of 1.a",
            ),
            (json!([{"host": "1.a"}, {"host": "1.a", "last": true}]), "twice"),
            (json!([{"host": ""}, {"host": "1.a", "last": true}]), "element 1 has no host"),
        ];
        for (list, words) in bad {
            let found = problems(list);
            assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}");
        }
    }
}

//! The output of `manatee-adm history`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::freeze_mark::to_iso;
use crate::history::{HistoryEntry, HistoryEvent};
use crate::peer::Peer;
use crate::state::ClusterState;

/// The event between each entry and the one before, in manatee-adm's words. Edits that it has no words for are empty.
///
/// A state that no sitter could read, on which manatee-adm fails, is told as such.
pub fn history_summaries(entries: &[HistoryEntry]) -> Vec<String> {
    let before = std::iter::once(None).chain(entries.iter().map(Some));
    entries
        .iter()
        .zip(before)
        .map(|(entry, before)| summary(&entry.event, before.map(|b| &b.event)))
        .collect()
}

fn summary(event: &HistoryEvent, before: Option<&HistoryEvent>) -> String {
    let new = match event {
        HistoryEvent::Version1(_) => return "v1.0 event".to_owned(),
        HistoryEvent::Unreadable(_) => return "error: the state cannot be read".to_owned(),
        HistoryEvent::State(new) => new,
    };
    let old = match before {
        None if new.one_node_write_mode => {
            return "cluster setup for singleton (one-node-write) mode".to_owned();
        }
        None => return "cluster setup for normal (multi-peer) mode".to_owned(),
        Some(HistoryEvent::Version1(_)) => return "follow-up from 1.0 event".to_owned(),
        Some(HistoryEvent::Unreadable(_)) => return String::new(),
        Some(HistoryEvent::State(old)) => old,
    };
    change(old, new)
}

fn change(old: &ClusterState, new: &ClusterState) -> String {
    let (old_generation, new_generation) = (old.generation.as_f64(), new.generation.as_f64());
    if new_generation < old_generation {
        return "error: gen number went backwards".to_owned();
    }
    match (old.one_node_write_mode, new.one_node_write_mode) {
        (false, true) => {
            return "error: unsupported transition from multi-peer mode to singleton (one-node-write) mode"
                .to_owned();
        }
        (true, false) => {
            return "cluster transitioned from singleton (one-node-write) mode to multi-peer mode"
                .to_owned();
        }
        (true, true) | (false, false) => {}
    }
    let same_generation = new_generation <= old_generation;
    let (old_sync, new_sync) = (zone(old.sync.as_ref()), zone(new.sync.as_ref()));
    if new.primary.zone_id != old.primary.zone_id {
        if same_generation {
            return "error: new primary, but same gen number".to_owned();
        }
        if old_sync != Some(new.primary.zone_id.as_str()) {
            return "error: new primary was not previous sync".to_owned();
        }
        let (new, old) = (new.primary.zone_id.label(), old.primary.zone_id.label());
        return format!("sync ({new}) took over as primary (from {old})");
    }
    if !same_generation {
        if new_sync == old_sync {
            return "error: gen number changed, but primary and sync did not".to_owned();
        }
        let label = |peer: Option<&Peer>| peer.map_or("-", |peer| peer.zone_id.label()).to_owned();
        let (was, now) = (label(old.sync.as_ref()), label(new.sync.as_ref()));
        let primary = new.primary.zone_id.label();
        return format!("primary ({primary}) selected new sync (was {was}, now {now})");
    }
    if new_sync != old_sync {
        return "error: sync changed, but gen number did not".to_owned();
    }
    edits(old, new).join(", ")
}

fn edits(old: &ClusterState, new: &ClusterState) -> Vec<String> {
    let mut edits = Vec::new();
    match (&old.freeze, &new.freeze) {
        (None, Some(freeze)) => edits.push(format!("cluster frozen: {}", freeze.shown().1)),
        (Some(_), None) => edits.push("cluster unfrozen".to_owned()),
        (None, None) | (Some(_), Some(_)) => {}
    }
    let mut compare = |old: &[Peer],
                       new: &[Peer],
                       came: &dyn Fn(&str) -> String,
                       went: &dyn Fn(&str) -> String| {
        let of =
            |peers: &[Peer]| peers.iter().map(|peer| peer.zone_id.clone()).collect::<BTreeSet<_>>();
        let (was, is) = (of(old), of(new));
        let added = new.iter().filter(|peer| !was.contains(&peer.zone_id));
        edits.extend(added.map(|peer| came(peer.zone_id.label())));
        let removed = old.iter().filter(|peer| !is.contains(&peer.zone_id));
        edits.extend(removed.map(|peer| went(peer.zone_id.label())));
    };
    compare(&old.asyncs, &new.asyncs, &|label| format!("async \"{label}\" added"), &|label| {
        format!("async \"{label}\" removed")
    });
    compare(&old.deposed, &new.deposed, &|label| format!("\"{label}\" deposed"), &|label| {
        format!("\"{label}\" no longer deposed")
    });
    edits
}

fn zone(peer: Option<&Peer>) -> Option<&str> {
    peer.map(|peer| peer.zone_id.as_str())
}

/// The table of `history`; `verbose` (`-v`) adds what happened. Entries without a state have dashes.
pub fn history_table(entries: &[HistoryEntry], heading: bool, verbose: bool) -> String {
    let mut table = String::new();
    if entries.is_empty() {
        return table;
    }
    if heading {
        let names = ["TIME", "G#", "MODE", "FRZ", "PRIMARY", "SYNC", "ASYNC", "DEPOSED"];
        line(&mut table, names.map(str::to_owned), verbose.then_some("SUMMARY"));
    }
    for (entry, summary) in entries.iter().zip(history_summaries(entries)) {
        line(&mut table, cells(entry), verbose.then_some(&summary));
    }
    table
}

fn cells(entry: &HistoryEntry) -> [String; 8] {
    let time = to_iso(entry.time);
    let HistoryEvent::State(state) = &entry.event else {
        return [&time, "-", "-", "-", "-", "-", "-", "-"].map(str::to_owned);
    };
    let list = |peers: &[Peer]| {
        let labels: Vec<_> = peers.iter().map(|peer| peer.zone_id.label()).collect();
        if labels.is_empty() { "-".to_owned() } else { labels.join(",") }
    };
    [
        time,
        state.generation.to_string(),
        if state.one_node_write_mode { "singl" } else { "multi" }.to_owned(),
        if state.is_frozen() { "frz" } else { "-" }.to_owned(),
        state.primary.zone_id.label().to_owned(),
        list(state.sync.as_slice()),
        list(&state.asyncs),
        list(&state.deposed),
    ]
}

fn line(table: &mut String, cells: [String; 8], summary: Option<&str>) {
    let [time, generation, mode, freeze, primary, sync, asyncs, deposed] = cells;
    // Writing to a String cannot fail.
    write!(
        table,
        "{time:<24} {generation:>2} {mode:<5} {freeze:<3} {primary:<8} {sync:<8} {asyncs:<8} {deposed:<8}"
    )
    .unwrap_or_default();
    if let Some(summary) = summary {
        table.push(' ');
        table.push_str(summary);
    }
    table.push('\n');
}

/// The output of `history -j`: one JSON object a line. Events of version 1 have no state there either.
pub fn history_json(entries: &[HistoryEntry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let mut object = serde_json::json!({
            "zkSeq": format!("{:010}", entry.sequence), "time": to_iso(entry.time),
        });
        if let HistoryEvent::State(state) = &entry.event
            && let Ok(state) = serde_json::to_value(state)
            && let Some(members) = object.as_object_mut()
        {
            members.insert("state".to_owned(), state);
        }
        writeln!(text, "{object}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Version1Event;
    use crate::state::Generation;
    use crate::testdata::example;

    fn entries(events: Vec<HistoryEvent>) -> Vec<HistoryEntry> {
        let time = "2024-05-06T07:08:09.123Z".parse().unwrap();
        let entry = |(sequence, event)| HistoryEntry { sequence, time, event };
        (0..).zip(events).map(entry).collect()
    }

    fn states(states: Vec<ClusterState>) -> Vec<HistoryEntry> {
        entries(states.into_iter().map(|state| HistoryEvent::State(Box::new(state))).collect())
    }

    #[test]
    fn the_words_are_those_of_manatee_adm() {
        let mut no_async = example("e2");
        no_async.asyncs.clear();
        let mut reaped = example("e5");
        reaped.deposed.clear();
        let history = states(vec![
            example("e1"),
            example("e2"),
            no_async,
            example("e1"),
            example("e5"),
            reaped,
        ]);
        let expected = [
            "cluster setup for normal (multi-peer) mode",
            "cluster frozen: CM-77 switch replacement",
            "async \"ac30c0de\" removed",
            "cluster unfrozen, async \"ac30c0de\" added",
            "sync (ab20c0de) took over as primary (from aa10c0de)",
            "\"aa10c0de\" no longer deposed",
        ];
        assert_eq!(history_summaries(&history), expected);
        let table = history_table(&history, true, true);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[0],
            "TIME                     G# MODE  FRZ PRIMARY  SYNC     ASYNC    DEPOSED  SUMMARY"
        );
        assert_eq!(
            lines[5],
            "2024-05-06T07:08:09.123Z  5 multi -   ab20c0de ac30c0de -        aa10c0de \
             sync (ab20c0de) took over as primary (from aa10c0de)"
        );
    }

    #[test]
    fn what_never_should_happen_has_words_too() {
        let changed = |change: fn(&mut ClusterState)| {
            let mut new = example("e1");
            change(&mut new);
            history_summaries(&states(vec![example("e1"), new])).remove(1)
        };
        let later = |state: &mut ClusterState| state.generation = Generation::new(5);
        assert_eq!(changed(later), "error: gen number changed, but primary and sync did not");
        assert_eq!(
            changed(|s| s.generation = Generation::new(3)),
            "error: gen number went backwards"
        );
        assert_eq!(
            changed(|s| s.one_node_write_mode = true),
            "error: unsupported transition from multi-peer mode to singleton (one-node-write) mode"
        );
        assert_eq!(
            changed(|s| s.sync = s.asyncs.pop()),
            "error: sync changed, but gen number did not"
        );
        assert_eq!(
            changed(|s| s.primary = s.asyncs.remove(0)),
            "error: new primary, but same gen number"
        );
        let selected = changed(|s| {
            s.generation = Generation::new(5);
            s.sync = s.asyncs.pop();
        });
        assert_eq!(selected, "primary (aa10c0de) selected new sync (was ab20c0de, now ac30c0de)");
        let mut normal = example("e3");
        normal.one_node_write_mode = false;
        let left = history_summaries(&states(vec![example("e3"), normal]));
        assert_eq!(left[0], "cluster setup for singleton (one-node-write) mode");
        assert_eq!(
            left[1],
            "cluster transitioned from singleton (one-node-write) mode to multi-peer mode"
        );
    }

    #[test]
    fn events_of_version_1_have_no_state() {
        let old = Version1Event {
            ip: "10.0.0.1".into(),
            action: "AssumeLeader".into(),
            role: "Primary".into(),
            master: String::new(),
            slave: String::new(),
        };
        let state = HistoryEvent::State(Box::new(example("e1")));
        let history = entries(vec![HistoryEvent::Version1(old), state]);
        assert_eq!(history_summaries(&history), ["v1.0 event", "follow-up from 1.0 event"]);
        let json = history_json(&history);
        let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(first["zkSeq"], "0000000000");
        assert_eq!(first.get("state"), None);
        assert!(json.lines().nth(1).unwrap().contains("\"initWal\":\"2C/5A0001F8\""));
        assert_eq!(history_table(&[], true, true), "");
    }
}

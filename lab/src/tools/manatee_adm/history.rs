//! `history`: how a shard's state came to be.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::options::usage;
use super::super::session::{Ending, Failure};
use super::state::{Peer, State};
use super::views::sequence;
use super::{Call, Store};

/// A node of the history.
struct Entry {
    sequence: u64,
    time: Timestamp,
    /// Those of version 1 have none.
    state: Option<Value>,
}

pub(super) async fn run(call: &Call<'_>) -> Ending {
    let sort = call.options.value('S').unwrap_or("zkSeq");
    if !matches!(sort, "zkSeq" | "time") {
        return usage(format!("cannot sort by \"{sort}\": by zkSeq or time"));
    }
    let shard = call.shard()?;
    let mut entries = load(&call.connect().await?, &shard).await?;
    entries.sort_by_key(|entry| entry.sequence);
    if sort == "time" {
        entries.sort_by_key(|entry| entry.time);
    }
    let text = if call.options.has('j') {
        lines(&entries)
    } else {
        table(&entries, call.options.has('v'))
    };
    call.session.print(text);
    Ok(0)
}

async fn load(store: &Store, shard: &str) -> Result<Vec<Entry>, Failure> {
    let path = format!("/manatee/{shard}/history");
    let names = store.children(&path).await?;
    let names = names.ok_or_else(|| Failure::new("Exception: NO_NODE[-101]"))?;
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        let Some(node) = store.read(&format!("{path}/{name}")).await? else { continue };
        let is_old = name.matches('-').count() > 1;
        let state = if is_old { None } else { serde_json::from_slice(&node.data).ok() };
        let time = Timestamp::from_millisecond(node.created).unwrap_or(Timestamp::UNIX_EPOCH);
        entries.push(Entry { sequence: sequence(&name), time, state });
    }
    Ok(entries)
}

fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn lines(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let mut line = json!({"zkSeq": entry.sequence, "time": iso(entry.time)});
        if let (Some(state), Some(fields)) = (&entry.state, line.as_object_mut()) {
            fields.insert("state".to_owned(), state.clone());
        }
        format!("{line}\n")
    };
    entries.iter().map(line).collect()
}

fn table(entries: &[Entry], verbose: bool) -> String {
    let mut text = String::new();
    if entries.is_empty() {
        return text;
    }
    line(
        &mut text,
        verbose,
        ["TIME", "G#", "MODE", "FRZ", "PRIMARY", "SYNC", "ASYNC", "DEPOSED"],
        "SUMMARY",
    );
    let mut last: Option<State> = None;
    let mut was_old = false;
    for entry in entries {
        let time = iso(entry.time);
        let Some(state) = entry.state.as_ref().and_then(|state| State::parse(state).ok()) else {
            line(&mut text, verbose, [&time, "-", "-", "-", "-", "-", "-", "-"], "v1.0 event");
            was_old = true;
            continue;
        };
        let summary = match &last {
            None if was_old => "follow-up from 1.0 event".to_owned(),
            last => summary(last.as_ref(), &state),
        };
        let fields: [&str; 8] = [
            &time,
            &state.generation.to_string(),
            if state.one_node_write_mode { "singl" } else { "multi" },
            if state.frozen().is_some() { "frz" } else { "-" },
            state.primary.label(),
            state.sync.as_ref().map_or("-", Peer::label),
            &labels(&state.asyncs),
            &labels(&state.deposed),
        ];
        line(&mut text, verbose, fields, &summary);
        last = Some(state);
    }
    text
}

fn line(text: &mut String, verbose: bool, fields: [&str; 8], summary: &str) {
    let [time, generation, mode, frozen, primary, sync, asyncs, deposed] = fields;
    write!(
        text,
        "{time:<24} {generation:>2} {mode:<5} {frozen:<3} {primary:<8} {sync:<8} {asyncs:<8} {deposed:<8}"
    )
    .unwrap_or_default();
    if verbose {
        text.push(' ');
        text.push_str(summary);
    }
    text.push('\n');
}

fn labels(peers: &[Peer]) -> String {
    match peers {
        [] => "-".to_owned(),
        peers => peers.iter().map(Peer::label).collect::<Vec<_>>().join(","),
    }
}

/// Sums up what a state changed of the one before.
fn summary(last: Option<&State>, state: &State) -> String {
    let Some(last) = last else {
        let mode = if state.one_node_write_mode {
            "singleton (one-node-write)"
        } else {
            "normal (multi-peer)"
        };
        return format!("cluster setup for {mode} mode");
    };
    let mut parts = Vec::new();
    parts.extend(roles_changed(last, state));
    match (last.frozen(), state.frozen()) {
        (None, Some((_, reason))) => parts.push(format!("cluster frozen: {reason}")),
        (Some(_), None) => parts.push("cluster unfrozen".to_owned()),
        (None, None) | (Some(_), Some(_)) => {}
    }
    let has = |peers: &[Peer], peer: &Peer| peers.iter().any(|other| other.zone_id == peer.zone_id);
    let mut differences = |old: &[Peer], new: &[Peer], came: &str, went: &str| {
        let came_ones = new.iter().filter(|peer| !has(old, peer));
        parts.extend(came_ones.map(|peer| came.replace('X', &format!("\"{}\"", peer.label()))));
        let went_ones = old.iter().filter(|peer| !has(new, peer));
        parts.extend(went_ones.map(|peer| went.replace('X', &format!("\"{}\"", peer.label()))));
    };
    if last.generation == state.generation {
        differences(&last.asyncs, &state.asyncs, "async X added", "async X removed");
    }
    differences(&last.deposed, &state.deposed, "X deposed", "X no longer deposed");
    parts.join(", ")
}

/// Tells what happened to primary and sync.
fn roles_changed(last: &State, state: &State) -> Option<String> {
    let (old, new) = (last.generation.as_f64(), state.generation.as_f64());
    let same_generation = old == new;
    let zone = |peer: &Option<Peer>| peer.as_ref().map(|peer| peer.zone_id.clone());
    let label = |peer: &Option<Peer>| {
        peer.as_ref().map_or_else(|| "none".to_owned(), |peer| peer.label().to_owned())
    };
    let primary_changed = last.primary.zone_id != state.primary.zone_id;
    let sync_changed = zone(&last.sync) != zone(&state.sync);
    let error = |what: &str| Some(format!("error: {what}"));
    if new < old {
        return error("gen number went backwards");
    }
    match (last.one_node_write_mode, state.one_node_write_mode) {
        (true, false) => {
            return Some(
                "cluster transitioned from singleton (one-node-write) mode to multi-peer mode"
                    .to_owned(),
            );
        }
        (false, true) => {
            return error(
                "unsupported transition from multi-peer mode to singleton (one-node-write) mode",
            );
        }
        (true, true) | (false, false) => {}
    }
    if primary_changed && same_generation {
        error("new primary, but same gen number")
    } else if primary_changed && zone(&last.sync) != Some(state.primary.zone_id.clone()) {
        error("new primary was not previous sync")
    } else if primary_changed {
        let (taker, loser) = (state.primary.label(), last.primary.label());
        Some(format!("sync ({taker}) took over as primary (from {loser})"))
    } else if sync_changed && same_generation {
        error("sync changed, but gen number did not")
    } else if sync_changed && last.sync.is_none() {
        Some(format!("sync \"{}\" added", label(&state.sync)))
    } else if sync_changed {
        let (was, now) = (label(&last.sync), label(&state.sync));
        Some(format!(
            "primary ({}) selected new sync (was {was}, now {now})",
            state.primary.label()
        ))
    } else if !same_generation {
        error("gen number changed, but primary and sync did not")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(name: &str) -> Value {
        let text = match name {
            "e1" => include_str!("../../../testdata/manatee-adm/e1.json"),
            "e2" => include_str!("../../../testdata/manatee-adm/e2.json"),
            "e3" => include_str!("../../../testdata/manatee-adm/e3.json"),
            _ => include_str!("../../../testdata/manatee-adm/e5.json"),
        };
        serde_json::from_str(text).unwrap()
    }

    fn entry(sequence: u64, state: Option<Value>) -> Entry {
        let time = "2024-05-06T07:08:09.123Z".parse().unwrap();
        Entry { sequence, time, state }
    }

    #[test]
    fn a_takeover_after_a_freeze() {
        let entries = [
            entry(0, Some(example("e1"))),
            entry(1, Some(example("e2"))),
            entry(2, Some(example("e1"))),
            entry(3, Some(example("e5"))),
        ];
        let expected = "\
TIME                     G# MODE  FRZ PRIMARY  SYNC     ASYNC    DEPOSED  SUMMARY
2024-05-06T07:08:09.123Z  4 multi -   aa10c0de ab20c0de ac30c0de -        cluster setup for normal (multi-peer) mode
2024-05-06T07:08:09.123Z  4 multi frz aa10c0de ab20c0de ac30c0de -        cluster frozen: CM-77 switch replacement
2024-05-06T07:08:09.123Z  4 multi -   aa10c0de ab20c0de ac30c0de -        cluster unfrozen
2024-05-06T07:08:09.123Z  5 multi -   ab20c0de ac30c0de -        aa10c0de sync (ab20c0de) took over as primary \
(from aa10c0de), \"aa10c0de\" deposed
";
        assert_eq!(table(&entries, true), expected);
        assert!(table(&entries, false).lines().all(|line| line.len() == 73));
        assert_eq!(table(&[], true), "");
    }

    #[test]
    fn states_that_do_not_follow_are_errors() {
        let parse = |value: &Value| State::parse(value).unwrap();
        let first = parse(&example("e1"));
        let mut other = example("e5");
        for (generation, words) in [
            (3, "error: gen number went backwards"),
            (4, "error: new primary, but same gen number"),
        ] {
            other["generation"] = json!(generation);
            assert!(summary(Some(&first), &parse(&other)).starts_with(words));
        }
        let mut async_gone = example("e1");
        async_gone["async"] = json!([]);
        assert_eq!(summary(Some(&first), &parse(&async_gone)), "async \"ac30c0de\" removed");
        let single = parse(&example("e3"));
        assert!(summary(Some(&single), &first).starts_with("cluster transitioned from singleton"));
    }

    #[test]
    fn json_has_a_line_of_each() {
        let text = lines(&[entry(7, None)]);
        assert_eq!(text, "{\"zkSeq\":7,\"time\":\"2024-05-06T07:08:09.123Z\"}\n");
    }
}

//! The documents that kill a sitter.
//!
//! One bad `/state` crash-loops every sitter of its shard, so a document is judged in three ways: what the sitters' validator
//! refuses ([`Severity::Fatal`], its rules are read from manatee-state-machine's `validation.js` and `schemas.js`), what it lets
//! pass although they die of it later ([`Severity::Crash`]), and what they live with although it cannot be meant
//! ([`Severity::Refused`]). Documents of the last two kinds are read, and never written.

use std::collections::HashMap;
use std::fmt;

use serde_json::{Map, Value};

use super::promote::fatal_promote;
use crate::lsn::Lsn;
use crate::peer::PgEndpoint;

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No sitter dies of it, but it cannot be what anybody wants: this crate does not write it.
    Refused,
    /// The sitters' validator lets it pass, and sitters die of it later.
    Crash,
    /// The sitters' validator refuses it, and every sitter dies when it reads the document.
    Fatal,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "sitters live with it, but it is not to be written",
            Self::Crash => "sitters accept it and die later",
            Self::Fatal => "every sitter dies",
        })
    }
}

/// One thing wrong with a cluster state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// The member, e.g. `async[0].zoneId`; empty for the whole document.
    pub member: String,
    /// The problem with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.member.is_empty() {
            return f.write_str(&self.what);
        }
        write!(f, "{} {}", self.member, self.what)
    }
}

/// Everything wrong with the document; empty if it may be written.
pub fn state_problems(document: &Value) -> Vec<Problem> {
    let mut check = Check::default();
    let Some(state) = document.as_object() else {
        check.fatal("", "is not a JSON object");
        return check.problems;
    };
    check.generation(state.get("generation"));
    check.peer("primary", state.get("primary"));
    check.one_node_write_mode(state.get("oneNodeWriteMode"));
    check.sync(state);
    check.peers("async", state.get("async"));
    if let Some(deposed) = state.get("deposed") {
        check.peers("deposed", Some(deposed));
    }
    check.init_wal(state.get("initWal"));
    check.freeze(state.get("freeze"));
    check.promote(state);
    check.problems
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    ids: HashMap<String, String>,
    zones: HashMap<String, String>,
}

impl Check {
    fn add(&mut self, severity: Severity, member: &str, what: impl Into<String>) {
        self.problems.push(Problem { severity, member: member.to_owned(), what: what.into() });
    }

    fn fatal(&mut self, member: &str, what: &str) {
        self.add(Severity::Fatal, member, what);
    }

    fn crash(&mut self, member: &str, what: impl Into<String>) {
        self.add(Severity::Crash, member, what);
    }

    fn refused(&mut self, member: &str, what: impl Into<String>) {
        self.add(Severity::Refused, member, what);
    }

    fn generation(&mut self, value: Option<&Value>) {
        match value {
            Some(Value::Number(number)) => {
                if number.as_u64().is_none_or(|number| number > u64::from(u32::MAX)) {
                    self.refused("generation", "is not one of 0, 1, 2 …");
                }
            }
            _ => self.fatal("generation", "is not a number"),
        }
    }

    fn peer(&mut self, member: &str, value: Option<&Value>) {
        let Some(peer) = value.and_then(Value::as_object) else {
            return self.fatal(member, "is not a peer");
        };
        for name in ["id", "ip", "pgUrl", "zoneId"] {
            if !peer.get(name).is_some_and(Value::is_string) {
                self.fatal(&format!("{member}.{name}"), "is not a string");
            }
        }
        if !peer.get("backupUrl").is_some_and(Value::is_string) {
            self.crash(
                &format!("{member}.backupUrl"),
                "is not a string: the sitter asserts that it is, and so does manatee-adm",
            );
        }
        let text = |name: &str| peer.get(name).and_then(Value::as_str);
        if let Some(url) = text("pgUrl")
            && url.parse::<PgEndpoint>().is_err()
        {
            self.crash(&format!("{member}.pgUrl"), "does not say where PostgreSQL listens");
        }
        let id = text("id").map(str::to_owned);
        if let Some(before) = id.and_then(|id| self.ids.insert(id, member.to_owned())) {
            self.refused(&format!("{member}.id"), format!("is also the id of {before}"));
        }
        let zone = text("zoneId").map(str::to_owned);
        if let Some(before) = zone.and_then(|zone| self.zones.insert(zone, member.to_owned())) {
            self.refused(&format!("{member}.zoneId"), format!("is also the zone of {before}"));
        }
    }

    fn peers(&mut self, member: &str, value: Option<&Value>) {
        let Some(peers) = value.and_then(Value::as_array) else {
            return self.fatal(member, "is not a list of peers");
        };
        for (index, peer) in peers.iter().enumerate() {
            self.peer(&format!("{member}[{index}]"), Some(peer));
        }
    }

    fn one_node_write_mode(&mut self, value: Option<&Value>) {
        if value.is_some_and(|value| !value.is_boolean()) {
            self.fatal("oneNodeWriteMode", "is neither true nor false nor absent");
        }
    }

    fn sync(&mut self, state: &Map<String, Value>) {
        let singleton = state.get("oneNodeWriteMode") == Some(&Value::Bool(true));
        match state.get("sync") {
            None => self.crash(
                "sync",
                "is absent: the validator accepts that, and the sitters then read a member of it",
            ),
            Some(Value::Null) if singleton => {}
            Some(Value::Null) => {
                self.fatal("sync", "is null, which only one-node-write mode allows");
            }
            sync => self.peer("sync", sync),
        }
    }

    fn init_wal(&mut self, value: Option<&Value>) {
        let Some(text) = value.and_then(Value::as_str) else {
            return self.fatal("initWal", "is not a string");
        };
        if Lsn::parse_as_sitters(text).is_none() {
            self.fatal("initWal", "is not a WAL position");
        } else if text.parse::<Lsn>().is_err() {
            self.refused("initWal", "has something after the digits of a WAL position");
        }
    }

    fn freeze(&mut self, value: Option<&Value>) {
        match value {
            None | Some(Value::Null | Value::Bool(_) | Value::Object(_)) => {}
            Some(Value::Array(_)) => self.refused("freeze", "is a list"),
            Some(Value::String(_) | Value::Number(_)) => {
                self.fatal("freeze", "is neither an object nor true nor false nor null");
            }
        }
    }

    /// A promotion is judged by itself later; some forms make that very judgement throw in every peer.
    fn promote(&mut self, state: &Map<String, Value>) {
        let sync = state.get("sync").is_some_and(|sync| !sync.is_null());
        if let Some(fatal) = state.get("promote").and_then(|request| fatal_promote(request, sync)) {
            self.crash(fatal.member, format!("{}, on which every peer throws", fatal.what));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::testdata::example_document;

    /// A change of the healthy example, and the worst that is wrong afterwards.
    type Case = (&'static str, fn(&mut Value), Option<Severity>);

    fn remove(state: &mut Value, member: &str) {
        state.as_object_mut().unwrap().remove(member);
    }

    /// The verdicts of the real validator, run on Node; and of what it lets pass, what must not be written.
    const VERDICTS: &[Case] = &[
        ("as it is", |_| (), None),
        ("freeze true", |s| s["freeze"] = json!(true), None),
        ("freeze false", |s| s["freeze"] = json!(false), None),
        ("freeze null", |s| s["freeze"] = json!(null), None),
        ("freeze {}", |s| s["freeze"] = json!({}), None),
        ("freeze {date, reason}", |s| s["freeze"] = json!({"date": "d", "reason": "r"}), None),
        ("freeze a string", |s| s["freeze"] = json!("CM-1"), Some(Severity::Fatal)),
        ("generation a string", |s| s["generation"] = json!("4"), Some(Severity::Fatal)),
        ("generation absent", |s| remove(s, "generation"), Some(Severity::Fatal)),
        ("generation 0", |s| s["generation"] = json!(0), None),
        ("generation 1.5", |s| s["generation"] = json!(1.5), Some(Severity::Refused)),
        ("generation -1", |s| s["generation"] = json!(-1), Some(Severity::Refused)),
        ("backfilled", |s| s["initWal"] = json!("0/0000000"), None),
        ("initWal foo", |s| s["initWal"] = json!("foo"), Some(Severity::Fatal)),
        ("initWal 1/zz", |s| s["initWal"] = json!("1/zz"), Some(Severity::Fatal)),
        ("initWal null", |s| s["initWal"] = json!(null), Some(Severity::Fatal)),
        ("initWal 1/2x", |s| s["initWal"] = json!("1/2x"), Some(Severity::Refused)),
        ("sync null", |s| s["sync"] = json!(null), Some(Severity::Fatal)),
        (
            "sync null in one-node-write mode",
            |s| {
                s["sync"] = json!(null);
                s["oneNodeWriteMode"] = json!(true);
            },
            None,
        ),
        ("sync absent", |s| remove(s, "sync"), Some(Severity::Crash)),
        ("async absent", |s| remove(s, "async"), Some(Severity::Fatal)),
        ("async null", |s| s["async"] = json!(null), Some(Severity::Fatal)),
        ("async empty", |s| s["async"] = json!([]), None),
        ("primary absent", |s| remove(s, "primary"), Some(Severity::Fatal)),
        ("primary null", |s| s["primary"] = json!(null), Some(Severity::Fatal)),
        ("deposed absent", |s| remove(s, "deposed"), None),
        ("deposed null", |s| s["deposed"] = json!(null), Some(Severity::Fatal)),
        ("one-node-write mode on", |s| s["oneNodeWriteMode"] = json!(true), None),
        ("oneNodeWriteMode null", |s| s["oneNodeWriteMode"] = json!(null), Some(Severity::Fatal)),
        (
            "oneNodeWriteMode \"true\"",
            |s| s["oneNodeWriteMode"] = json!("true"),
            Some(Severity::Fatal),
        ),
        ("unknown top-level member", |s| s["rack"] = json!([1]), None),
        ("unknown member of a peer", |s| s["sync"]["rack"] = json!(1), None),
        ("no zoneId", |s| remove(&mut s["async"][0], "zoneId"), Some(Severity::Fatal)),
        ("id a number", |s| s["sync"]["id"] = json!(1), Some(Severity::Fatal)),
        ("no backupUrl", |s| remove(&mut s["primary"], "backupUrl"), Some(Severity::Crash)),
        ("one peer in two roles", |s| s["sync"] = s["primary"].clone(), Some(Severity::Refused)),
        ("a pgUrl that is none", |s| s["sync"]["pgUrl"] = json!("x"), Some(Severity::Crash)),
        ("freeze a list", |s| s["freeze"] = json!([]), Some(Severity::Refused)),
        ("promote junk", |s| s["promote"] = json!("junk"), None),
        ("promote {}", |s| s["promote"] = json!({}), None),
        ("promote null", |s| s["promote"] = json!(null), None),
        ("promote [1]", |s| s["promote"] = json!([1]), Some(Severity::Crash)),
        ("promote []", |s| s["promote"] = json!([]), Some(Severity::Crash)),
        (
            "promote an async",
            |s| {
                s["promote"] = json!({"id": "10.99.4.13:5432:12345", "role": "async", "asyncIndex": 0,
                    "generation": 4, "expireTime": "2030-01-01T00:00:00.000Z"});
            },
            None,
        ),
        (
            "promote.asyncIndex null",
            |s| s["promote"] = json!({"role": "async", "asyncIndex": null}),
            Some(Severity::Crash),
        ),
        (
            "promote a sync that is not there",
            |s| {
                s["promote"] = json!({"role": "sync"});
                s["sync"] = json!(null);
                s["oneNodeWriteMode"] = json!(true);
            },
            Some(Severity::Crash),
        ),
        ("not an object", |s| *s = json!([]), Some(Severity::Fatal)),
    ];

    #[test]
    fn verdicts_are_those_of_the_sitters() {
        for (name, change, expected) in VERDICTS {
            let mut state = example_document("e1");
            change(&mut state);
            let problems = state_problems(&state);
            let worst = problems.iter().map(|problem| problem.severity).max();
            assert_eq!(worst, *expected, "{name}: {problems:?}");
            let read = crate::ClusterState::from_value(state);
            assert_eq!(read.is_err(), *expected == Some(Severity::Fatal), "{name}: {read:?}");
            if let Ok(read) = read {
                assert_eq!(read.to_checked_json().is_err(), expected.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn a_request_to_promote_that_kills_is_never_written() {
        let mut state = crate::testdata::example("e1");
        state.promote = Some(json!([1]));
        let error = state.to_checked_json().unwrap_err();
        let words = "this cluster state must not be written: promote is a list, on which every peer throws (sitters accept it \
                     and die later)";
        assert_eq!(error.to_string(), words);
        state.promote = None;
        state.sync = Some(state.primary.clone());
        let words = state.to_checked_json().unwrap_err().to_string();
        assert!(
            words.contains("sync.id is also the id of primary (sitters live with it"),
            "{words}"
        );
    }

    #[test]
    fn a_problem_names_its_member() {
        let mut state = example_document("e1");
        remove(&mut state["async"][0], "zoneId");
        let problems = state_problems(&state);
        assert_eq!(problems[0].to_string(), "async[0].zoneId is not a string");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "[0-9A-F]{1,9}/[0-9A-F]{1,9}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::hash_map("(id|role|.{3})", inner, 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever one member becomes: what is not fatal is read, and what may be written reads as the same state.
        #[test]
        fn reading_and_judging_agree(member in 0usize..8, new in any_json()) {
            const MEMBERS: [&str; 8] =
                ["generation", "primary", "sync", "async", "deposed", "initWal", "freeze", "oneNodeWriteMode"];
            let mut state = example_document("e1");
            state[MEMBERS[member]] = new;
            let fatal = state_problems(&state).iter().any(|problem| problem.severity == Severity::Fatal);
            let read = crate::ClusterState::from_value(state);
            prop_assert_eq!(read.is_err(), fatal);
            if let Ok(read) = read && let Ok(bytes) = read.to_checked_json() {
                prop_assert_eq!(crate::ClusterState::from_json(&bytes).unwrap(), read);
            }
        }
    }
}

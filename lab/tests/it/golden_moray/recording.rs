//! The recordings, the list of differences, and whether an answer is the recorded one but for what a server makes up.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Answers;

/// The longest that lines of the routers' recording are.
const CUT: usize = 420;

/// One answer, and what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) asked: String,
    pub(super) answer: String,
}

impl Said {
    pub(super) fn new(asked: impl Into<String>, answer: impl Into<String>) -> Self {
        Self { asked: asked.into(), answer: answer.into() }
    }
}

/// The answers of a recording, in order.
fn recorded(name: &str) -> Answers {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../moray-client/testdata/golden-moray/{name}.txt"));
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let end = [": OK", ": ERR "].iter().filter_map(|mark| line.find(mark)).min().unwrap();
            let (asked, answer) = (&line[..end], &line[end + 2..]);
            // How long it took.
            let asked = asked.rsplit_once(" (").filter(|(_, time)| time.ends_with(" ms)"));
            let asked = asked.map_or(&line[..end], |(asked, _)| asked);
            let cut = line.chars().count() >= CUT && name == "probe-electric-moray";
            Said::new(asked, format!("{answer}{}", if cut { "…" } else { "" }))
        })
        .collect()
}

/// An answer without what servers make up, and without what this client thinks of it.
fn normal(answer: &str) -> String {
    let answer = node_moray(answer).unwrap_or_else(|| answer.to_owned());
    let mut words = Vec::new();
    for word in answer.split(' ') {
        if word.starts_with("unknown=") || word.starts_with("retryable=") {
            continue;
        }
        words.push(word);
    }
    let mut text = words.join(" ");
    for (before, after) in [
        ("mtime: Some(", ")"),
        ("\"_mtime\":", ","),
        ("\"_id\":", ","),
        ("\"rpcMsgid\": Number(", ")"),
        ("\\\"mtime\\\":\\\"", "\\\""),
        ("\\\"ts\\\":\\\"", "\\\""),
        ("{\"p\":", "}"),
    ] {
        text = without(&text, before, after);
    }
    // What the client knew of the outcome then.
    text.split(" | Display ").next().unwrap_or_default().to_owned()
}

/// The text without what is between two others.
fn without(text: &str, before: &str, after: &str) -> String {
    let mut parts = text.split(before);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(after).map_or("", |end| &part[end..]);
        kept.extend([before, "*", rest]);
    }
    kept
}

/// A refusal as node-moray shows it: the innermost of its causes, with the context and the message.
fn node_moray(answer: &str) -> Option<String> {
    let (message, causes) =
        answer.strip_prefix("ERR name=VError message=")?.split_once(" | causes: ")?;
    let message: String = serde_json::from_str(message).ok()?;
    let (_, message) = message.split_once("server error: ")?;
    let (name, rest) = causes.rsplit(" <- ").next()?.split_once("/-/-/")?;
    let context: Value = serde_json::from_str(rest.strip_suffix("/{}")?).ok()?;
    Some(refusal(name, message, &context))
}

/// A refusal in one line.
pub(super) fn refusal(name: &str, message: &str, context: &Value) -> String {
    format!("ERR {name}: {message} {context}")
}

/// Tells whether an answer is the recorded one. A line may have been cut.
fn is_same(recorded: &str, said: &str) -> bool {
    let (recorded, said) = (normal(recorded), normal(said));
    match recorded.strip_suffix('…') {
        Some(beginning) => said.starts_with(beginning),
        None => recorded == said,
    }
}

/// Each with its number among those that were asked the same.
fn numbered(answers: &[Said]) -> Vec<(String, &str)> {
    let mut times: HashMap<&str, u32> = HashMap::new();
    let mut numbered = Vec::new();
    for Said { asked, answer } in answers {
        let times = times.entry(asked).or_default();
        *times += 1;
        let name = if *times == 1 { asked.clone() } else { format!("{asked} #{times}") };
        numbered.push((name, answer.as_str()));
    }
    numbered
}

/// The listed differences: rows `| RECORDING | what was asked | what the lab says | reason |`.
fn listed() -> Vec<(String, String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden-moray/DIFFERENCES.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        let [file, asked, said, reason] = cells[..] else { panic!("{row}: not four cells") };
        assert!(reason.len() > 10, "{asked}: without a reason");
        let bare = |cell: &str| cell.trim_matches('`').to_owned();
        (bare(file), bare(asked), bare(said))
    })
    .collect()
}

/// Compares what was said with the recordings and the list.
pub(super) fn judge(compared: &[(&str, Answers)]) {
    let mut found = Vec::new();
    for (name, said) in compared {
        let recorded = recorded(name);
        let (recorded, said) = (numbered(&recorded), numbered(said));
        let asked = |answers: &[(String, &str)]| -> Vec<String> {
            answers.iter().map(|(asked, _)| asked.clone()).collect()
        };
        assert_eq!(asked(&recorded), asked(&said), "{name}: something else was asked");
        let mut differ = 0;
        for ((asked, expected), (_, answer)) in recorded.iter().zip(&said) {
            if !is_same(expected, answer) {
                differ += 1;
                let (expected, answer) = (normal(expected), normal(answer));
                println!("{name}: {asked}:\n  expected {expected}\n  got      {answer}");
                found.push(((*name).to_owned(), asked.clone(), answer));
            }
        }
        println!("{name}: {} of {} answers are equal", said.len() - differ, said.len());
    }
    let listed = listed();
    let unlisted: Vec<_> = found.iter().filter(|found| !listed.contains(found)).collect();
    let gone: Vec<_> = listed.iter().filter(|listed| !found.contains(listed)).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "differ and are not listed: {unlisted:#?}\nlisted and do not differ so: {gone:#?}"
    );
}

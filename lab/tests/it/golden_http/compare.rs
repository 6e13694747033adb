//! The comparison of an answer with the recorded one, but for what a server makes up.

use std::collections::BTreeMap;

use serde_json::Value;

use super::exchange::{Exchange, header};
use super::wire::Said;

/// The things that the real server made up, and what the emulated one made up in their place.
#[derive(Debug, Default)]
pub(super) struct Learned {
    made_up: BTreeMap<String, String>,
    /// True if the order of lists means nothing.
    unordered: bool,
    /// True if Etags are made up, too.
    opaque_etags: bool,
}

/// Headers whose values are made up, or say how a body is framed.
const VOLATILE: [&str; 6] = [
    "x-request-id",
    "x-response-time",
    "x-server-name",
    "date",
    "content-length",
    "transfer-encoding",
];
/// Those of them that need not be there.
const FRAMING: [&str; 3] = ["date", "content-length", "transfer-encoding"];

impl Learned {
    /// SAPI lists in no order, and its Etags are digests in a form of its own.
    pub(super) fn of_sapi() -> Self {
        Self { unordered: true, opaque_etags: true, ..Self::default() }
    }

    /// A text of the recording, with what the emulated server made up.
    pub(super) fn translate(&self, text: &str) -> String {
        let pairs = self.made_up.iter();
        pairs.fold(text.to_owned(), |text, (recorded, ours)| text.replace(recorded, ours))
    }

    fn learn(&mut self, recorded: &str, ours: &str) {
        if recorded != ours {
            self.made_up.insert(recorded.to_owned(), ours.to_owned());
        }
    }

    /// Learns the uuid of an object that the server had to make up.
    fn learn_uuid(&mut self, exchange: &Exchange, recorded: &Value, ours: &Value) {
        let asked = String::from_utf8_lossy(&exchange.request.body()).into_owned();
        let (Some(recorded), Some(ours)) = (uuid(recorded), uuid(ours)) else { return };
        if exchange.request.method == "POST"
            && !asked.contains(recorded)
            && !exchange.request.path.contains(recorded)
            && recorded.len() == ours.len()
        {
            self.learn(recorded, ours);
        }
    }
}

fn uuid(value: &Value) -> Option<&str> {
    value.get("uuid")?.as_str()
}

/// The parts that differ: `status`, `body`, `header NAME`.
pub(super) fn differences(exchange: &Exchange, said: &Said, learned: &mut Learned) -> String {
    let recorded = &exchange.response;
    let (status, headers, body) = match (recorded.status, recorded.curl_exit, said) {
        (None, Some(28), Said::Nothing) | (None, Some(52), Said::Cut) => return String::new(),
        (Some(_), _, Said::Answer { status, headers, body }) => (*status, headers, body),
        (None, ..) => return "an answer".to_owned(),
        (Some(_), ..) => return "no answer".to_owned(),
    };
    let mut found = Vec::new();
    if recorded.status != Some(status) {
        found.push("status".to_owned());
    }
    let parsed: (Option<Value>, Option<Value>) =
        (serde_json::from_slice(&recorded.body()).ok(), serde_json::from_slice(body).ok());
    let made_up_before = learned.made_up.len();
    let same = match parsed {
        (Some(expected), Some(value)) => {
            learned.learn_uuid(exchange, &expected, &value);
            let expected = translated(&expected, learned);
            // IMGAPI's Etags are made of its very bytes.
            let exact = learned.opaque_etags
                || expected.get("pid").is_some()
                || learned.translate(&text(&recorded.body())) == text(body);
            exact && normal(expected, learned.unordered) == normal(value, learned.unordered)
        }
        _ => recorded.body() == *body,
    };
    if !same {
        let expected = recorded.body();
        println!(
            "{}:\n  expected {}\n  got      {}",
            exchange.name,
            String::from_utf8_lossy(&expected),
            String::from_utf8_lossy(body)
        );
        found.push("body".to_owned());
    }
    let made_up_now = learned.made_up.len() > made_up_before;
    for (name, value) in &recorded.headers {
        let name = name.to_ascii_lowercase();
        if FRAMING.contains(&name.as_str()) {
            continue;
        }
        let Some(ours) = header(headers, &name) else {
            found.push(format!("header {name}"));
            continue;
        };
        // An Etag is a digest of what was made up as well.
        if name == "etag" && (learned.opaque_etags || made_up_now) {
            learned.learn(value, ours);
        }
        if !VOLATILE.contains(&name.as_str()) && learned.translate(value) != ours {
            println!("{}: {name} is {ours}, not {value}", exchange.name);
            found.push(format!("header {name}"));
        }
    }
    for (name, _) in headers {
        let name = name.to_ascii_lowercase();
        if !FRAMING.contains(&name.as_str()) && header(&recorded.headers, &name).is_none() {
            found.push(format!("header {name}"));
        }
    }
    found.join(", ")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn translated(value: &Value, learned: &Learned) -> Value {
    serde_json::from_str(&learned.translate(&value.to_string())).unwrap()
}

/// Without the process id, and in an order of our own where order means nothing.
fn normal(mut value: Value, unordered: bool) -> Value {
    match &mut value {
        Value::Object(object) => {
            // Whether there is one still counts.
            if let Some(pid) = object.get_mut("pid") {
                *pid = Value::Null;
            }
        }
        Value::Array(values) if unordered => {
            values.sort_by_key(|value| uuid(value).map(str::to_owned));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
    value
}

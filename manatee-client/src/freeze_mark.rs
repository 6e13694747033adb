//! The `freeze` member of the cluster state.

use serde::Serialize;
use serde_json::{Map, Value};

/// The owner of a freeze that names none, in words: an operator or a sitter.
pub const UNNAMED_OWNER: &str = "somebody who left no name";

/// The mark that forbids takeovers: who froze the shard, when and why. Only `date` and `reason` are Manatee's; the owner is
/// this crate's addition, which the sitters copy along.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Freeze(Value);

impl Freeze {
    /// A mark for the document.
    ///
    /// `date` is written in milliseconds. `owner` names whoever alone may lift the freeze, e.g. a plan's UUID. manatee-adm
    /// shows only the reason, so operators should find the owner there too.
    pub fn new(date: jiff::Timestamp, reason: &str, owner: &str) -> Self {
        Self::of([("date", &to_iso(date)), ("reason", reason), ("owner", owner)])
    }

    /// A mark as manatee-adm makes it, which nobody owns.
    pub fn without_owner(date: jiff::Timestamp, reason: &str) -> Self {
        Self::of([("date", &to_iso(date)), ("reason", reason)])
    }

    fn of<const N: usize>(members: [(&str, &str); N]) -> Self {
        let members = members.map(|(name, text)| (name.to_owned(), Value::from(text)));
        Self(Value::Object(Map::from_iter(members)))
    }

    /// A mark if JavaScript takes the value for true. Even `{}` and `[]` freeze.
    pub(crate) fn from_value(value: Value) -> Option<Self> {
        let truthy = match &value {
            Value::Null => false,
            Value::Bool(truth) => *truth,
            Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        };
        truthy.then_some(Self(value))
    }

    /// Since when, as it was written.
    pub fn date(&self) -> Option<&str> {
        self.text("date")
    }

    /// The reason.
    pub fn reason(&self) -> Option<&str> {
        self.text("reason")
    }

    /// The one who alone may lift it; `None` if manatee-adm or a sitter froze the shard.
    pub fn owner(&self) -> Option<&str> {
        self.text("owner")
    }

    /// Tells whether it is the bare `true` of old versions, which says nothing.
    pub fn is_legacy(&self) -> bool {
        self.0 == Value::Bool(true)
    }

    /// Date and reason as manatee-adm shows them: `unknown` for the legacy form, `undefined` where a member is missing.
    pub fn shown(&self) -> (String, String) {
        if self.is_legacy() {
            return ("unknown".to_owned(), "unknown".to_owned());
        }
        let shown = |name| match self.0.get(name) {
            None => "undefined".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        (shown("date"), shown("reason"))
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }
}

/// As JavaScript's `toISOString` writes a time: milliseconds, UTC.
pub(crate) fn to_iso(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anything_true_freezes() {
        for value in [json!(null), json!(false)] {
            assert_eq!(Freeze::from_value(value), None);
        }
        let legacy = Freeze::from_value(json!(true)).unwrap();
        assert!(legacy.is_legacy());
        assert_eq!(legacy.shown(), ("unknown".into(), "unknown".into()));
        for empty in [json!({}), json!([])] {
            let freeze = Freeze::from_value(empty).unwrap();
            assert_eq!(freeze.shown(), ("undefined".into(), "undefined".into()));
            assert_eq!(freeze.owner(), None);
        }
    }

    #[test]
    fn a_new_mark_has_milliseconds_and_an_owner() {
        let date = jiff::Timestamp::from_millisecond(1_714_979_289_120).unwrap();
        let freeze = Freeze::new(date, "reshard plan 7", "plan-7");
        assert_eq!(freeze.date(), Some("2024-05-06T07:08:09.120Z"));
        assert_eq!(freeze.reason(), Some("reshard plan 7"));
        assert_eq!(freeze.owner(), Some("plan-7"));
    }
}

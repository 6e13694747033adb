//! Values as node's `console.log` shows them, which scripts around node-fash parse: [`Inspect`].
//!
//! The layout is that of `util.inspect` in Node 6, the version that Manta's zones run. Node 10 differs only where a
//! nested object does not fit on its line. Two things are left out on purpose: Node 6 cuts arrays after 100 items
//! (Node 0.10 and 4 did not) and prints `[Object]` for what is nested deeper than three levels; we print everything.

use std::fmt;
use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::output::Output;

/// Entries are put on one line while their lengths, each plus one, add up to no more than this.
const LINE_WIDTH: usize = 60;

/// Prints a value on a line of its own, or as JSON.
pub(crate) fn print(value: &Value, json: bool, out: &mut Output) -> io::Result<()> {
    if json { out.json(value) } else { writeln!(out, "{}", Inspect(value)) }
}

/// Displays a JSON value as `util.inspect` does.
pub(crate) struct Inspect<'a>(pub(crate) &'a Value);

impl fmt::Display for Inspect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&inspect(self.0))
    }
}

fn inspect(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let entries: Vec<_> =
                items.iter().map(|item| inspect(item).replace('\n', "\n  ")).collect();
            bracketed('[', &entries, ']')
        }
        Value::Object(members) => {
            let entries: Vec<_> = in_property_order(members).into_iter().map(property).collect();
            bracketed('{', &entries, '}')
        }
    }
}

fn property((key, value): (&String, &Value)) -> String {
    let mut text = inspect(value);
    if text.contains('\n') {
        text = format!("\n   {}", text.replace('\n', "\n   "));
    }
    format!("{}: {text}", if is_identifier(key) { key.clone() } else { quoted(key) })
}

fn bracketed(open: char, entries: &[String], close: char) -> String {
    if entries.is_empty() {
        return format!("{open}{close}");
    }
    // A JavaScript string's length is counted in UTF-16 units.
    let width: usize = entries.iter().map(|entry| entry.encode_utf16().count() + 1).sum();
    let separator = if width > LINE_WIDTH { ",\n  " } else { ", " };
    format!("{open} {} {close}", entries.join(separator))
}

/// JSON's escapes, but within single quotes.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&json);
    format!("'{}'", inner.replace('\'', r"\'").replace(r#"\""#, "\""))
}

fn is_identifier(key: &str) -> bool {
    !key.starts_with(|c: char| c.is_ascii_digit())
        && !key.is_empty()
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A JavaScript object lists its integer-like keys first, ascending, and then the others as they were added.
fn in_property_order(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|(key, _)| array_index(key).map_or(u64::MAX, u64::from));
    ordered
}

/// The number of an integer-like key: decimal, no leading zeros, below 2³² - 1.
fn array_index(key: &str) -> Option<u32> {
    let number = key.parse::<u32>().ok()?;
    (number != u32::MAX && number.to_string() == key).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(value: &Value, expected: &str) {
        assert_eq!(Inspect(value).to_string(), expected);
    }

    #[test]
    fn short_values_stay_on_one_line() {
        check(&json!([]), "[]");
        check(&json!({}), "{}");
        check(&json!(["a", "b"]), "[ 'a', 'b' ]");
        check(&json!({"pnode": "c", "vnode": 83, "data": 1}), "{ pnode: 'c', vnode: 83, data: 1 }");
    }

    #[test]
    fn text_is_in_single_quotes() {
        check(
            &json!(["back\\slash", "it's", "say\"hi\""]),
            r#"[ 'back\\slash', 'it\'s', 'say"hi"' ]"#,
        );
        check(&json!("end\\\""), r#"'end\\"'"#);
        check(&json!("a\nb\t\u{1}\u{8}\u{c}\r é😀"), r"'a\nb\t\u0001\b\f\r é😀'");
    }

    #[test]
    fn sixty_columns_of_entries_fit_and_sixty_one_do_not() {
        let items = |count: usize| Value::from(vec![7; count]);
        assert_eq!(Inspect(&items(30)).to_string().lines().count(), 1);
        assert_eq!(Inspect(&items(31)).to_string().lines().count(), 31);
        check(
            &json!([1_111_111_111, "a".repeat(46)]),
            &format!("[ 1111111111, '{}' ]", "a".repeat(46)),
        );
        check(
            &json!([1_111_111_111, "a".repeat(47)]),
            &format!("[ 1111111111,\n  '{}' ]", "a".repeat(47)),
        );
    }

    #[test]
    fn width_is_counted_in_utf_16_units() {
        check(
            &json!(["😀".repeat(14), "é".repeat(27)]),
            &format!("[ '{}',\n  '{}' ]", "😀".repeat(14), "é".repeat(27)),
        );
    }

    #[test]
    fn lists_are_never_cut() {
        let text = Inspect(&json!((0..250).collect::<Vec<_>>())).to_string();
        assert_eq!(text.lines().count(), 250);
        assert!(text.ends_with("\n  249 ]"), "{text}");
    }

    #[test]
    fn integer_like_keys_come_first_and_quoted() {
        check(
            &json!({"b": 1, "10": 1, "9": 1, "01": 1, "a-b": 1, "_x1": 1}),
            "{ '9': 1, '10': 1, b: 1, '01': 1, 'a-b': 1, _x1: 1 }",
        );
    }

    #[test]
    fn a_nested_object_moves_to_its_own_line_only_if_it_wraps() {
        let node = |pnode: &str| json!({"pnode": pnode, "vnodeData": 1});
        let short = "tcp://1.moray.lab.example.com:2020";
        check(
            &json!({"0": node(short), "1": node(short)}),
            &format!(
                "{{ '0': {{ pnode: '{short}', vnodeData: 1 }},\n  '1': {{ pnode: '{short}', vnodeData: 1 }} }}"
            ),
        );
        let long = "tcp://1.moray.us-east.lab.example.com:2020";
        check(
            &json!({"0": node(long)}),
            &format!("{{ '0': \n   {{ pnode: '{long}',\n     vnodeData: 1 }} }}"),
        );
    }
}

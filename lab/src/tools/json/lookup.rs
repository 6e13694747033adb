//! Lookups: `a.b.0`, `['x-y'].z`, `metadata["user-script"]`.

use std::borrow::Cow;

use serde_json::Value;

use super::super::session::Failure;

/// A path into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    keys: Vec<String>,
}

impl Path {
    /// Reads a lookup.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let bad = || Failure::Usage(format!("json: not a lookup: {text}"));
        let mut keys = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let quote = inside.chars().next().filter(|letter| matches!(letter, '\'' | '"'));
                let (key, after) = match quote {
                    Some(quote) => {
                        let quoted = inside.get(1..).unwrap_or_default();
                        quoted.split_once(&format!("{quote}]")).ok_or_else(bad)?
                    }
                    None => inside.split_once(']').ok_or_else(bad)?,
                };
                keys.push(key.to_owned());
                rest = after.strip_prefix('.').unwrap_or(after);
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (key, after) = rest.split_at_checked(end).ok_or_else(bad)?;
                keys.push(key.to_owned());
                rest = after.strip_prefix('.').unwrap_or(after);
            }
        }
        Ok(Self { text: text.to_owned(), keys })
    }

    /// The lookup as it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Finds what is there. A key that has dots in it is found before a path, as the tool does.
    pub(super) fn find<'a>(&self, document: &'a Value) -> Option<Cow<'a, Value>> {
        if let Some(value) = document.get(&self.text) {
            return Some(Cow::Borrowed(value));
        }
        let mut value = Cow::Borrowed(document);
        for key in &self.keys {
            value = step(&value, key)?;
        }
        Some(value)
    }
}

fn step<'a>(value: &Cow<'a, Value>, key: &str) -> Option<Cow<'a, Value>> {
    let found = match (value.as_ref(), value) {
        (Value::Object(_), Cow::Borrowed(object)) => object.get(key)?,
        (Value::Array(array), Cow::Borrowed(borrowed)) => match key {
            "length" => return Some(Cow::Owned(Value::from(array.len()))),
            index => borrowed.get(index.parse::<usize>().ok()?)?,
        },
        (Value::String(text), _) if key == "length" => {
            return Some(Cow::Owned(Value::from(text.encode_utf16().count())));
        }
        _ => return None,
    };
    Some(Cow::Borrowed(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_parted_by_dots_and_brackets() {
        let keys = |text: &str| Path::parse(text).unwrap().keys;
        assert_eq!(keys("a.b.0"), ["a", "b", "0"]);
        assert_eq!(keys("['x-y'].z"), ["x-y", "z"]);
        assert_eq!(keys("a[\"b.c\"][0].d"), ["a", "b.c", "0", "d"]);
        assert!(Path::parse("a['b").is_err());
    }

    #[test]
    fn a_key_with_dots_wins() {
        let document = serde_json::json!({"a.b": 1, "a": {"b": 2, "c": "héy"}});
        let find = |text: &str| Path::parse(text).unwrap().find(&document).map(Cow::into_owned);
        assert_eq!(find("a.b"), Some(1.into()));
        assert_eq!(find("['a'].b"), Some(2.into()));
        assert_eq!(find("a.c.length"), Some(3.into()));
        assert_eq!(find("a.d.e"), None);
    }
}

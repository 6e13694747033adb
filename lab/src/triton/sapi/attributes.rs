//! The way in which PUT changes the attributes of an object: only the keys of their top level are merged.

use serde_json::{Map, Value};

use super::super::http::truthy;

/// The effect of a PUT on the attributes that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Sets keys.
    Update,
    /// Sets the whole attribute.
    Replace,
    /// Removes keys.
    Delete,
}

impl Action {
    /// Parses it as SAPI does: in any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "update" => Some(Self::Update),
            "replace" => Some(Self::Replace),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }

    /// Changes one attribute of an object.
    pub(super) fn apply(self, object: &mut Map<String, Value>, attribute: &str, change: &Value) {
        if !truthy(change) {
            return;
        }
        if self == Self::Replace {
            object.insert(attribute.to_owned(), change.clone());
            return;
        }
        let current = object.entry(attribute.to_owned()).or_insert(Value::Null);
        if !current.is_object() {
            *current = Value::Object(entries(current));
        }
        let Value::Object(current) = current else { return };
        for (key, value) in entries(change) {
            match self {
                Self::Delete => {
                    current.shift_remove(&key);
                }
                Self::Update | Self::Replace => {
                    current.insert(key, value);
                }
            }
        }
    }
}

/// The members that JavaScript's `for (key in value)` goes through: of a text its characters, of a list its elements.
fn entries(value: &Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object.clone(),
        Value::Array(values) => numbered(values.iter().cloned()),
        Value::String(text) => numbered(text.chars().map(|character| character.to_string().into())),
        Value::Null | Value::Bool(_) | Value::Number(_) => Map::new(),
    }
}

fn numbered(values: impl Iterator<Item = Value>) -> Map<String, Value> {
    values.enumerate().map(|(index, value)| (index.to_string(), value)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(action: &str, change: &Value) -> Value {
        let mut object = Map::new();
        object.insert("metadata".to_owned(), json!({"A": {"x": 1, "y": 2}, "B": 1}));
        Action::parse(action).unwrap().apply(&mut object, "metadata", change);
        object["metadata"].clone()
    }

    #[test]
    fn only_the_top_level_is_merged() {
        assert_eq!(apply("update", &json!({"A": {"x": 9}})), json!({"A": {"x": 9}, "B": 1}));
        assert_eq!(apply("UPDATE", &json!({"B": null}))["B"], Value::Null);
        assert_eq!(apply("replace", &json!({"C": 1})), json!({"C": 1}));
        assert_eq!(apply("replace", &json!({})), json!({}));
        assert_eq!(apply("replace", &Value::Null)["B"], json!(1));
        assert_eq!(apply("delete", &json!({"B": "anything"})), json!({"A": {"x": 1, "y": 2}}));
    }

    #[test]
    fn texts_and_lists_are_spread() {
        assert_eq!(apply("update", &json!("ab"))["1"], json!("b"));
        assert_eq!(apply("update", &json!(["x"]))["0"], json!("x"));
    }
}

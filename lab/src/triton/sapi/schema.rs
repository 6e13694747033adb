//! `metadata_schema`: as much of JSON schema draft 3 as applications use, in the words of the validator that SAPI has.

use serde_json::{Map, Value};

/// The reason for which metadata does not suit a schema. `None`: it does.
pub(super) fn complaint(schema: &Value, metadata: &Value) -> Option<String> {
    let properties = schema.get("properties")?.as_object()?;
    let empty = Map::new();
    let metadata = metadata.as_object().unwrap_or(&empty);
    properties.iter().find_map(|(name, rule)| {
        let complaint = match metadata.get(name) {
            None => rule
                .get("required")
                .and_then(Value::as_bool)
                .unwrap_or(false)
                .then(|| "is missing and it is required".to_owned()),
            Some(value) => {
                let wanted = rule.get("type").and_then(Value::as_str)?;
                (!is(value, wanted)).then(|| {
                    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    let found = kind(value);
                    format!("{shown} - {found} value found, but a {wanted} is required")
                })
            }
        };
        complaint.map(|complaint| format!("property \"{name}\": {complaint}"))
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match wanted {
        "any" => true,
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => kind(value) == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_and_presence_are_checked() {
        let schema = json!({"properties": {"port": {"type": "integer", "required": true}}});
        assert_eq!(complaint(&schema, &json!({"port": 1, "other": "x"})), None);
        assert!(complaint(&schema, &json!({})).unwrap().contains("required"));
        let expected = "property \"port\": x - string value found, but a integer is required";
        assert_eq!(complaint(&schema, &json!({"port": "x"})).unwrap(), expected);
        assert_eq!(complaint(&json!({}), &json!({"port": "x"})), None);
    }
}

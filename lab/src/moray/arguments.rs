//! The arguments of requests, checked as Moray and electric-moray check them: by what `typeof` says of each.

use std::time::Duration;

use moray_client::{ErrorName, ServerError};
use serde_json::{Map, Value};

/// An argument's name and what it has to be.
pub(crate) type Argument = (&'static str, JsType);

/// The types that `typeof` tells of values that JSON has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsType {
    String,
    /// Lists and null too, as JavaScript has it.
    Object,
    Number,
    Boolean,
}

impl JsType {
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::String,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Object,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Object => "object",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// Checks number and types of a request's arguments.
pub(crate) fn check(
    method: &str,
    args: &[Value],
    expected: &[Argument],
) -> Result<(), ServerError> {
    if args.len() != expected.len() {
        let plural = if expected.len() == 1 { "" } else { "s" };
        let words = format!("{method} expects {} argument{plural}", expected.len());
        return Err(ServerError::new(ErrorName::Invocation, words));
    }
    for (index, (value, (name, kind))) in args.iter().zip(expected).enumerate() {
        let (kind, found) = (kind.name(), JsType::of(value).name());
        if kind != found {
            let words = format!(
                "{method} expects \"{name}\" (args[{index}]) to be of type {kind} but received type {found} instead"
            );
            return Err(ServerError::new(ErrorName::Invocation, words));
        }
    }
    Ok(())
}

/// Checks that texts are not empty, as Moray alone does.
pub(super) fn check_not_empty(
    method: &str,
    args: &[Value],
    expected: &[Argument],
) -> Result<(), ServerError> {
    let empty = args.iter().zip(expected).position(|(value, _)| *value == "");
    let Some((index, (name, _))) = empty.and_then(|index| Some((index, expected.get(index)?)))
    else {
        return Ok(());
    };
    let words = format!(
        "{method} expects \"{name}\" (args[{index}]) to be a nonempty string: {name} should NOT be shorter than 1 \
         characters"
    );
    Err(ServerError::new(ErrorName::Invocation, words))
}

/// The longest that each statement may take, by the option `timeout` in milliseconds. 0 is no limit.
pub(super) fn time_limit(options: &Map<String, Value>) -> Option<Duration> {
    let milliseconds = options.get("timeout").and_then(Value::as_u64)?;
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

/// The text at a place, after [`check`]; the empty one where there is none.
pub(crate) fn text(args: &[Value], index: usize) -> &str {
    args.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// The options at a place; none at all where there is no object.
pub(crate) fn options(args: &[Value], index: usize) -> Map<String, Value> {
    args.get(index).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Tells whether a value counts as true in JavaScript.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPECTED: &[Argument] = &[("bucket", JsType::String), ("opts", JsType::Object)];

    #[test]
    fn complaints_are_worded_as_the_originals() {
        let complaint =
            |args: &[Value]| check("getBucket", args, EXPECTED).unwrap_err().to_string();
        assert_eq!(complaint(&[]), "InvocationError: getBucket expects 2 arguments");
        let words = "InvocationError: getBucket expects \"bucket\" (args[0]) to be of type string but received type \
                     object instead";
        assert_eq!(complaint(&[json!([]), json!({})]), words);
        check("getBucket", &[json!("b"), json!(null)], EXPECTED).unwrap();
    }
}

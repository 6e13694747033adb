//! The requests to an API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::decode;

/// A request, routed.
#[derive(Clone, Debug)]
pub(crate) struct ApiRequest {
    /// Its method.
    pub(crate) method: Method,
    /// Path and query as they were sent.
    pub(crate) target: String,
    /// The parameters in the path, decoded.
    pub(crate) parameters: Vec<(&'static str, String)>,
    /// The query, decoded.
    pub(crate) query: Query,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// The body, parsed by its type. Of raw routes [`Content::Other`].
    pub(crate) content: Content,
    /// The major version of the API that serves it. 0 where there are no versions.
    pub(crate) version: u32,
    /// The value of `x-request-id` in request and answer.
    pub(crate) id: String,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// There is none.
    None,
    /// `application/json`
    Json(Value),
    /// `application/x-www-form-urlencoded`
    Form(Vec<(String, String)>),
    /// Any other type: APIs ignore it.
    Other(Bytes),
}

/// The value that counts when query and body have the same name. The path always wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// SAPI and CNAPI.
    QueryWins,
    /// VMAPI.
    BodyWins,
}

/// The query of a request, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses what follows the question mark.
    pub(crate) fn parse(text: &str) -> Self {
        Self(decode::form(text))
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// One value per name, as Node has it: a text, or a list of texts for a name that comes several times.
    pub(crate) fn values(&self) -> Map<String, Value> {
        values(&self.0)
    }
}

impl ApiRequest {
    /// A parameter of the path. Empty when the route has no such parameter.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    /// A header, when it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The JSON of the body.
    pub(crate) fn json(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value) => Some(value),
            Content::None | Content::Form(_) | Content::Other(_) => None,
        }
    }

    /// Path, query and body in one map. A body that is no JSON object or form adds nothing.
    pub(crate) fn merged(&self, merge: Merge) -> Map<String, Value> {
        let body = match &self.content {
            Content::Json(Value::Object(body)) => body.clone(),
            Content::Form(pairs) => values(pairs),
            Content::Json(_) | Content::None | Content::Other(_) => Map::new(),
        };
        let path = self.parameters.iter();
        let path = path.map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        let layers = match merge {
            Merge::QueryWins => [path, self.query.values(), body],
            Merge::BodyWins => [path, body, self.query.values()],
        };
        let mut merged: Map<String, Value> = Map::new();
        for (name, value) in layers.into_iter().flatten() {
            if !merged.get(&name).is_some_and(truthy) {
                merged.insert(name, value);
            }
        }
        merged
    }
}

/// Tells whether JavaScript takes a value for true.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn values(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut values: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value.clone());
        match values.get_mut(name) {
            Some(Value::Array(several)) => several.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                values.insert(name.clone(), value);
            }
        }
    }
    values
}

impl Content {
    /// Parses a body by its Content-Type, and compares its Content-MD5.
    pub(super) fn parse(headers: &HeaderMap, body: Bytes) -> Result<Self, Answer> {
        if body.is_empty() {
            return Ok(Self::None);
        }
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(sent) = header("content-md5") {
            let computed = STANDARD.encode(Md5::digest(&body));
            if sent != computed {
                let message = format!("Content-MD5 '{sent}' didn't match '{computed}'");
                let answer = Answer::error(StatusCode::BAD_REQUEST, "BadDigest", message);
                return Err(answer);
            }
        }
        let kind = header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/json" => match serde_json::from_slice(&body) {
                Ok(value) => Ok(Self::Json(value)),
                Err(error) => {
                    let message = format!("Invalid JSON: {}", complaint(&body, &error));
                    let answer = Answer::error(StatusCode::BAD_REQUEST, "InvalidContent", message);
                    Err(answer)
                }
            },
            "application/x-www-form-urlencoded" => {
                Ok(Self::Form(decode::form(&String::from_utf8_lossy(&body))))
            }
            _ => Ok(Self::Other(body)),
        }
    }
}

/// A syntax error in V8's words.
fn complaint(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "Unexpected end of JSON input".to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let position = before.saturating_add(error.column().saturating_sub(1));
    match text.get(position..).and_then(|rest| rest.chars().next()) {
        Some(token) => format!("Unexpected token {token} in JSON at position {position}"),
        None => "Unexpected end of JSON input".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(query: &str, body: Value) -> ApiRequest {
        ApiRequest {
            method: Method::PUT,
            target: String::new(),
            parameters: vec![("uuid", "u".to_owned())],
            query: Query::parse(query),
            headers: HeaderMap::new(),
            content: Content::Json(body),
            version: 1,
            id: String::new(),
        }
    }

    #[test]
    fn the_path_wins_then_query_or_body() {
        let request =
            request("uuid=q&action=delete&x=1&x=2", json!({"uuid": 1, "action": "update"}));
        let merged = Value::Object(request.merged(Merge::QueryWins));
        assert_eq!(merged, json!({"uuid": "u", "action": "delete", "x": ["1", "2"]}));
        assert_eq!(request.merged(Merge::BodyWins)["action"], json!("update"));
    }

    #[test]
    fn syntax_errors_are_in_the_words_of_v8() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap());
        let parse =
            |text: &'static str| Content::parse(&headers, Bytes::from_static(text.as_bytes()));
        assert_eq!(parse(r#"{"a": 1}"#).unwrap(), Content::Json(json!({"a": 1})));
        let error = parse("{\n x").unwrap_err();
        let expected = "Invalid JSON: Unexpected token x in JSON at position 3";
        assert_eq!(error.value().unwrap()["message"], expected);
        let error = parse("{").unwrap_err();
        assert_eq!(error.value().unwrap()["message"], "Invalid JSON: Unexpected end of JSON input");
    }
}

//! Bodies: JSON to types, and the servers' many forms of errors.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use crate::http::Answer;
use crate::http::error::{FieldError, ServerError, Unreadable};
use crate::printable::printable;
use crate::secret::Secrets;

/// Reads a JSON body.
pub(crate) fn json<A: DeserializeOwned>(answer: &Answer) -> Result<A, Unreadable> {
    let content_type = answer.header("content-type").unwrap_or("without Content-Type");
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let shown: String = content_type.chars().take(64).collect();
        return Err(Unreadable::NotJsonType(printable(&shown)));
    }
    typed(&answer.body)
}

/// For answers without a body.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands among functions that read an answer and may fail"
)]
pub(crate) fn nothing(_: &Answer) -> Result<(), Unreadable> {
    Ok(())
}

/// JSON as a type, without a tree of it in between: that would take many times its size. Of serde's own words only the
/// place is of use, for they quote values, which may be secrets.
fn typed<A: DeserializeOwned>(body: &[u8]) -> Result<A, Unreadable> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let answer = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().to_string();
        unreadable(error.inner(), &place)
    })?;
    json.end().map_err(|error| unreadable(&error, "."))?;
    Ok(answer)
}

fn unreadable(error: &serde_json::Error, place: &str) -> Unreadable {
    let place = match place {
        "." => "the whole answer".to_owned(),
        path => printable(path),
    };
    let words = error.to_string();
    match error.classify() {
        Category::Eof => Unreadable::CutOff,
        Category::Io | Category::Syntax => {
            Unreadable::NotJson { line: error.line(), column: error.column() }
        }
        Category::Data => {
            let missing =
                words.split(" at line ").next().filter(|words| words.starts_with("missing field"));
            let problem = match missing {
                Some(missing) => format!("has a {missing}"),
                None => "has the wrong type or form".to_owned(),
            };
            Unreadable::Shape { place, problem }
        }
    }
}

/// Every member is optional, and a member of another type is as good as missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: Value,
    message: Value,
    errors: Value,
}

/// The error that an answer with an error status tells. Never fails: the status alone is an error.
pub(crate) fn server_error(answer: &Answer, secrets: &Secrets) -> ServerError {
    let body = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
    let is_foreign = body.is_none() && !answer.body.is_empty();
    let body: Body = body.and_then(|body| serde_json::from_value(body).ok()).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(|text| secrets.scrub(text));
    let field = |error: &Value| FieldError {
        field: error.get("field").and_then(text),
        code: error.get("code").and_then(text),
        message: error.get("message").and_then(text),
    };
    ServerError {
        status: answer.status,
        code: text(&body.code),
        message: text(&body.message),
        fields: body.errors.as_array().into_iter().flatten().map(field).collect(),
        is_foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_body_is_a_panic(body: Vec<u8>, status in 0u16..1000) {
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            let answer = Answer { status, headers, body: body.into() };
            prop_assert_eq!(server_error(&answer, &Secrets::default()).status, status);
            let _any = json::<Value>(&answer).is_ok();
        }
    }

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Answer { status, headers, body: body.to_owned().into() }
    }

    #[test]
    fn every_form_of_an_error_is_understood() {
        let secrets = Secrets::default();
        for body in
            ["", "null", "[]", "7", "<html>", "{", "{\"code\":7,\"message\":[],\"errors\":{}}"]
        {
            let error = server_error(&answer(404, "text/html", body), &secrets);
            let is_foreign = !body.is_empty() && !body.contains("code");
            let bare =
                ServerError { status: 404, code: None, message: None, fields: vec![], is_foreign };
            assert_eq!(error, bare, "{body}");
        }
        let error =
            server_error(&answer(500, "application/json", r#"{"message":"plain"}"#), &secrets);
        assert_eq!(error.to_string(), "the server answered 500: plain");
        let body = r#"{"code":"V","message":"m","errors":[{"field":"a","code":"Duplicate"},7,{"message":"x"}]}"#;
        let error = server_error(&answer(409, "application/json", body), &secrets);
        assert_eq!(
            error.to_string(),
            "the server answered 409 V: m; a: Duplicate; a field: refused; a field: refused (x)"
        );
    }

    #[test]
    fn a_wrong_answer_is_named_and_not_quoted() {
        let wrong =
            |content_type, body| json::<Vec<u32>>(&answer(200, content_type, body)).unwrap_err();
        assert_eq!(wrong("text/html", "[]"), Unreadable::NotJsonType("text/html".to_owned()));
        assert_eq!(wrong("application/json", "[1,"), Unreadable::CutOff);
        assert_eq!(wrong("application/json", "[1,x]"), Unreadable::NotJson { line: 1, column: 4 });
        let shape = wrong("application/json; charset=utf-8", r#"[1,"hunter2"]"#);
        assert_eq!(
            shape.to_string(),
            "the answer is not as it should be: [1] has the wrong type or form"
        );
    }
}

//! Reading what `json` is given.

use serde_json::{Deserializer, Value};

use super::super::session::Failure;

/// Without the headers of HTTP answers, as `curl -i` prints them, before the document.
pub(super) fn without_headers(mut text: &str) -> &str {
    while text.starts_with("HTTP/") {
        let crlf = text.find("\r\n\r\n").map(|at| at + 4);
        let lf = text.find("\n\n").map(|at| at + 2);
        let end = crlf.into_iter().chain(lf).min().unwrap_or(text.len());
        text = text.get(end..).unwrap_or_default();
    }
    text
}

/// The documents: one, or none if there is nothing but blanks. When several may follow one another they become one
/// array, to which each adds itself, or its elements if it is an array.
pub(super) fn parse(text: &str, several: bool) -> Result<Vec<Value>, Failure> {
    let refuse = |error: serde_json::Error| {
        let message = format!("json: error: input is not JSON: {error}");
        Failure::Exit(1, message)
    };
    let documents: Vec<Value> =
        Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().map_err(refuse)?;
    match documents.len() {
        0 | 1 => Ok(documents),
        _ if several => {
            let elements = documents.into_iter().flat_map(super::elements).collect();
            Ok(vec![Value::Array(elements)])
        }
        number => Err(Failure::Exit(
            1,
            format!("json: error: input is not JSON: {number} documents (use -g to group them)"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_the_first_empty_line() {
        assert_eq!(without_headers("HTTP/1.1 200 OK\r\na: b\r\n\r\n{}\n\n"), "{}\n\n");
        assert_eq!(
            without_headers("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\na: b\n\n[]"),
            "[]"
        );
        assert_eq!(without_headers("{}"), "{}");
        assert_eq!(without_headers("HTTP/1.1 204 No Content\r\n"), "");
    }
}

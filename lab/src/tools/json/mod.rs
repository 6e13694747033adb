//! `json`: Trent Mick's tool, as far as scripts of Triton use it.

mod input;
mod lookup;
mod output;

use serde_json::Value;

use self::lookup::Path;
use self::output::Style;
use super::session::{Ending, Failure, Session};

pub(super) const USAGE: &str = "something generating JSON on stdout | json [-Hqagjn0] [-i|-o MODE] [-d DELIM] [-f FILE] \
                                [LOOKUPS...]
MODE: json, json-N, jsony, jsony-N, inspect is not there. Not in the lab: -c, -e, -E, -C, -I, -A, -k, -M, -D, -u.";

/// The request of a call.
#[derive(Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the tool")]
struct Request {
    strip_headers: bool,
    quiet: bool,
    /// `-a`: each element of an array by itself, the lookups' results on a line.
    array: bool,
    /// `-g`: several documents in a row are the elements of an array.
    group: bool,
    /// `-n`: whether the input is JSON is all that is asked.
    validate: bool,
    style: Option<Style>,
    delimiter: String,
    file: Option<String>,
    lookups: Vec<Path>,
}

pub(super) fn run(session: &Session, args: &[String]) -> Ending {
    let request = parse(args)?;
    let text = match &request.file {
        Some(file) if file != "-" => std::fs::read(file).map_err(|error| {
            Failure::because(format!("json: error: cannot read {file}"), &error)
        })?,
        _ => session.input()?,
    };
    match answer(&request, &String::from_utf8_lossy(&text)) {
        Ok(text) => {
            session.print(text);
            Ok(0)
        }
        Err(Failure::Exit(code, _)) if request.quiet => Ok(code),
        Err(failure) => Err(failure),
    }
}

/// From text to text.
fn answer(request: &Request, text: &str) -> Result<String, Failure> {
    let text = if request.strip_headers { input::without_headers(text) } else { text };
    let documents = input::parse(text, request.group || request.array)?;
    if request.validate {
        return Ok(String::new());
    }
    let style = request.style.unwrap_or(Style::JSONY);
    let mut out = String::new();
    for document in documents {
        if request.array {
            for element in elements(document) {
                out.push_str(&row(request, style, &element));
            }
        } else if request.lookups.is_empty() {
            style.write(&mut out, &document);
            out.push('\n');
        } else if request.style.is_some() && request.lookups.len() > 1 {
            let found: serde_json::Map<_, _> = request
                .lookups
                .iter()
                .filter_map(|path| {
                    Some((path.text().to_owned(), path.find(&document)?.into_owned()))
                })
                .collect();
            style.write(&mut out, &Value::Object(found));
            out.push('\n');
        } else {
            for path in &request.lookups {
                if let Some(value) = path.find(&document) {
                    style.write(&mut out, &value);
                    out.push('\n');
                } else if request.style.is_none() && request.lookups.len() > 1 {
                    out.push('\n');
                }
            }
        }
    }
    Ok(out)
}

/// The elements of an array; anything else is its own only element.
fn elements(document: Value) -> Vec<Value> {
    match document {
        Value::Array(elements) => elements,
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Object(_)) => vec![other],
    }
}

/// A line of `-a`: the results between delimiters, nothing for what is not there.
fn row(request: &Request, style: Style, element: &Value) -> String {
    let style = if request.style.is_some() { style } else { Style::COMPACT_JSONY };
    let cell = |path: &Path| {
        let mut text = String::new();
        if let Some(value) = path.find(element) {
            style.write(&mut text, &value);
        }
        text
    };
    let mut line = match request.lookups.as_slice() {
        [] => {
            let mut text = String::new();
            request.style.unwrap_or(Style::JSONY).write(&mut text, element);
            text
        }
        lookups => lookups.iter().map(cell).collect::<Vec<_>>().join(&request.delimiter),
    };
    line.push('\n');
    line
}

/// Short flags may stand together; `-o`, `-d` and `-f` take the next argument.
fn parse(args: &[String]) -> Result<Request, Failure> {
    let mut request = Request { delimiter: " ".to_owned(), ..Request::default() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            break;
        }
        let long = match arg.as_str() {
            "--array" => "a",
            "--group" => "g",
            "--quiet" => "q",
            "--validate" => "n",
            other => other.strip_prefix('-').unwrap_or(""),
        };
        if long.is_empty() || long.starts_with('-') {
            if arg.starts_with("--") {
                return refuse(arg);
            }
            request.lookups.push(Path::parse(arg)?);
            continue;
        }
        for letter in long.chars() {
            let mut value = || {
                let missing = || Failure::Usage(format!("json: -{letter} needs an argument"));
                args.next().cloned().ok_or_else(missing)
            };
            match letter {
                'H' => request.strip_headers = true,
                'q' => request.quiet = true,
                'a' => request.array = true,
                'g' => request.group = true,
                'n' => request.validate = true,
                'j' => request.style = Some(Style::JSON),
                '0' => request.style = Some(Style::COMPACT_JSON),
                '4' => request.style = Some(Style::parse("json-4")?),
                'o' => request.style = Some(Style::parse(&value()?)?),
                'd' => request.delimiter = value()?,
                'f' => request.file = Some(value()?),
                _ => return refuse(&format!("-{letter}")),
            }
        }
    }
    for lookup in args {
        request.lookups.push(Path::parse(lookup)?);
    }
    Ok(request)
}

fn refuse<T>(option: &str) -> Result<T, Failure> {
    Err(Failure::Usage(format!("json: this option is not in the lab's json: {option}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(args: &[&str], text: &str) -> Result<String, Failure> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        answer(&parse(&args)?, text)
    }

    const APPLICATION: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n\
        [{\"uuid\":\"u1\",\"metadata\":{\"HASH_RING_IMAGE\":\"i1\",\"user-script\":\"#!/bin/bash\\n\",\
        \"INDEX_MORAY_SHARDS\":[{\"host\":\"1.moray\"},{\"host\":\"2.moray\",\"last\":true}]}}]";

    #[test]
    fn as_runbooks_use_it() {
        let cases: [(&[&str], &str); 9] = [
            (&["-Ha", "metadata.HASH_RING_IMAGE"], "i1\n"),
            (&["-H", "0.metadata.INDEX_MORAY_SHARDS.1.host"], "2.moray\n"),
            (&["-H", "0['metadata']['user-script']"], "#!/bin/bash\n\n"),
            (&["-Ha", "uuid", "metadata.HASH_RING_IMAGE"], "u1 i1\n"),
            (&["-Ha", "-d", ",", "uuid", "nothing", "metadata.HASH_RING_IMAGE"], "u1,,i1\n"),
            (&["-Ha", "-o", "json-0", "metadata.INDEX_MORAY_SHARDS.0"], "{\"host\":\"1.moray\"}\n"),
            (&["-H", "0.metadata.INDEX_MORAY_SHARDS.0"], "{\n  \"host\": \"1.moray\"\n}\n"),
            (&["-H", "0.metadata.INDEX_MORAY_SHARDS.length"], "2\n"),
            (&["-H", "-j", "0.uuid"], "\"u1\"\n"),
        ];
        for (args, out) in cases {
            assert_eq!(json(args, APPLICATION).unwrap(), out, "{args:?}");
        }
    }

    #[test]
    fn what_is_missing_is_an_empty_line_or_nothing() {
        assert_eq!(json(&["a"], r#"{"b":1}"#).unwrap(), "");
        assert_eq!(json(&["a", "b"], r#"{"b":1}"#).unwrap(), "\n1\n");
        assert_eq!(json(&["-a", "a"], r#"[{"b":1},{"a":null}]"#).unwrap(), "\nnull\n");
    }

    #[test]
    fn whole_documents() {
        assert_eq!(
            json(&[], r#"{"a":[1,{}],"b":[]}"#).unwrap(),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n"
        );
        assert_eq!(json(&["-0"], r#"{ "a" : [1, "x"] }"#).unwrap(), "{\"a\":[1,\"x\"]}\n");
        assert_eq!(json(&["-o", "jsony-0"], r#""text""#).unwrap(), "text\n");
        assert_eq!(json(&["-o", "json-4"], r#"{"a":1}"#).unwrap(), "{\n    \"a\": 1\n}\n");
        assert_eq!(json(&["-n"], "[1]").unwrap(), "");
    }

    #[test]
    fn documents_in_a_row_are_grouped() {
        assert_eq!(
            json(&["-g", "-0"], "{\"a\":1}\n{\"a\":2}\n").unwrap(),
            "[{\"a\":1},{\"a\":2}]\n"
        );
        assert_eq!(json(&["-ga", "a"], "{\"a\":1}\n{\"a\":2}\n").unwrap(), "1\n2\n");
        assert_eq!(json(&["-a", "a"], "{\"a\":1}\n{\"a\":2}\n").unwrap(), "1\n2\n");
        assert_eq!(json(&["-ga", "a"], "[{\"a\":1}][{\"a\":2}]").unwrap(), "1\n2\n");
    }

    #[test]
    fn bad_input_and_unknown_options_are_refused() {
        assert!(matches!(json(&["a"], "{"), Err(Failure::Exit(1, _))));
        assert!(matches!(json(&["-c", "this.a"], "{}"), Err(Failure::Usage(_))));
        assert!(matches!(json(&["-e", "1"], "{}"), Err(Failure::Usage(_))));
        assert!(matches!(json(&["--merge"], "{}"), Err(Failure::Usage(_))));
        assert_eq!(json(&["a"], "").unwrap(), "");
    }
}

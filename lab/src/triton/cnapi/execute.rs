//! `POST /servers/UUID/execute`: a script in the global zone of a compute node.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::super::http::{Answer, ApiRequest, Merge};
use super::{Cnapi, invalid, invalid_parameters};
use crate::messages::ExecRequest;

/// Runs the script of its first argument from a file, as Ur does, so that its first line says what interprets it; a script
/// without such a line is bash's.
const RUNNER: &str = r#"
file=$(mktemp /var/tmp/ur.XXXXXX) || exit 111
trap 'rm -f "$file"' EXIT
case $1 in
    '#!'*) printf '%s' "$1" >"$file" ;;
    *) printf '#!/bin/bash\n%s' "$1" >"$file" ;;
esac
chmod 700 "$file"
shift
"$file" "$@"
"#;

impl Cnapi {
    pub(super) async fn execute(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let server = self.find(request)?;
        let parameters = request.merged(Merge::QueryWins);
        let script = Script::parse(&parameters)?;
        if self.silent().contains(&server.uuid) {
            let message = format!("Server {} is not running", server.uuid);
            return Err(Answer::error(StatusCode::CONFLICT, "ServerNotRunning", message));
        }
        if parameters.get("timeout").is_some_and(|timeout| !timeout.is_null()) {
            // The real server ends here, by an exception.
            return Ok(Answer::cut());
        }
        let done = self.zones.exec_global(server.uuid, &script.request).await;
        let done = done.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot execute");
            failed()
        })?;
        if script.json {
            let answer =
                json!({"exitCode": done.exit_code, "stdout": done.stdout, "stderr": done.stderr});
            return Ok(Answer::json(StatusCode::OK, &answer));
        }
        match done.exit_code {
            0 => Ok(Answer::json(StatusCode::OK, done.stdout.trim())),
            _ => Err(failed()),
        }
    }
}

fn failed() -> Answer {
    let message = "Error executing on remote system";
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
}

struct Script {
    request: ExecRequest,
    /// True if exit code and output are answered as an object.
    json: bool,
}

impl Script {
    fn parse(parameters: &Map<String, Value>) -> Result<Self, Answer> {
        let mut errors = Vec::new();
        let mut argv = ["/bin/bash", "-c", RUNNER, "ur"].map(ToOwned::to_owned).to_vec();
        match parameters.get("script") {
            Some(Value::String(script)) if !script.is_empty() => argv.push(script.clone()),
            None => errors.push(json!({
                "field": "script", "code": "MissingParameter", "message": "Missing parameter",
            })),
            Some(_) => errors.push(invalid("script", "must be a string")),
        }
        let mut env = std::collections::BTreeMap::new();
        match parameters.get("args") {
            None | Some(Value::Null) => {}
            Some(Value::Array(args)) if args.iter().all(Value::is_string) => {
                argv.extend(args.iter().filter_map(Value::as_str).map(ToOwned::to_owned));
            }
            Some(_) => errors.push(invalid("args", "must be an array of strings")),
        }
        match parameters.get("env") {
            None | Some(Value::Null) => {}
            Some(Value::Object(variables)) => {
                let text = |value: &Value| {
                    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
                };
                env.extend(variables.iter().map(|(name, value)| (name.clone(), text(value))));
            }
            Some(_) => errors.push(invalid("env", "must be an object")),
        }
        let json = match parameters.get("json") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(json)) => *json,
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "false") => {
                text == "true"
            }
            Some(_) => {
                errors.push(invalid("json", "must be a boolean"));
                false
            }
        };
        if !errors.is_empty() {
            return Err(invalid_parameters(Value::Array(errors)));
        }
        let request = ExecRequest { argv, env, ..ExecRequest::default() };
        Ok(Self { request: request.within(ExecRequest::UR_TIME_LIMIT), json })
    }
}

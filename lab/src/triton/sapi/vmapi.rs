//! SAPI's use of VMAPI to make, reinstall and remove zones.

use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::super::http::Answer;

/// The number of times that the real server asks about a job before it gives up.
const POLLS: u32 = 720;
/// The number of questions in a row that may fail.
const FAILED_POLLS: u32 = 5;

/// The addresses of VMAPI and CNAPI.
#[derive(Clone, Debug)]
pub(super) struct Vmapi {
    client: reqwest::Client,
    /// `http://HOST:PORT` of VMAPI.
    machines: String,
    /// `http://HOST:PORT` of CNAPI.
    nodes: String,
    job_poll: Duration,
}

/// The part of a job that VMAPI tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Job {
    name: String,
    execution: String,
    chain_results: Vec<Link>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Link {
    name: String,
    error: Value,
}

/// VMAPI's answer to what it does later.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Accepted {
    job_uuid: String,
}

impl Vmapi {
    pub(super) fn new(vmapi: String, cnapi: String, job_poll: Duration) -> Self {
        Self { client: reqwest::Client::new(), machines: vmapi, nodes: cnapi, job_poll }
    }

    /// A zone. `None` when VMAPI does not know it.
    pub(super) async fn zone(&self, uuid: &str) -> Result<Option<Value>, Answer> {
        let (status, body) =
            self.ask(Method::GET, &self.machines, &format!("/vms/{uuid}"), None).await?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(Answer::json(status, &body)),
        }
    }

    /// Starts to make a zone. Its job.
    pub(super) async fn provision(&self, payload: &Value) -> Result<String, Answer> {
        self.start(Method::POST, "/vms", Some(payload)).await
    }

    /// Starts to reinstall a zone. Its job.
    pub(super) async fn reprovision(&self, uuid: &str, image: &str) -> Result<String, Answer> {
        let path = format!("/vms/{uuid}?action=reprovision");
        self.start(Method::POST, &path, Some(&json!({"image_uuid": image}))).await
    }

    /// Starts to remove a zone. Its job.
    pub(super) async fn destroy(&self, uuid: &str) -> Result<String, Answer> {
        self.start(Method::DELETE, &format!("/vms/{uuid}"), None).await
    }

    /// Waits until a job succeeded. When it failed the answer has the given code.
    pub(super) async fn wait(&self, job: &str, code: &str) -> Result<(), Answer> {
        let mut failed = 0;
        for _ in 0..POLLS {
            sleep(self.job_poll).await;
            let path = format!("/jobs/{job}");
            let answer = match self.ask(Method::GET, &self.machines, &path, None).await {
                Ok((status, body)) if !status.is_success() => Err(Answer::json(status, &body)),
                Ok((_, body)) => Ok(body),
                Err(answer) => Err(answer),
            };
            let body = match answer {
                Ok(body) => body,
                Err(answer) => {
                    failed += 1;
                    if failed == FAILED_POLLS {
                        return Err(answer);
                    }
                    continue;
                }
            };
            failed = 0;
            let known: Job = serde_json::from_value(body).unwrap_or_default();
            match known.execution.as_str() {
                "succeeded" => return Ok(()),
                "failed" => {
                    let status = StatusCode::INTERNAL_SERVER_ERROR;
                    return Err(Answer::error(status, code, known.complaint(job)));
                }
                _ => {}
            }
        }
        let message = format!("job {job} did not end");
        Err(Answer::error(StatusCode::INTERNAL_SERVER_ERROR, code, message))
    }

    /// Runs a service's teardown hook in a zone, from its compute node.
    pub(super) async fn tear_down(&self, uuid: &str, hook: &str) -> Result<(), Answer> {
        let fail = |message: &str| {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Answer::error(status, "TeardownHookError", message)
        };
        let zone = self.zone(uuid).await?.ok_or_else(|| fail("VM not found"))?;
        let server = zone.get("server_uuid").and_then(Value::as_str).unwrap_or_default();
        let script = json!({"script": format!("/usr/sbin/zlogin {uuid} \"{hook}\"")});
        let path = format!("/servers/{server}/execute");
        let (status, body) = self.ask(Method::POST, &self.nodes, &path, Some(&script)).await?;
        if status.is_success() {
            return Ok(());
        }
        Err(fail(body.get("message").and_then(Value::as_str).unwrap_or_default()))
    }

    /// Asks for something that a job does. VMAPI's refusal is the answer, as it is.
    async fn start(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, Answer> {
        let (status, body) = self.ask(method, &self.machines, path, body).await?;
        if !status.is_success() {
            return Err(Answer::json(status, &body));
        }
        let accepted: Accepted = serde_json::from_value(body).unwrap_or_default();
        Ok(accepted.job_uuid)
    }

    /// One request. A body that is no JSON counts as null.
    async fn ask(
        &self,
        method: Method,
        base: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), Answer> {
        let mut request = self.client.request(method, format!("{base}{path}"));
        request = request.header("accept", "application/json").header("accept-version", "*");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let gone = |error: reqwest::Error| Answer::message(error.to_string());
        let response = request.send().await.map_err(gone)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(gone)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

impl Job {
    /// The reason for which it failed, in SAPI's words: they depend on whether the last error is an object or a text.
    fn complaint(&self, uuid: &str) -> String {
        let last = self.chain_results.last();
        match last.map(|link| (&link.error, &link.name)) {
            Some((Value::String(error), task)) if !error.is_empty() => {
                format!("job {} ({uuid}) failed: {task}: {error}", self.name)
            }
            Some((Value::Object(error), _)) => {
                error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            Some(_) | None => format!("job {} ({uuid}) failed", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_jobs_are_told_in_two_forms() {
        let complaint = |error: Value| {
            let job = json!({"name": "reprovision-7.0.4", "execution": "failed", "chain_results": [
                {"name": "cnapi.acquire_vm_ticket", "result": "OK", "error": ""},
                {"name": "cnapi.reprovision_vm", "error": error},
            ]});
            serde_json::from_value::<Job>(job).unwrap().complaint("1234")
        };
        assert_eq!(complaint(json!({"name": "E", "message": "no room"})), "no room");
        let expected = "job reprovision-7.0.4 (1234) failed: cnapi.reprovision_vm: no room";
        assert_eq!(complaint(json!("no room")), expected);
    }
}

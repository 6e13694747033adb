//! The progress of a peer's restore, as its status server tells.

use std::time::Duration;

use manatee_client::Peer;
use sapi_client::{AnswerBody, Method, Outgoing, OutgoingBody, Transport, TransportError};
use serde_json::Value;

use crate::deployment::Deployment;

/// The longest that the status server may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// More than any answer of it has.
const LARGEST: usize = 64 * 1024;

/// A peer's last restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    /// Its name; another one means that the restore began anew.
    pub uuid: String,
    /// True once it is over; `None` if it failed.
    pub done: Option<bool>,
    /// The estimated size in bytes, once it has begun.
    pub size: Option<u64>,
    /// Bytes that are there.
    pub completed: Option<u64>,
}

/// The last restore since the peer's sitter began; `None` if there was none.
///
/// # Errors
///
/// [`RestoreError`]
pub async fn restore_of(
    deployment: &Deployment,
    peer: &Peer,
) -> Result<Option<Restore>, RestoreError> {
    let failed = |problem| RestoreError { peer: peer.zone_id.label().to_owned(), problem };
    let port = peer.endpoint().map_or(5432, |endpoint| endpoint.port).saturating_add(1);
    let url = format!("http://{}:{port}/restore", peer.ip);
    let asked = tokio::time::timeout(TIMEOUT, get(deployment, url)).await;
    let body = asked.map_err(|_| failed(Problem::Timeout))?.map_err(failed)?;
    let answer: Value =
        serde_json::from_slice(&body).map_err(|source| failed(Problem::Json(source)))?;
    Ok(parse(&answer))
}

async fn get(deployment: &Deployment, url: String) -> Result<Vec<u8>, Problem> {
    let headers = vec![("accept", "application/json".to_owned())];
    let request = Outgoing { method: Method::Get, url, headers, body: OutgoingBody::Empty };
    let mut answer = deployment.http().send(request).await.map_err(Problem::Http)?;
    if answer.status != 200 {
        return Err(Problem::Status(answer.status));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.body.chunk().await.map_err(Problem::Http)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(Problem::TooLarge);
        }
    }
    Ok(body)
}

/// `{}`, `{"restore": null}` or `{"restore": JOB}`. Numbers are text in a job, and `done` is `false`, 0, `true` or `failed`.
fn parse(answer: &Value) -> Option<Restore> {
    let job = answer.get("restore").filter(|job| job.is_object())?;
    let number = |key: &str| {
        let value = job.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    Some(Restore {
        uuid: job.get("uuid").and_then(Value::as_str).unwrap_or_default().to_owned(),
        done: match job.get("done") {
            Some(Value::String(_)) => None,
            Some(Value::Bool(done)) => Some(*done),
            _ => Some(false),
        },
        size: number("size"),
        completed: number("completed"),
    })
}

/// The status server of a peer cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the status server of the peer {peer} did not tell of its restore")]
pub struct RestoreError {
    /// The first characters of its zone's UUID.
    peer: String,
    #[source]
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("no answer in time")]
    Timeout,
    #[error("it cannot be reached")]
    Http(#[source] TransportError),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is too large")]
    TooLarge,
    #[error("its answer is no JSON")]
    Json(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_of_the_answer_are_read() {
        assert_eq!(parse(&json!({})), None);
        assert_eq!(parse(&json!({"restore": null})), None);
        let job =
            |done: Value| parse(&json!({"restore": {"uuid": "u", "done": done}})).unwrap().done;
        assert_eq!(job(json!(false)), Some(false));
        assert_eq!(job(json!(0)), Some(false));
        assert_eq!(job(json!(true)), Some(true));
        assert_eq!(job(json!("failed")), None);
        let sizes = json!({"restore": {"uuid": "u", "done": 0, "size": "20", "completed": "10"}});
        let found = parse(&sizes).unwrap();
        assert_eq!((found.size, found.completed), (Some(20), Some(10)));
        assert_eq!(parse(&json!({"restore": {"size": null}})).unwrap().size, None);
    }
}

//! The report of a sitter about itself.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::http::{Answer, Handler};
use super::job::Job;
use super::machine::Machine;

const ROUTES: [&str; 4] = ["GET /", "GET /ping", "GET /state", "GET /restore"];

/// The status that the status server shows. Copies show the same.
#[derive(Clone, Default)]
pub(crate) struct Status(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    state: Value,
    health: Option<Health>,
    restore: Option<Job>,
}

/// The health of PostgreSQL: it answers, or not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Health {
    /// `None`: nobody knows yet.
    pub(crate) healthy: Option<bool>,
    /// The cause if it is not healthy.
    pub(crate) error: Option<String>,
    pub(crate) checked: Timestamp,
}

impl Status {
    fn change(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn show_machine(&self, machine: &Machine) {
        let pending = machine.pending();
        let mut state = Map::new();
        state.insert("id".to_owned(), json!(machine.me().id));
        state.insert("role".to_owned(), json!(machine.role()));
        if !pending.is_empty() {
            state.insert("pending".to_owned(), json!(pending));
        }
        state.insert("zkstate".to_owned(), json!(machine.state()));
        state.insert("zkpeers".to_owned(), json!(machine.active()));
        self.change(|shown| shown.state = Value::Object(state));
    }

    pub(crate) fn show_health(&self, health: Health) {
        self.change(|shown| shown.health = Some(health));
    }

    pub(crate) fn show_restore(&self, job: &Job) {
        self.change(|shown| shown.restore = Some(job.clone()));
    }

    pub(super) fn handler(&self) -> Handler {
        let status = self.clone();
        Arc::new(move |method, path, _| status.answer(method, path))
    }

    fn answer(&self, method: &Method, path: &str) -> Answer {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            "/" | "/ping" | "/state" | "/restore" if method != Method::GET => {
                let message = format!("{method} is not allowed");
                Answer::error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", &message)
            }
            "/" => Answer::ok(json!(ROUTES)),
            "/ping" => ping(shown.health.as_ref()),
            "/state" => Answer::ok(shown.state.clone()),
            "/restore" => Answer::ok(json!({"restore": shown.restore})),
            _ => Answer::not_found(path),
        }
    }
}

fn ping(health: Option<&Health>) -> Answer {
    let Some(health) = health else {
        return Answer { status: StatusCode::SERVICE_UNAVAILABLE, body: json!("PG not inited") };
    };
    let error = health.error.as_ref().map(|message| json!({"name": "VError", "message": message}));
    let body = json!({
        "healthy": health.healthy,
        "error": error,
        "lastCheck": health.checked.as_millisecond(),
    });
    let healthy = health.healthy == Some(true);
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Answer { status, body }
}

#[cfg(test)]
mod tests {
    use super::super::state::Peer;
    use super::*;

    #[test]
    fn a_sitter_tells_what_it_is() {
        let status = Status::default();
        let machine = Machine::new(Peer::new("z".to_owned(), "10.0.0.1", 5432, 12345), false, true);
        status.show_machine(&machine);
        let answer = status.answer(&Method::GET, "/state");
        assert_eq!(
            answer.body,
            json!({"id": "10.0.0.1:5432:12345", "role": "unknown", "zkstate": null, "zkpeers": []})
        );
        assert_eq!(status.answer(&Method::GET, "/restore").body, json!({"restore": null}));
        assert_eq!(status.answer(&Method::GET, "/state/").status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn ping_is_fine_only_when_postgres_is() {
        let status = Status::default();
        let answer = status.answer(&Method::GET, "/ping");
        assert_eq!((answer.status.as_u16(), answer.body), (503, json!("PG not inited")));
        let checked = Timestamp::from_millisecond(1_715_000_000_123).unwrap();
        status.show_health(Health { healthy: Some(true), error: None, checked });
        let answer = status.answer(&Method::GET, "/ping");
        let body = json!({"healthy": true, "error": null, "lastCheck": 1_715_000_000_123_u64});
        assert_eq!((answer.status.as_u16(), answer.body), (200, body));
        let error = Some("connection refused".to_owned());
        status.show_health(Health { healthy: Some(false), error, checked });
        assert_eq!(status.answer(&Method::GET, "/ping").status.as_u16(), 503);
    }
}

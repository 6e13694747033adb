//! Tasks: what compute nodes do later.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::http::{Answer, ApiRequest};
use super::Cnapi;

/// The interval at which a task is looked at that somebody waits for.
const WAIT: Duration = Duration::from_millis(20);
/// The longest wait when nothing else is said, in seconds.
const DEFAULT_WAIT: u64 = 3600;
/// Nobody waits longer than a day.
const LONGEST_WAIT: u64 = 24 * 3600;

/// An action of a compute node on a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VmAction {
    Start,
    Stop,
    Reboot,
}

/// A task.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Task {
    id: Uuid,
    req_id: String,
    #[serde(rename = "task")]
    name: &'static str,
    server_uuid: Uuid,
    status: &'static str,
    timestamp: String,
    history: Vec<Value>,
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

impl Cnapi {
    pub(super) fn start_task(
        self: &Arc<Self>,
        action: VmAction,
        request: &ApiRequest,
    ) -> Result<Answer, Answer> {
        let server = self.find(request)?.uuid;
        let vm: Option<Uuid> = request.parameter("uuid").parse().ok();
        let on_server =
            |vm: &Uuid| self.zones.status(*vm).is_ok_and(|status| status.spec.server == server);
        let vm = vm.filter(on_server).ok_or_else(|| {
            let message = format!("VM {} not found", request.parameter("uuid"));
            Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", message)
        })?;
        let id = Uuid::new_v4();
        let task = Task {
            id,
            req_id: request.id.clone(),
            name: match action {
                VmAction::Start => "machine_boot",
                VmAction::Stop => "machine_shutdown",
                VmAction::Reboot => "machine_reboot",
            },
            server_uuid: server,
            status: "active",
            timestamp: now(),
            history: Vec::new(),
        };
        self.change_tasks(|tasks| tasks.insert(id, task));
        let cnapi = Arc::clone(self);
        tokio::spawn(async move {
            let done = match action {
                VmAction::Start => cnapi.zones.boot(vm).await,
                VmAction::Stop => cnapi.zones.halt(vm).await,
                VmAction::Reboot => cnapi.zones.reboot(vm).await,
            };
            let (status, name, event) = match done {
                Ok(()) => ("complete", "finish", json!({})),
                Err(error) => ("failure", "error", json!({"error": error.to_string()})),
            };
            cnapi.change_tasks(|tasks| {
                if let Some(task) = tasks.get_mut(&id) {
                    task.status = status;
                    task.history.push(json!({"name": name, "timestamp": now(), "event": event}));
                }
            });
        });
        Ok(Answer::json(StatusCode::OK, &json!({"id": id})))
    }

    fn change_tasks<T>(
        &self,
        change: impl FnOnce(&mut std::collections::BTreeMap<Uuid, Task>) -> T,
    ) -> T {
        change(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find_task(&self, request: &ApiRequest) -> Result<Task, Answer> {
        let id: Option<Uuid> = request.parameter("taskid").parse().ok();
        let task = id.and_then(|id| self.change_tasks(|tasks| tasks.get(&id).cloned()));
        task.ok_or_else(|| {
            Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", "no such task found")
        })
    }

    pub(super) fn get_task(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        Ok(Answer::json(StatusCode::OK, &self.find_task(request)?))
    }

    /// Answers when the task is over, and when the time is: `status` tells which.
    pub(super) async fn wait_task(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let seconds = request.query.get("timeout").and_then(|text| text.parse().ok());
        let seconds: u64 = seconds.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let task = self.find_task(request)?;
            if task.status != "active" || Instant::now() >= deadline {
                return Ok(Answer::json(StatusCode::OK, &task));
            }
            tokio::time::sleep(WAIT).await;
        }
    }
}

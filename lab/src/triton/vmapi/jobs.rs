//! Jobs: what changes zones, later and step by step.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::http::{Answer, ApiRequest};
use super::vm::now;
use super::{Vmapi, answers, parse_uuid};

/// The interval at which a job is looked at that somebody waits for.
const WAIT: Duration = Duration::from_millis(20);

/// The task of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum JobTask {
    /// Makes a zone.
    Provision,
    /// Changes what VMAPI has of it.
    Update,
    /// Makes its root anew.
    Reprovision,
    /// Boots it.
    Start,
    /// Halts it.
    Stop,
    /// Halts and boots it.
    Reboot,
    /// Sends a signal to it.
    Kill,
    /// Removes it.
    Destroy,
}

impl JobTask {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Reprovision => "reprovision",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Kill => "kill",
            Self::Destroy => "destroy",
        }
    }

    /// The workflow's name with its version, and its budget in seconds.
    const fn workflow(self) -> (&'static str, u32) {
        match self {
            Self::Provision => ("provision-7.2.6", 3600),
            Self::Update => ("update-7.1.10", 300),
            Self::Reprovision => ("reprovision-7.0.4", 210),
            Self::Start => ("start-7.0.7", 590),
            Self::Stop => ("stop-7.0.8", 590),
            Self::Reboot => ("reboot-7.0.8", 590),
            Self::Kill => ("kill-7.0.2", 590),
            Self::Destroy => ("destroy-7.0.8", 300),
        }
    }
}

impl std::fmt::Display for JobTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A job that is to fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobFault {
    /// The next job of this task fails.
    pub task: JobTask,
    /// With this error.
    pub message: String,
    /// True if the error is an object `{name, message}`. Default: no, the message alone.
    #[serde(default)]
    pub object: bool,
    /// True if the job first does what it is to do. Default: no.
    #[serde(default)]
    pub after_acting: bool,
}

impl JobFault {
    fn error(&self) -> Value {
        if self.object {
            json!({"name": "InternalError", "message": self.message})
        } else {
            json!(self.message)
        }
    }
}

/// The state of a job. Some workflows have more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Execution {
    Queued,
    Running,
    Succeeded,
    Failed,
    Canceled,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    name: String,
    uuid: Uuid,
    execution: Execution,
    params: Map<String, Value>,
    exec_after: String,
    created_at: String,
    timeout: u32,
    chain_results: Vec<Value>,
}

impl Job {
    fn new(task: JobTask, vm: Uuid, payload: Map<String, Value>) -> Self {
        let mut params = payload;
        params.insert("vm_uuid".to_owned(), json!(vm));
        params.insert("task".to_owned(), json!(task.name()));
        let (name, timeout) = task.workflow();
        let now = now();
        Self {
            name: name.to_owned(),
            uuid: Uuid::new_v4(),
            execution: Execution::Queued,
            params,
            exec_after: now.clone(),
            created_at: now,
            timeout,
            chain_results: Vec::new(),
        }
    }

    /// Tells whether it has come to its end.
    fn is_over(&self) -> bool {
        !matches!(self.execution, Execution::Queued | Execution::Running)
    }

    /// Its runner is gone.
    pub(super) fn give_up(&mut self) {
        if !self.is_over() {
            self.execution = Execution::Canceled;
        }
    }

    fn step(&mut self, name: &str, began: &str, error: &Value) {
        let result = if *error == "" { "OK" } else { "" };
        self.chain_results.push(json!({
            "name": name, "result": result, "error": error,
            "started_at": began, "finished_at": now(),
        }));
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_str()
    }

    /// The error that it failed of.
    fn failure(&self) -> Option<Value> {
        let last = self.chain_results.last()?.get("error")?;
        (self.execution == Execution::Failed).then(|| last.clone())
    }
}

impl Vmapi {
    /// Accepts a job, and answers 202: now, or with `sync=true` when it is over. `act` is what the job does.
    pub(super) async fn start_job(
        self: &Arc<Self>,
        task: JobTask,
        vm: Uuid,
        payload: Map<String, Value>,
        sync: bool,
        act: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> Answer {
        let job = Job::new(task, vm, payload);
        let uuid = job.uuid;
        self.change(|state| state.jobs.insert(uuid, job));
        tracing::info!(job = %uuid, %vm, task = task.name(), "job accepted");
        let vmapi = Arc::clone(self);
        let run = tokio::spawn(async move { vmapi.run_job(uuid, task, vm, act).await });
        if sync {
            // A job that panicked is over as well.
            drop(run.await);
            let failure = self.state().jobs.get(&uuid).and_then(Job::failure);
            if let Some(error) = failure {
                let message = error.as_str().or_else(|| error.get("message")?.as_str());
                let message = message.unwrap_or_default();
                return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message);
            }
        }
        let body = json!({"vm_uuid": vm, "job_uuid": uuid});
        let workflow = format!("http://{}", self.zones.layout().block.vmapi());
        Answer::json(StatusCode::ACCEPTED, &body).with_header("workflow-api", &workflow)
    }

    async fn run_job(
        &self,
        uuid: Uuid,
        task: JobTask,
        vm: Uuid,
        act: impl Future<Output = Result<(), String>> + Send,
    ) {
        let began = now();
        let ticket = self.ticket(vm);
        let _ticket = ticket.lock().await;
        self.change_job(uuid, |job| {
            job.execution = Execution::Running;
            job.step("cnapi.acquire_vm_ticket", &began, &json!(""));
        });
        let began = now();
        tokio::time::sleep(self.options.job_duration).await;
        self.delayed(task).await;
        let fault = self.take_fault(task);
        let outcome = match &fault {
            Some(fault) if !fault.after_acting => Err(fault.error()),
            Some(fault) => act.await.map_err(Value::String).and(Err(fault.error())),
            None => act.await.map_err(Value::String),
        };
        let (execution, error) = match outcome {
            Ok(()) => (Execution::Succeeded, json!("")),
            Err(error) => {
                tracing::info!(job = %uuid, %vm, task = task.name(), %error, "job failed");
                self.after_failure(task, vm);
                (Execution::Failed, error)
            }
        };
        self.change_job(uuid, |job| {
            job.step("cnapi.wait_task", &began, &error);
            job.execution = execution;
        });
    }

    /// Waits as long as jobs of a task are to be delayed, or until they no longer are.
    async fn delayed(&self, task: JobTask) {
        let mut delays = self.job_delays.subscribe();
        let delay = delays.borrow().get(&task).copied();
        if let Some(delay) = delay {
            let healed = delays.wait_for(|delays| !delays.contains_key(&task));
            // Either way it goes on.
            drop(tokio::time::timeout(delay, healed).await);
        }
    }

    /// The lock that a job of a zone holds while it runs.
    pub(super) fn ticket(&self, vm: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tickets.entry(vm).or_default())
    }

    fn change_job(&self, uuid: Uuid, change: impl FnOnce(&mut Job)) {
        self.change(|state| {
            if let Some(job) = state.jobs.get_mut(&uuid) {
                change(job);
            }
        });
    }

    fn take_fault(&self, task: JobTask) -> Option<JobFault> {
        let mut faults = self.job_faults.lock().unwrap_or_else(PoisonError::into_inner);
        let index = faults.iter().position(|fault| fault.task == task)?;
        Some(faults.remove(index))
    }

    fn find_job(&self, request: &ApiRequest) -> Result<Job, Answer> {
        let uuid = request.parameter("uuid");
        let uuid = parse_uuid(uuid).ok_or_else(|| answers::invalid("uuid", "Invalid UUID"))?;
        self.state().jobs.get(&uuid).cloned().ok_or_else(answers::job_not_found)
    }

    pub(super) fn get_job(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        Ok(Answer::json(StatusCode::OK, &self.find_job(request)?))
    }

    pub(super) async fn wait_job(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        loop {
            let job = self.find_job(request)?;
            if job.is_over() {
                return Ok(Answer::json(StatusCode::OK, &job));
            }
            tokio::time::sleep(WAIT).await;
        }
    }

    /// Jobs, the newest first; of a zone, of a task, in a state.
    pub(super) fn list_jobs(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let of_path = Some(request.parameter("uuid")).filter(|uuid| !uuid.is_empty());
        let vm = of_path.or(request.query.get("vm_uuid"));
        if vm.is_some_and(|uuid| parse_uuid(uuid).is_none()) {
            return Err(answers::invalid("vm_uuid", "Invalid UUID"));
        }
        let task = request.query.get("task");
        let execution = request.query.get("execution");
        let state = self.state();
        let mut jobs: Vec<&Job> = state
            .jobs
            .values()
            .filter(|job| vm.is_none_or(|vm| job.param("vm_uuid") == Some(vm)))
            .filter(|job| task.is_none_or(|task| job.param("task") == Some(task)))
            .filter(|job| {
                execution.is_none_or(|execution| json!(job.execution).as_str() == Some(execution))
            })
            .collect();
        jobs.sort_by(|one, other| other.created_at.cmp(&one.created_at));
        Ok(Answer::json(StatusCode::OK, &jobs))
    }
}

//! CNAPI, Triton's API for compute nodes.

pub mod request;

mod types;

pub use request::{Extra, ServerFilter};
pub use types::{InvalidScript, Output, Script, Server, ServerStatus, Task, TaskEvent, TaskStatus};

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::timeout;

use crate::http::error::{Error, ErrorKind, Unreadable};
use crate::http::{BaseUrl, Client, Settings, Transport};
use crate::ids::{ServerUuid, TaskId};
use crate::secret::Secrets;

/// A client of one datacenter's CNAPI.
#[derive(Clone, Debug)]
pub struct Cnapi<T>(Client<T>);

/// The most servers that CNAPI gives at once.
const PAGE: u32 = 1000;
/// The time that CNAPI is asked to hold a question for a task, in seconds: less than Node's two minutes of silence.
const HOLD: u64 = 60;

/// A task that did not end well, as far as is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The task failed.
    #[error("the task {id} failed{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
    Failed {
        /// The task.
        id: TaskId,
        /// The text of its last event.
        message: Option<String>,
        /// The whole task.
        task: Box<Task>,
    },
    /// The task had not ended at the deadline.
    #[error("the task {id} had not ended after {} s", .after.as_secs())]
    Deadline {
        /// The task.
        id: TaskId,
        /// The time that it was waited for.
        after: Duration,
        /// The reason for which CNAPI could last not be asked for it, if it could not.
        source: Option<Error>,
    },
    /// CNAPI could not be asked.
    #[error("cannot follow the task {id}")]
    Call {
        /// The task.
        id: TaskId,
        /// The cause.
        source: Error,
    },
}

impl<T: Transport> Cnapi<T> {
    /// A client of the CNAPI at this address.
    pub fn new(base: BaseUrl, transport: T, settings: Settings) -> Self {
        Self(Client::new("CNAPI", base, transport, settings))
    }

    /// The client below, to run [calls](crate::Call) made by [`request`].
    pub fn client(&self) -> &Client<T> {
        &self.0
    }

    /// A server with everything that is known about it. In a region of several datacenters a 404 means: not this one.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_server(&self, uuid: ServerUuid) -> Result<Server, Error> {
        self.0.run(&request::get_server(uuid)).await
    }

    /// The servers that the filter admits, ordered by UUID.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_servers(&self, filter: &ServerFilter) -> Result<Vec<Server>, Error> {
        self.list_servers_by(filter, PAGE).await
    }

    /// The same with pages of at most so many servers.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_servers_by(
        &self,
        filter: &ServerFilter,
        page: u32,
    ) -> Result<Vec<Server>, Error> {
        let page = page.clamp(1, PAGE);
        let mut seen = HashSet::new();
        let mut servers: Vec<Server> = Vec::new();
        loop {
            let call = request::list_servers(filter, page, servers.len() as u64);
            let listed = self.0.run(&call).await?;
            let count = listed.len();
            for server in listed {
                if !seen.insert(server.uuid) {
                    let problem = format!("the server {} came twice", server.uuid);
                    let kind = ErrorKind::Unreadable(Unreadable::Listing(problem));
                    return Err(self.0.error(&call.request, "above", kind));
                }
                servers.push(server);
            }
            if count < page as usize {
                return Ok(servers);
            }
        }
    }

    /// Runs a script in a server's global zone and waits for it, up to an hour. Its exit status is in the output. To give
    /// up earlier, run [`request::execute`] [`within`](crate::Call::within) a limit.
    ///
    /// # Errors
    ///
    /// [`Error`]; 409 `ServerNotRunning` where the server is away. Where the outcome is unknown the script may still run.
    pub async fn execute(&self, uuid: ServerUuid, script: &Script) -> Result<Output, Error> {
        self.0.run(&request::execute(uuid, script)).await
    }

    /// A task.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_task(&self, id: TaskId) -> Result<Task, Error> {
        self.0.run(&request::get_task(id)).await
    }

    /// Waits until a task has ended well, and gives it. Passing troubles of CNAPI are borne until the deadline.
    ///
    /// # Errors
    ///
    /// [`TaskError`]
    pub async fn wait_for_task(&self, id: TaskId, deadline: Duration) -> Result<Task, TaskError> {
        let mut source = None;
        match timeout(deadline, self.poll_task(id, deadline, &mut source)).await {
            Ok(ended) => ended,
            Err(_) => Err(TaskError::Deadline { id, after: deadline, source }),
        }
    }

    /// Asks for a task until it has ended. Gives why it could last not be asked for, if it could not.
    async fn poll_task(
        &self,
        id: TaskId,
        deadline: Duration,
        failed: &mut Option<Error>,
    ) -> Result<Task, TaskError> {
        let call = request::wait_for_task(id, deadline.as_secs().clamp(1, HOLD));
        loop {
            match self.0.run(&call).await {
                Ok(task) => match task.status {
                    TaskStatus::Complete => return Ok(task),
                    TaskStatus::Failure => return Err(task_failed(task)),
                    // CNAPI answers 200 also where the time is over.
                    TaskStatus::Active | TaskStatus::Other(_) => *failed = None,
                },
                Err(error) if error.is_retryable() => {
                    tracing::warn!(task = %id, %error, "cannot ask for the task; asking again");
                    *failed = Some(error);
                }
                Err(source) => return Err(TaskError::Call { id, source }),
            }
            // A server that does not hold the question is not asked at full speed.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn task_failed(task: Task) -> TaskError {
    let message = task.history.iter().rev().find_map(|happened| {
        let event = &happened.event;
        event.text("error").or_else(|| event.text("message"))
    });
    let message = message.map(|text| Secrets::default().scrub(text));
    TaskError::Failed { id: task.id, message, task: Box::new(task) }
}

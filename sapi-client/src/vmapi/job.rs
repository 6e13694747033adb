//! Waiting for jobs.

use std::time::Duration;

use tokio::time::timeout;

use crate::http::Transport;
use crate::http::error::Error;
use crate::ids::JobUuid;
use crate::printable::printable;
use crate::vmapi::{Execution, Job, Vmapi};

/// The time and pace of asking for something that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// The time in all. 15 minutes; VMAPI's own budgets are 5 minutes for an update, 3½ for a reprovisioning, 10 for a
    /// reboot.
    pub deadline: Duration,
    /// The pause between two questions. 1 s.
    pub pause: Duration,
}

impl Default for Wait {
    fn default() -> Self {
        Self { deadline: Duration::from_mins(15), pause: Duration::from_secs(1) }
    }
}

/// A job that did not end well, as far as is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job ended badly.
    #[error("the job {name} ({uuid}) {how}{}", .error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Ended {
        /// The job.
        uuid: JobUuid,
        /// Its name, such as `reprovision-7.0.4`.
        name: String,
        /// The way in which it ended.
        how: Ended,
        /// The error of the last task that has one.
        error: Option<TaskError>,
        /// The whole job.
        job: Box<Job>,
    },
    /// The job had not ended at the deadline, and may still end either way.
    #[error("the job {uuid} had not ended after {} s", .after.as_secs())]
    Deadline {
        /// The job.
        uuid: JobUuid,
        /// The time that it was waited for.
        after: Duration,
        /// The job as it was last seen.
        job: Option<Box<Job>>,
        /// The reason for which VMAPI could last not be asked for it, if it could not.
        source: Option<Error>,
    },
    /// VMAPI could not be asked.
    #[error("cannot follow the job {uuid}")]
    Call {
        /// The job.
        uuid: JobUuid,
        /// The cause.
        source: Error,
    },
}

/// The end of a job that did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It failed.
    #[error("failed")]
    Failed,
    /// Somebody stopped it. SAPI would wait for it for an hour.
    #[error("was canceled")]
    Canceled,
    /// Another job does it again, and VMAPI does not say which.
    #[error("was given up for another one")]
    Retried,
}

/// The error of a job's task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{task}: {message}")]
pub struct TaskError {
    /// The task.
    pub task: String,
    /// Its message.
    pub message: String,
}

impl Job {
    /// The outcome of the job: `None` as long as it has not ended.
    ///
    /// # Errors
    ///
    /// [`JobError::Ended`]
    pub fn outcome(&self) -> Option<Result<(), JobError>> {
        let how = match self.execution.as_ref()? {
            Execution::Succeeded => return Some(Ok(())),
            Execution::Failed => Ended::Failed,
            Execution::Canceled => Ended::Canceled,
            Execution::Retried => Ended::Retried,
            Execution::Queued | Execution::Running | Execution::Waiting | Execution::Other(_) => {
                return None;
            }
        };
        let errors = self.chain_results.iter().rev().filter_map(|result| {
            let task = result.name.as_deref().map_or_else(|| "a task".to_owned(), printable);
            result.error_text().map(|message| TaskError { task, message })
        });
        Some(Err(JobError::Ended {
            uuid: self.uuid,
            name: self.name.as_deref().map_or_else(|| "without a name".to_owned(), printable),
            how,
            error: errors.into_iter().next(),
            job: Box::new(self.clone()),
        }))
    }
}

impl<T: Transport> Vmapi<T> {
    /// Waits until a job has ended well, and gives it.
    ///
    /// Passing troubles of VMAPI are borne until the deadline. Dropping the future stops waiting, not the job.
    ///
    /// # Errors
    ///
    /// [`JobError`]
    pub async fn wait_for_job(&self, uuid: JobUuid, wait: Wait) -> Result<Job, JobError> {
        let (mut job, mut source) = (None, None);
        let ended = self.poll_job(uuid, wait.pause, &mut job, &mut source);
        match timeout(wait.deadline, ended).await {
            Ok(ended) => ended,
            Err(_) => Err(JobError::Deadline { uuid, after: wait.deadline, job, source }),
        }
    }

    /// Asks for a job until it has ended. Gives what it was last and why it could not be asked for, if it could not.
    async fn poll_job(
        &self,
        uuid: JobUuid,
        pause: Duration,
        seen: &mut Option<Box<Job>>,
        failed: &mut Option<Error>,
    ) -> Result<Job, JobError> {
        loop {
            match self.get_job(uuid).await {
                Ok(job) => {
                    if let Some(outcome) = job.outcome() {
                        return outcome.map(|()| job);
                    }
                    tracing::debug!(job = %uuid, execution = ?job.execution, "waiting for the job");
                    (*seen, *failed) = (Some(Box::new(job)), None);
                }
                Err(error) if error.is_retryable() => {
                    tracing::warn!(job = %uuid, %error, "cannot ask for the job; asking again");
                    *failed = Some(error);
                }
                Err(source) => return Err(JobError::Call { uuid, source }),
            }
            tokio::time::sleep(pause).await;
        }
    }
}

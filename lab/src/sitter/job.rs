//! A restore, as both its ends show it.

use serde::Serialize;
use serde_json::Value;

use crate::postgres::Progress;

/// A job, as the status server's `/restore` and the backup server's `/backup/<uuid>` tell it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Job {
    pub(crate) uuid: String,
    /// The host to which the copy is to go, as it was asked for.
    pub(crate) host: Value,
    pub(crate) port: Value,
    pub(crate) dataset: Value,
    pub(crate) done: Done,
    /// Bytes, as text. Absent while the job has not begun, an estimate later.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
}

/// The state of a job: `false`, `true` or `"failed"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Value")]
pub(crate) enum Done {
    No,
    Yes,
    Failed,
}

impl From<Done> for Value {
    fn from(done: Done) -> Self {
        match done {
            Done::No => Self::from(false),
            Done::Yes => Self::from(true),
            Done::Failed => Self::from("failed"),
        }
    }
}

impl Job {
    pub(crate) fn new(uuid: String, host: Value, port: Value, dataset: Value) -> Self {
        Self { uuid, host, port, dataset, done: Done::No, size: None, completed: None }
    }

    pub(crate) fn advance(&mut self, progress: Progress) {
        self.size = Some(progress.size.to_string());
        self.completed = Some(progress.completed.to_string());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn jobs_are_shown_with_their_numbers_as_text() {
        let mut job = Job::new("u".to_owned(), json!("10.0.0.1"), json!(1234), json!("zones/z"));
        let queued = json!({"uuid": "u", "host": "10.0.0.1", "port": 1234, "dataset": "zones/z", "done": false});
        assert_eq!(serde_json::to_value(&job).unwrap(), queued);
        job.advance(Progress { completed: 10, size: 20 });
        job.done = Done::Failed;
        let shown = serde_json::to_value(&job).unwrap();
        assert_eq!((&shown["size"], &shown["completed"]), (&json!("20"), &json!("10")));
        assert_eq!(shown["done"], json!("failed"));
    }
}

//! Waiting until a standby has replayed a position.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::deadline;
use crate::lsn::Lsn;
use crate::postgres::{Postgres, PostgresError};

/// The progress of a standby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayProgress {
    /// The position up to which it has replayed; `None` if it did not answer.
    pub replayed: Option<Lsn>,
    /// The number of bytes that are missing; `None` if it did not answer.
    pub missing: Option<u64>,
    /// Since the beginning.
    pub waited: Duration,
}

/// The time and pace of a wait.
#[derive(Clone, Copy, Debug)]
pub struct ReplayWait {
    /// The time to go on before giving up. A question that is not answered by then is given up with it.
    pub patience: Duration,
    /// The pause between two questions. Default: 100 milliseconds.
    pub interval: Duration,
}

impl ReplayWait {
    /// Gives up after this time.
    pub fn up_to(patience: Duration) -> Self {
        Self { patience, interval: Duration::from_millis(100) }
    }
}

impl Postgres {
    /// Waits until the standby has replayed everything up to `target`; `progress` is told after every question. Standbys that
    /// do not answer are asked again: they are restarted when roles change. Compare positions, not times: the age of the last
    /// transaction grows on an idle shard.
    ///
    /// Returns what it has replayed.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Behind`] if it has not in time, [`ReplayError::NotAStandby`] if it is none, e.g. because it became the
    /// primary meanwhile.
    pub async fn wait_for_replay(
        &self,
        target: Lsn,
        wait: ReplayWait,
        mut progress: impl FnMut(&ReplayProgress),
    ) -> Result<Lsn, ReplayError> {
        let (started, deadline) = (Instant::now(), deadline::after(wait.patience));
        let mut last = None;
        loop {
            let (replayed, source) = match timeout_at(deadline, self.replay_position()).await {
                Ok(Ok(Some(replayed))) => (Some(replayed), None),
                Ok(Ok(None)) => {
                    return Err(ReplayError::NotAStandby { endpoint: self.endpoint().to_string() });
                }
                Ok(Err(error)) => {
                    tracing::debug!(endpoint = %self.endpoint(), %error, "the standby does not answer");
                    (None, Some(error))
                }
                Err(_) => (None, None),
            };
            let missing = replayed.map(|replayed| target.bytes_after(replayed));
            progress(&ReplayProgress { replayed, missing, waited: started.elapsed() });
            last = replayed.or(last);
            if let Some(replayed) = replayed.filter(|replayed| *replayed >= target) {
                return Ok(replayed);
            }
            if deadline.saturating_duration_since(Instant::now()) < wait.interval {
                let endpoint = self.endpoint().to_string();
                return Err(ReplayError::Behind { endpoint, target, last, source });
            }
            tokio::time::sleep(wait.interval).await;
        }
    }
}

/// A standby has not replayed what it should have.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It takes too long.
    #[error("the standby at {endpoint} has not replayed {target} in time: {}", reached(*last, *target))]
    Behind {
        /// Its endpoint.
        endpoint: String,
        /// The position that it should have replayed.
        target: Lsn,
        /// The position that it had, when it answered last.
        last: Option<Lsn>,
        /// The reason for which it did not answer in the end, if it did not and the time was not up first.
        #[source]
        source: Option<PostgresError>,
    },
    /// It is no standby.
    #[error("the server at {endpoint} is no standby: it replays nothing")]
    NotAStandby {
        /// Its endpoint.
        endpoint: String,
    },
}

fn reached(last: Option<Lsn>, target: Lsn) -> String {
    match last {
        Some(last) => format!("it is at {last}, {} bytes behind", target.bytes_after(last)),
        None => "it never answered".to_owned(),
    }
}

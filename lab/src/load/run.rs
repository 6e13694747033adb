//! The [`Load`] itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::clock::Clock;
use super::keys::Keys;
use super::log::{Header, LogWriter, VERSION};
use super::possible::{Possible, State};
use super::schedule::Schedule;
use super::shared::Shared;
use super::{LoadOptions, LoadStats, LoadSummary, reader, writer};

/// The longest that outcomes wait before the kernel has them.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// A load cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The options make no sense.
    #[error("there is no such load: {0}")]
    Options(&'static str),
    /// The log cannot be written. No request is sent that is not in the log, so the load has stopped.
    #[error("the load's log {path} cannot be written")]
    Log {
        /// The log.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A load that is running. Dropping it stops it at once: requests under way are given up, and in the log their
/// outcome is unknown.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    flusher: JoinSet<()>,
}

impl Load {
    /// Starts a load, as tasks of the Tokio runtime.
    ///
    /// # Errors
    /// The options make no sense, or the log cannot be made.
    pub fn start(mut options: LoadOptions) -> Result<Self, LoadError> {
        check(&options)?;
        options.workers = options.workers.min(options.keys);
        let run = options.run.unwrap_or_else(|| fastrand::u32(..));
        let keys = Keys::new(run, options.keys, options.directories, options.owners);
        let clock = Clock::start();
        let (version, epoch, prefixes) = (VERSION, clock.epoch(), keys.prefixes());
        let header = Header { version, run, epoch, prefixes };
        let log = LogWriter::create(&options.log, &header)
            .map_err(|source| LoadError::Log { path: options.log.clone(), source })?;
        let objects = vec![Possible::new(State::Absent); options.keys];
        let shared = Arc::new(Shared::new(options, run, keys, clock, log, objects));
        let (mut tasks, mut flusher) = (JoinSet::new(), JoinSet::new());
        let LoadOptions { writes_per_second, reads_per_second, workers, max_lateness, .. } =
            shared.options;
        for worker in 0..workers {
            let schedule = |rate| Schedule::new(clock.began(), rate, worker, workers, max_lateness);
            if let Some(schedule) = schedule(writes_per_second) {
                tasks.spawn(writer::run(Arc::clone(&shared), worker, schedule));
            }
            if let Some(schedule) = schedule(reads_per_second) {
                tasks.spawn(reader::run(Arc::clone(&shared), worker, schedule));
            }
        }
        flusher.spawn(flush(Arc::clone(&shared)));
        tracing::info!(run, writes_per_second, reads_per_second, workers, "load started");
        Ok(Self { shared, tasks, flusher })
    }

    /// The run's number.
    pub fn run(&self) -> u32 {
        self.shared.run
    }

    /// The numbers of what it has done so far.
    pub fn stats(&self) -> LoadStats {
        self.shared.counters().stats(self.shared.clock.now())
    }

    /// Lets the requests under way end, and stops.
    ///
    /// # Errors
    /// The log could not be written. The load had stopped then, and what is in the log is true.
    pub async fn stop(mut self) -> Result<LoadSummary, LoadError> {
        let elapsed = self.shared.clock.now();
        self.shared.stopping.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker of the load failed");
            }
        }
        self.flusher.shutdown().await;
        let shared = &self.shared;
        shared.check_log(shared.log.flush());
        if let Some(error) = shared.log_error.get() {
            let source = io::Error::new(error.kind(), error.to_string());
            return Err(LoadError::Log { path: shared.options.log.clone(), source });
        }
        let summary = shared.counters().summary(elapsed);
        tracing::info!(run = shared.run, "load stopped");
        Ok(summary)
    }
}

fn check(options: &LoadOptions) -> Result<(), LoadError> {
    let positive = |rate: f64| rate.is_finite() && rate >= 0.0;
    let share = |share: f64| (0.0..=1.0).contains(&share);
    let problem = if options.addresses.is_empty() {
        "it has no router to go to"
    } else if options.workers == 0 || options.keys == 0 || options.directories == 0 {
        "it has no workers, no keys or no directories"
    } else if !positive(options.writes_per_second) || !positive(options.reads_per_second) {
        "its rate is no rate"
    } else if !share(options.batch_share) || !share(options.conditional_share) {
        "a share of it is not between 0 and 1"
    } else {
        return Ok(());
    };
    Err(LoadError::Options(problem))
}

async fn flush(shared: Arc<Shared>) {
    let mut ticks = interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !shared.check_log(shared.log.flush()) {
            return;
        }
    }
}

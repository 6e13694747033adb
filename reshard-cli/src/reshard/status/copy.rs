//! The standing of the file: it is the plan, or a copy that another has overtaken. ZooKeeper knows.

use std::time::{Duration, Instant};

use reshard_core::{Chain, Configuration, Deployment, Epoch, Journal, Plan, Standing, epoch_of};
use serde::Serialize;

use crate::reshard::error::Result;
use crate::reshard::in_words::InWords;
use crate::reshard::place::ConfigFile;
use crate::reshard::remedy::advised;

/// The longest that ZooKeeper may take: a status is wanted now.
const PATIENCE: Duration = Duration::from_secs(2);
/// The interval at which it is asked while the status is watched.
const EVERY: Duration = Duration::from_secs(5);

/// The standing of a plan file against what ZooKeeper knows of its plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "copy", rename_all = "kebab-case")]
pub(super) enum FileCopy {
    /// ZooKeeper was not asked, or did not answer.
    NotAsked {
        /// The cause.
        why: String,
    },
    /// No other copy knows more.
    Latest,
    /// Another copy knows more.
    Overtaken {
        /// The epoch that its executor told last.
        by: Box<Epoch>,
    },
    /// ZooKeeper knows nothing of a plan that has begun.
    Unknown,
}

impl InWords for FileCopy {
    fn put_in_words(&mut self, file: Option<&str>) {
        if let Self::Overtaken { by } = self {
            by.put_in_words(file);
        }
    }
}

/// Asks ZooKeeper, again now and then.
pub(super) struct Asking<'a> {
    config: &'a ConfigFile,
    deployment: Option<Deployment>,
    answer: Option<(Instant, Answer)>,
}

/// ZooKeeper's knowledge, or why it was not asked.
type Answer = std::result::Result<Option<Epoch>, String>;

impl<'a> Asking<'a> {
    pub(super) fn new(config: &'a ConfigFile) -> Self {
        Self { config, deployment: None, answer: None }
    }

    pub(super) async fn ask(&mut self, store: &dyn Journal, plan: &Plan) -> Result<FileCopy> {
        let is_fresh = |(at, _): &(Instant, Answer)| at.elapsed() < EVERY;
        if !self.answer.as_ref().is_some_and(is_fresh) {
            let answer = tokio::time::timeout(PATIENCE, self.epoch(plan)).await;
            let late = |_| Err(format!("no answer within {} s", PATIENCE.as_secs()));
            self.answer = Some((Instant::now(), answer.unwrap_or_else(late)));
        }
        let epoch = match self.answer.as_ref().map(|(_, answer)| answer) {
            Some(Ok(epoch)) => epoch.as_ref(),
            Some(Err(why)) => return Ok(FileCopy::NotAsked { why: why.clone() }),
            None => None,
        };
        Ok(match (Standing::of(store, epoch).await?, epoch) {
            (Standing::Older, Some(by)) => FileCopy::Overtaken { by: Box::new(by.clone()) },
            (Standing::Latest | Standing::Older, _) => FileCopy::Latest,
            (Standing::Unknown, _) => FileCopy::Unknown,
        })
    }

    async fn epoch(&mut self, plan: &Plan) -> Answer {
        if self.deployment.is_none() {
            let configuration = Configuration::read(self.config.path())
                .map_err(|error| advised(Chain(&error), error.hint().as_ref(), None))?;
            let connected = Deployment::connect(configuration).await;
            self.deployment = Some(connected.map_err(|error| Chain(&error).to_string())?);
        }
        let Some(deployment) = &self.deployment else { return Ok(None) };
        epoch_of(deployment, plan.uuid).await.map_err(|error| Chain(&error).to_string())
    }

    /// Ends the session with ZooKeeper.
    pub(super) async fn close(self) {
        if let Some(deployment) = self.deployment {
            deployment.close().await;
        }
    }
}

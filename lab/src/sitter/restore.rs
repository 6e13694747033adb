//! Getting a copy of the primary's database.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, sleep, timeout};

use super::job::{Done, Job};
use super::state::Peer;
use super::status::Status;
use crate::postgres::{Cluster, ClusterError, Endpoint, Progress};

/// The port on which a peer that restores listens for the backup server that it asked.
const PORT: u16 = 1234;
/// The longest that the primary and its backup server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The word that ends the talk with the backup server when all went well.
pub(super) const FINISHED: &str = "finished";

/// A peer that can get a copy of another's database.
#[derive(Clone, Debug)]
pub(crate) struct Restorer {
    pub(crate) cluster: Cluster,
    pub(crate) address: Ipv4Addr,
    pub(crate) zone: String,
}

/// There is no copy.
#[derive(Debug, Error)]
pub(crate) enum RestoreError {
    #[error("the primary {id} does not answer")]
    NoPrimary { id: String },
    #[error("cannot ask the backup server {url}")]
    Ask { url: String, source: reqwest::Error },
    #[error("the backup server {url} refuses: {body}")]
    Refused { url: String, body: String },
    #[error("the backup server {url} was asked and does not come")]
    NoSender { url: String },
    #[error("cannot prepare {} for a copy", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot listen for the backup server")]
    Listen(#[source] io::Error),
    #[error(transparent)]
    Copy(#[from] ClusterError),
}

#[derive(Deserialize)]
struct Accepted {
    jobid: String,
}

impl Restorer {
    /// Replaces the data directory by a copy of the primary's. What was there is kept until the copy is complete.
    ///
    /// # Errors
    /// The primary, or its backup server, is not there, or the copy failed.
    pub(crate) async fn restore(
        &self,
        primary: &Peer,
        status: &Status,
    ) -> Result<(), RestoreError> {
        let upstream = self.wait_for(primary).await?;
        self.isolate()?;
        let mut job = self.ask(primary).await?;
        status.show_restore(&job.0);
        let (sender, receiver) = mpsc::unbounded_channel();
        let talk = tokio::spawn(tell(job.1, receiver));
        let copied = self
            .cluster
            .copy(upstream, |progress| {
                tracing::info!(?progress, "restoring");
                job.0.advance(progress);
                status.show_restore(&job.0);
                sender
                    .send(format!("{} {}", progress.completed, progress.size))
                    .unwrap_or_default();
            })
            .await;
        job.0.done = if copied.is_ok() { Done::Yes } else { Done::Failed };
        status.show_restore(&job.0);
        if copied.is_ok() {
            sender.send(FINISHED.to_owned()).unwrap_or_default();
        }
        drop(sender);
        if timeout(PATIENCE, talk).await.is_err() {
            tracing::warn!("the backup server does not listen");
        }
        copied?;
        self.remove_isolated().await
    }

    async fn wait_for(&self, primary: &Peer) -> Result<Endpoint, RestoreError> {
        let nobody = || RestoreError::NoPrimary { id: primary.id.clone() };
        let server = primary.postgres().ok_or_else(nobody)?;
        let endpoint = Endpoint { server, source: self.address };
        let deadline = Instant::now() + PATIENCE;
        while endpoint.is_alive().await.is_err() {
            if Instant::now() >= deadline {
                return Err(nobody());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(endpoint)
    }

    /// Asks the primary's backup server for a copy, and has it connect.
    async fn ask(&self, primary: &Peer) -> Result<(Job, TcpStream), RestoreError> {
        let url = format!("{}/backup", primary.backup_url.as_deref().unwrap_or_default());
        let (host, port) = (json!(self.address), json!(PORT));
        let dataset = json!(format!("zones/{}/data/manatee", self.zone));
        let listener =
            TcpListener::bind((self.address, PORT)).await.map_err(RestoreError::Listen)?;
        let failed = |source| RestoreError::Ask { url: url.clone(), source };
        let client = reqwest::Client::builder()
            .local_address(IpAddr::V4(self.address))
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(failed)?;
        let request = json!({"host": host, "port": port, "dataset": dataset}).to_string();
        let post = client.post(&url).header("content-type", "application/json").body(request);
        let body = post.send().await.map_err(failed)?.text().await.map_err(failed)?;
        let Ok(Accepted { jobid }) = serde_json::from_str(&body) else {
            return Err(RestoreError::Refused { url, body });
        };
        match timeout(PATIENCE, listener.accept()).await {
            Ok(Ok((stream, _))) => Ok((Job::new(jobid, host, port, dataset), stream)),
            Ok(Err(source)) => Err(RestoreError::Listen(source)),
            Err(_) => Err(RestoreError::NoSender { url }),
        }
    }

    /// Moves away what is there.
    fn isolate(&self) -> Result<(), RestoreError> {
        if self.cluster.is_empty() {
            return Ok(());
        }
        let data = self.cluster.data();
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let path = self.isolated().join(format!("autorebuild-{now}"));
        tracing::warn!(path = %path.display(), "moving the database away");
        fs::create_dir_all(self.isolated())
            .and_then(|()| fs::rename(data, &path))
            .map_err(|source| RestoreError::File { path, source })
    }

    async fn remove_isolated(&self) -> Result<(), RestoreError> {
        let entries = fs::read_dir(self.isolated()).into_iter().flatten().flatten();
        for entry in entries {
            if entry.file_name().to_string_lossy().starts_with("autorebuild-") {
                let path = entry.path();
                let removed = tokio::fs::remove_dir_all(&path).await;
                removed.map_err(|source| RestoreError::File { path, source })?;
            }
        }
        Ok(())
    }

    fn isolated(&self) -> PathBuf {
        self.cluster.data().parent().unwrap_or_else(|| Path::new("/")).join("isolated")
    }
}

/// Tells the backup server how far the copy is.
async fn tell(mut stream: TcpStream, mut lines: UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        if let Err(error) = stream.write_all(format!("{line}\n").as_bytes()).await {
            tracing::debug!(%error, "the backup server does not listen");
            return;
        }
    }
}

/// The progress in a line: bytes there, bytes in all.
pub(super) fn progress(line: &str) -> Option<Progress> {
    let (completed, size) = line.split_once(' ')?;
    Some(Progress { completed: completed.parse().ok()?, size: size.parse().ok()? })
}

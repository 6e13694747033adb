//! Copying a running server.

use std::fs;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::cluster::{Cluster, ClusterError};
use super::query::Endpoint;
use crate::process::supervised;

/// The longest that a copy may make no progress: its upstream may have been stopped in the middle. `pg_basebackup` tells of it
/// every second.
const STALLED: Duration = Duration::from_mins(1);

/// The progress of a copy, in bytes. The size is an estimate and may be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The bytes that are there.
    pub(crate) completed: u64,
    /// The bytes that there will be.
    pub(crate) size: u64,
}

impl Cluster {
    /// Makes the data directory, which is not there, a copy of a running server's, and tells how far it is about once a
    /// second. The directory appears when the copy is complete.
    ///
    /// # Errors
    /// The directory is not empty, or the server cannot be copied.
    pub(crate) async fn copy(
        &self,
        upstream: Endpoint,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<(), ClusterError> {
        self.make_parent()?;
        let new = self.data().with_extension("new");
        let file = |source| ClusterError::File { path: new.clone(), source };
        match tokio::fs::remove_dir_all(&new).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(error)),
            Ok(()) | Err(_) => {}
        }
        let program = self.programs().program("pg_basebackup");
        let failed = |source: io::Error| ClusterError::Program { program: program.clone(), source };
        let (host, port) = (upstream.server.ip().to_string(), upstream.server.port().to_string());
        let mut child = supervised(&program, None)
            .args(["-h", &host, "-p", &port, "-U", "postgres", "-c", "fast", "-X", "stream"])
            .args(["-P", "-N", "-D"])
            .arg(&new)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut said = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            let mut lines = BufReader::new(stderr).lines();
            let stalled =
                || ClusterError::Stalled { program: program.clone(), seconds: STALLED.as_secs() };
            while let Some(line) =
                timeout(STALLED, lines.next_line()).await.map_err(|_| stalled())?.map_err(failed)?
            {
                match parse(&line) {
                    Some(now) => progress(now),
                    None => said.push(line),
                }
            }
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            return Err(ClusterError::Failed { program, status, said: said.join("; ") });
        }
        fs::rename(&new, self.data()).map_err(file)
    }
}

/// `12345/67890 kB (18%), 0/1 tablespace`
fn parse(line: &str) -> Option<Progress> {
    let (numbers, _) = line.trim().split_once(" kB ")?;
    let (completed, size) = numbers.split_once('/')?;
    let bytes = |text: &str| Some(text.trim().parse::<u64>().ok()?.saturating_mul(1024));
    Some(Progress { completed: bytes(completed)?, size: bytes(size)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_bytes() {
        let line = "  2048/23456 kB (8%), 0/1 tablespace (/manatee/pg/data/base/1)";
        assert_eq!(parse(line), Some(Progress { completed: 2_097_152, size: 24_018_944 }));
        assert_eq!(parse("pg_basebackup: error: no"), None);
    }
}

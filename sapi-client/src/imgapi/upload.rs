//! Sending an image's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sha1::{Digest, Sha1};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tracing::Instrument;

use crate::http::error::{Error, ErrorKind};
use crate::http::{Attempt, OutgoingBody, Transport, Watched, new_request_id, while_moving};
use crate::ids::ImageUuid;
use crate::imgapi::{Image, Imgapi, Sha1Hex, request};

/// A gzip file on this machine, with what IMGAPI will say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    path: PathBuf,
    size: u64,
    sha1: Sha1Hex,
}

impl LocalFile {
    /// Reads the file once to know its SHA-1.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn open(path: impl Into<PathBuf>) -> std::io::Result<Self> {
        let path = path.into();
        let mut file = File::open(&path).await?;
        let mut hash = Sha1::new();
        let mut size = 0;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut piece).await?;
            if read == 0 {
                return Ok(Self { path, size, sha1: Sha1Hex::of(&hash.finalize()) });
            }
            hash.update(piece.get(..read).unwrap_or_default());
            size += read as u64;
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its SHA-1.
    pub fn sha1(&self) -> &Sha1Hex {
        &self.sha1
    }

    async fn reopen(&self) -> std::io::Result<File> {
        let file = File::open(&self.path).await?;
        if file.metadata().await?.len() == self.size {
            return Ok(file);
        }
        let changed = "its size is not what it was when its SHA-1 was made";
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, changed))
    }

    fn failed(&self, source: std::io::Error) -> ErrorKind {
        ErrorKind::LocalFile { path: self.path.display().to_string(), source }
    }
}

impl<T: Transport> Imgapi<T> {
    /// Sends an image's file once, reading it while it is sent. IMGAPI checks the SHA-1. A file that is there already is
    /// replaced, unless the image was activated.
    ///
    /// # Errors
    ///
    /// [`Error`]. A file that changed since [`LocalFile::open`] is an [`ErrorKind::LocalFile`], or a 400 `Download`.
    pub async fn add_image_file(&self, uuid: ImageUuid, file: &LocalFile) -> Result<Image, Error> {
        let call = request::add_image_file(uuid, "gzip", file.sha1());
        let request_id = new_request_id();
        let client = self.client();
        let span = client.span(&call.request, &request_id);
        let sent = async {
            let reader = file.reopen().await.map_err(|source| file.failed(source))?;
            let progress = Arc::new(AtomicU64::new(0));
            let watched = Watched { reader, progress: Arc::clone(&progress) };
            let body = OutgoingBody::Reader { reader: Box::pin(watched), length: file.size() };
            let attempt = Attempt { request: &call.request, request_id: &request_id, body };
            let transfer =
                async { client.collect(client.send(attempt).await?, call.request.answer).await };
            let answer = while_moving(client.settings().silence, &progress, transfer).await??;
            tracing::debug!(status = answer.status, bytes = file.size(), "sent the file");
            call.read(&answer)
        };
        sent.instrument(span).await.map_err(|kind| client.error(&call.request, &request_id, kind))
    }
}

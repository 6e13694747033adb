//! Receiving an image's file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::{Digest, Sha1};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tracing::Instrument;

use crate::http::error::{Error, ErrorKind, Unreadable};
use crate::http::{
    Answer, AnswerBody, AnswerKind, Attempt, Call, Incoming, OutgoingBody, Transport,
    new_request_id, nothing, transport_failure,
};
use crate::imgapi::{Image, ImageFile, Imgapi, Sha1Hex, request};
use crate::printable::printable;

/// A download that is cut off begins again at most so often. IMGAPI knows no ranges.
const TRIES: u32 = 5;

impl<T: Transport> Imgapi<T> {
    /// Receives the file of an image that was got from this IMGAPI, checks size, MD5 and SHA-1, and puts it at `to`.
    ///
    /// While it comes in it is beside `to` with `.partial` at the end of its name, and removed if anything fails: what is
    /// at `to` is whole, and readable for its owner alone. What was there before is replaced. A transfer that is cut off begins again from the start. Two
    /// downloads to one place at the same time disturb each other.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Unreadable::Digest`] where the file is not what the manifest says.
    pub async fn download_image_file(&self, image: &Image, to: &Path) -> Result<ImageFile, Error> {
        let call = Call::new(request::get_image_file(image.uuid), nothing);
        let request_id = new_request_id();
        let error = |kind| self.client().error(&call.request, &request_id, kind);
        let Some(file) = image.files.first() else {
            return Err(error(ErrorKind::Refused(format!(
                "the image {} has no file yet",
                image.uuid
            ))));
        };
        let mut tries = 1;
        loop {
            let span = self.client().span(&call.request, &request_id);
            let received = self.receive(&call, &request_id, file, to).instrument(span).await;
            let kind = match received {
                Ok(()) => return Ok(file.clone()),
                Err(kind) => kind,
            };
            let error = error(kind);
            let pause = self.client().settings().retry.start().next().filter(|_| tries < TRIES);
            match pause {
                Some(pause) if error.is_retryable() => {
                    tracing::warn!(%error, "the download begins again");
                    tokio::time::sleep(pause).await;
                    tries += 1;
                }
                _ => return Err(error),
            }
        }
    }

    async fn receive(
        &self,
        call: &Call<()>,
        request_id: &str,
        file: &ImageFile,
        to: &Path,
    ) -> Result<(), ErrorKind> {
        let client = self.client();
        let silence = client.settings().silence;
        let partial = Partial::beside(to);
        let failed = |source| ErrorKind::LocalFile { path: to.display().to_string(), source };
        let mut out = create_private(&partial.0).await.map_err(failed)?;

        let attempt = Attempt { request: &call.request, request_id, body: OutgoingBody::Empty };
        let incoming = timeout(silence, client.send(attempt)).await;
        let mut incoming = incoming.map_err(|_| ErrorKind::Timeout(silence))??;
        if incoming.status != 200 {
            let answer = timeout(silence, client.collect(incoming, AnswerKind::Refusal)).await;
            let answer = answer.map_err(|_| ErrorKind::Timeout(silence))??;
            return call.read(&answer).and_then(|()| Err(not_a_file()));
        }
        let mut check = Check::new(&incoming, file);
        while let Some(chunk) = timeout(silence, incoming.body.chunk())
            .await
            .map_err(|_| ErrorKind::Timeout(silence))?
            .map_err(transport_failure)?
        {
            check.take(&chunk)?;
            out.write_all(&chunk).await.map_err(failed)?;
        }
        check.finish()?;
        out.sync_all().await.map_err(failed)?;
        tokio::fs::rename(&partial.0, to).await.map_err(failed)?;
        // The new name is as durable as the bytes only when the directory is.
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new("."))).await.map_err(failed)?;
        directory.sync_all().await.map_err(failed)
    }
}

/// Creates a file for a download, which is for its owner alone.
async fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}

fn not_a_file() -> ErrorKind {
    let place = "the whole answer".to_owned();
    ErrorKind::Unreadable(Unreadable::Shape {
        place,
        problem: "is a success without a file".to_owned(),
    })
}

/// The rest of a broken download, which goes with this.
struct Partial(PathBuf);

impl Partial {
    fn beside(to: &Path) -> Self {
        let mut name = OsString::from(to);
        name.push(".partial");
        Self(name.into())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone where the download succeeded.
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove a broken download");
        }
    }
}

/// A file's digests as it comes in.
struct Check<'a> {
    expected: &'a ImageFile,
    expected_md5: Option<String>,
    size: u64,
    md5: Md5,
    sha1: Sha1,
}

impl<'a> Check<'a> {
    fn new<B>(incoming: &Incoming<B>, expected: &'a ImageFile) -> Self {
        let head = Answer {
            status: incoming.status,
            headers: incoming.headers.clone(),
            body: bytes::Bytes::new(),
        };
        let expected_md5 = head.header("content-md5").map(str::to_owned);
        Self { expected, expected_md5, size: 0, md5: Md5::new(), sha1: Sha1::new() }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), ErrorKind> {
        self.size += chunk.len() as u64;
        if self.size > self.expected.size {
            let limit = self.expected.size;
            return Err(ErrorKind::TooLarge { limit, kind: AnswerKind::File });
        }
        self.md5.update(chunk);
        self.sha1.update(chunk);
        Ok(())
    }

    fn finish(self) -> Result<(), ErrorKind> {
        let md5 = STANDARD.encode(self.md5.finalize());
        let checks = [
            ("size", self.expected.size.to_string(), self.size.to_string()),
            // The manifest's SHA-1 alone is proof; this tells damage on the way from damage in the store.
            ("MD5", self.expected_md5.unwrap_or_else(|| md5.clone()), md5),
            (
                "SHA-1",
                self.expected.sha1.to_string(),
                Sha1Hex::of(&self.sha1.finalize()).to_string(),
            ),
        ];
        match checks.into_iter().find(|(_, expected, actual)| expected != actual) {
            None => Ok(()),
            Some((what, expected, actual)) => {
                let expected = printable(&expected);
                Err(ErrorKind::Unreadable(Unreadable::Digest { what, expected, actual }))
            }
        }
    }
}

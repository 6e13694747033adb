//! IMGAPI 4.13.1: images with their files, of which rings are a kind.

mod auth;
mod endpoints;
mod errors;
mod files;
mod image;
mod list;
mod validation;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use self::image::Image;
use super::http::{Answer, ApiServer, FaultPoint};
use super::store::{Document, StoreError};

/// The settings of an IMGAPI.
#[derive(Clone, Debug)]
pub struct ImgapiOptions {
    /// Whom it serves.
    pub mode: ImgapiMode,
    /// True if writes must be signed. No signature is ever right: an emulator has no keys.
    pub signed: bool,
    /// The account that all-zero owners stand for in [`ImgapiMode::Datacenter`].
    pub admin: Uuid,
    /// Accounts whose uuid begins so do not exist. `None`: all do.
    pub unknown_accounts: Option<String>,
    /// The time for which an image that was not found stays so, whatever is imported meanwhile: as it looks where several
    /// processes serve one address, each with its own cache, which keeps what it looked up for 5 min. `None`: no such cache.
    pub stale_misses: Option<Duration>,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl ImgapiOptions {
    /// As in a datacenter: no signatures, all accounts exist, no stale answers.
    pub fn new(admin: Uuid) -> Self {
        Self {
            mode: ImgapiMode::Datacenter,
            signed: false,
            admin,
            unknown_accounts: None,
            stale_misses: None,
            clock: Timestamp::now,
        }
    }
}

/// Whom an IMGAPI serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImgapiMode {
    /// A datacenter (`dc`): owners are accounts of it.
    Datacenter,
    /// Everybody: all images are public and nobody's.
    Public,
    /// One organisation: all images are private and nobody's.
    Private,
}

/// The images of an IMGAPI by uuid.
type Images = BTreeMap<Uuid, Image>;

/// An emulated IMGAPI.
#[derive(Debug)]
pub struct Imgapi {
    images: Mutex<Images>,
    document: Document,
    /// The directory of the images' files.
    files: PathBuf,
    options: ImgapiOptions,
    misses: Mutex<BTreeMap<Uuid, Instant>>,
}

impl Imgapi {
    /// The IMGAPI whose state is in `directory`.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn open(directory: &Path, options: ImgapiOptions) -> Result<Arc<Self>, StoreError> {
        let document = Document::new(directory.join("state.json"));
        let images = Mutex::new(document.load()?.unwrap_or_default());
        let files = directory.join("images");
        Ok(Arc::new(Self { images, document, files, options, misses: Mutex::default() }))
    }

    /// Serves it on an address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn serve(
        self: &Arc<Self>,
        address: SocketAddr,
        faults: FaultPoint,
    ) -> io::Result<ApiServer> {
        ApiServer::start(address, Arc::clone(self), faults).await
    }

    /// The file of an image: to look at, or to damage.
    pub fn file(&self, image: Uuid) -> PathBuf {
        self.files.join(image.to_string()).join("file0")
    }

    fn images(&self) -> MutexGuard<'_, Images> {
        // What panicked while it held the lock answered nobody; the images are whole.
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the images and writes them down. What cannot be written down is not changed.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Images) -> Result<T, Answer>,
    ) -> Result<T, Answer> {
        let mut images = self.images();
        let mut changed = images.clone();
        let outcome = change(&mut changed)?;
        if let Err(error) = self.document.save(&changed) {
            tracing::error!(%error, "IMGAPI cannot keep its state");
            return Err(Answer::message(error.to_string()));
        }
        *images = changed;
        Ok(outcome)
    }

    /// Removes an image's files. They are nobody's any more: what cannot be removed is only said.
    fn discard_files(&self, image: Uuid) {
        let directory = self.files.join(image.to_string());
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %directory.display(), "cannot remove an image's files");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Tells whether an image counts as not found because it was not found a while ago. Remembers the miss of `found` = false.
    fn misses(&self, image: Uuid, found: bool) -> bool {
        let Some(lifetime) = self.options.stale_misses else { return !found };
        let mut misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        misses.retain(|_, since| now.duration_since(*since) < lifetime);
        if !found {
            misses.entry(image).or_insert(now);
        }
        misses.contains_key(&image)
    }
}

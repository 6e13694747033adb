//! Importing an image: manifest, file, activation, each as far as it is not done yet.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::http::{Retry, Transport};
use crate::ids::ImageUuid;
use crate::imgapi::{Image, ImageState, Imgapi, LocalFile, NewImage, request};

/// How [`Imgapi::import_image`] goes about it.
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    /// The owner need not be known to UFDS.
    pub skip_owner_check: bool,
    /// How long passing troubles are borne. 10 minutes: twice what IMGAPI may go on saying that a new image does not
    /// exist.
    pub deadline: Duration,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { skip_owner_check: false, deadline: Duration::from_mins(10) }
    }
}

/// There is an image of this UUID already, and it is not the one to be imported. It is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is an image {uuid} already, and it is another one: {difference}. Import under another UUID, or remove it"
)]
pub struct ImportConflict {
    /// The image.
    pub uuid: ImageUuid,
    /// In what it differs.
    pub difference: String,
}

/// An image was not imported, or not wholly. Calling again goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is another image of this UUID.
    #[error(transparent)]
    Conflict(#[from] ImportConflict),
    /// IMGAPI refuses, or stays out of reach.
    #[error("cannot import the image {uuid}")]
    Call {
        /// The image.
        uuid: ImageUuid,
        /// Why.
        source: Error,
    },
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Import,
    AddFile,
    Activate,
    Done,
}

/// What comes next for the image as it was found.
fn next_step(
    found: Option<&Image>,
    new: &NewImage,
    file: &LocalFile,
) -> Result<Step, ImportConflict> {
    let Some(image) = found else { return Ok(Step::Import) };
    let conflict = |difference: String| Err(ImportConflict { uuid: new.uuid(), difference });
    if let Some(member) = new.difference(image) {
        return conflict(format!("its {member} differs"));
    }
    let same_file = |f: &crate::imgapi::ImageFile| f.sha1 == *file.sha1() && f.size == file.size();
    let has_file = image.files.first().is_some_and(same_file);
    match (&image.state, has_file) {
        (Some(ImageState::Unactivated), false) => Ok(Step::AddFile),
        (Some(ImageState::Unactivated), true) => Ok(Step::Activate),
        (Some(ImageState::Active), true) => Ok(Step::Done),
        (Some(ImageState::Active), false) => conflict("it is active with another file".to_owned()),
        (state, _) => conflict(format!("its state is {state:?}")),
    }
}

/// Whether it is worth looking at what is there now and going on from it.
fn is_passing(error: &Error, step: Step) -> bool {
    let overtaken = match error.code() {
        // Another process of IMGAPI, or an earlier try, was faster than what we were shown.
        Some("ImageUuidAlreadyExists") => step == Step::Import,
        Some("ImageFilesImmutable") => step == Step::AddFile,
        Some("ImageAlreadyActivated" | "NoActivationNoFile") => step == Step::Activate,
        _ => step != Step::Import && error.is_not_found(),
    };
    // Since it looks first, it may also repeat what must not be repeated blindly.
    overtaken || error.outcome_unknown() || error.is_retryable() || error.status() == Some(503)
}

impl<T: Transport> Imgapi<T> {
    /// Imports an image with its file and activates it, wherever an earlier try ended.
    ///
    /// It first looks at what is there: an active image with the same manifest and file is done; an unactivated one gets
    /// its file, or is activated; anything else of this UUID is left alone. After a lost answer it looks again. Two
    /// processes that import the same at once both succeed.
    ///
    /// # Errors
    ///
    /// [`ImportError`]
    pub async fn import_image(
        &self,
        new: &NewImage,
        file: &LocalFile,
        options: ImportOptions,
    ) -> Result<Image, ImportError> {
        let failed = |source| ImportError::Call { uuid: new.uuid(), source };
        let began = Instant::now();
        let mut found = self.look_for(new.uuid()).await.map_err(failed)?;
        let mut pauses =
            Retry { deadline: options.deadline, ..self.client().settings().retry }.start();
        loop {
            let step = next_step(found.as_ref(), new, file)?;
            tracing::debug!(image = %new.uuid(), ?step, elapsed_s = began.elapsed().as_secs(), "importing");
            let done = match (step, found) {
                (Step::Done, Some(image)) => return Ok(image),
                // The first is never reached: what is done was found.
                (Step::Done | Step::Import, _) => {
                    self.client().run(&request::import_image(new, options.skip_owner_check)).await
                }
                (Step::AddFile, _) => self.add_image_file(new.uuid(), file).await,
                (Step::Activate, _) => {
                    self.client().run(&request::activate_image(new.uuid())).await
                }
            };
            found = match done {
                // The answer, and not another look, which may show a remembered one.
                Ok(image) => Some(image),
                Err(error) => {
                    let pause = if is_passing(&error, step) { pauses.next() } else { None };
                    let Some(pause) = pause else { return Err(failed(error)) };
                    tracing::warn!(%error, "looking at the image again");
                    tokio::time::sleep(pause).await;
                    self.look_for(new.uuid()).await.map_err(failed)?
                }
            };
        }
    }

    async fn look_for(&self, uuid: ImageUuid) -> Result<Option<Image>, Error> {
        match self.get_image(uuid).await {
            Ok(image) => Ok(Some(image)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

//! Importing an image: manifest, file, activation, each as far as it is not done yet.

use std::time::Duration;

use crate::http::error::Error;
use crate::http::{Retry, Transport};
use crate::ids::ImageUuid;
use crate::imgapi::{Image, ImageState, Imgapi, LocalFile, NewImage, request};

/// Options of [`Imgapi::import_image`].
#[derive(Clone, Copy, Debug)]
pub struct ImportOptions {
    /// The owner need not be known to UFDS.
    pub skip_owner_check: bool,
    /// The time that passing troubles are borne. 10 minutes: twice what IMGAPI may go on saying that a new image does not
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
        /// The cause.
        source: Error,
    },
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Import,
    AddFile,
    Activate,
    Done(Box<Image>),
}

/// The next step for the image as it was found.
fn next_step(
    found: Option<Image>,
    new: &NewImage,
    file: &LocalFile,
) -> Result<Step, ImportConflict> {
    let Some(image) = found else { return Ok(Step::Import) };
    let conflict = |difference: String| Err(ImportConflict { uuid: new.uuid(), difference });
    if let Some(member) = new.difference(&image) {
        return conflict(format!("its {member} differs"));
    }
    let same_file = |f: &crate::imgapi::ImageFile| f.sha1 == *file.sha1() && f.size == file.size();
    let has_file = image.files.first().is_some_and(same_file);
    match (&image.state, has_file) {
        (Some(ImageState::Unactivated), false) => Ok(Step::AddFile),
        (Some(ImageState::Unactivated), true) => Ok(Step::Activate),
        (Some(ImageState::Active), true) => Ok(Step::Done(Box::new(image))),
        (Some(ImageState::Active), false) => conflict("it is active with another file".to_owned()),
        (state, _) => conflict(format!("its state is {state:?}")),
    }
}

/// Tells whether it is worth looking at what is there now and going on from it.
fn is_passing(error: &Error) -> bool {
    // Another process of IMGAPI, or an earlier try, was faster than what we were shown.
    let overtaken = matches!(
        error.code(),
        Some(
            "ImageUuidAlreadyExists"
                | "ImageFilesImmutable"
                | "ImageAlreadyActivated"
                | "NoActivationNoFile"
        )
    );
    // Since it looks first, it may also repeat what must not be repeated blindly.
    overtaken
        || error.is_not_found()
        || error.outcome_unknown()
        || error.is_retryable()
        || error.status() == Some(503)
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
        let mut pauses =
            Retry { deadline: options.deadline, ..self.client().settings().retry }.start();
        // What the last step answered, if it did: a look may show what IMGAPI remembers from before.
        let mut answered = None;
        loop {
            let found = match answered.take() {
                Some(image) => Ok(Some(image)),
                None => self.look_for(new.uuid()).await,
            };
            let done = match found {
                Ok(found) => match next_step(found, new, file)? {
                    Step::Done(image) => return Ok(*image),
                    Step::Import => {
                        let call = request::import_image(new, options.skip_owner_check);
                        self.client().run(&call).await
                    }
                    Step::AddFile => self.add_image_file(new.uuid(), file).await,
                    Step::Activate => self.client().run(&request::activate_image(new.uuid())).await,
                },
                Err(error) => Err(error),
            };
            match done {
                Ok(image) => answered = Some(image),
                Err(source) => {
                    let pause = if is_passing(&source) { pauses.next() } else { None };
                    let Some(pause) = pause else {
                        return Err(ImportError::Call { uuid: new.uuid(), source });
                    };
                    tracing::warn!(error = %source, "looking at the image again");
                    tokio::time::sleep(pause).await;
                }
            }
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

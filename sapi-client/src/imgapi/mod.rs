//! IMGAPI, Triton's image API: manifests and files of images, Manta's rings among them.

pub mod request;

mod download;
mod import;
mod list;
mod manifest;
mod types;
mod upload;

pub use import::{ImportConflict, ImportError, ImportOptions};
pub use manifest::{InvalidManifest, NewImage};
pub use request::{ImageFilter, ListState, Text};
pub use types::{Image, ImageFile, ImageState, ImageUpdate, InvalidSha1, Ping, Sha1Hex};
pub use upload::LocalFile;

use crate::http::error::Error;
use crate::http::{BaseUrl, Client, Settings, Transport};
use crate::ids::ImageUuid;

/// A client of an IMGAPI.
///
/// IMGAPI remembers answers for five minutes, 404s too; where there are several processes behind one name, what one has
/// just written may be missing at another.
#[derive(Clone, Debug)]
pub struct Imgapi<T>(Client<T>);

impl<T: Transport> Imgapi<T> {
    /// A client of the IMGAPI at this address.
    pub fn new(base: BaseUrl, transport: T, settings: Settings) -> Self {
        Self(Client::new("IMGAPI", base, transport, settings))
    }

    /// The client below, to run [calls](crate::Call) made by [`request`].
    pub fn client(&self) -> &Client<T> {
        &self.0
    }

    /// IMGAPI's health.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn ping(&self) -> Result<Ping, Error> {
        self.0.run(&request::ping()).await
    }

    /// An image in any state.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn get_image(&self, uuid: ImageUuid) -> Result<Image, Error> {
        self.0.run(&request::get_image(uuid)).await
    }

    /// Changes an image, tags as a whole. Safe to repeat.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`ErrorKind::Refused`](crate::ErrorKind::Refused) where there is nothing to change.
    pub async fn update_image(
        &self,
        uuid: ImageUuid,
        update: &ImageUpdate,
    ) -> Result<Image, Error> {
        let call = request::update_image(uuid, update);
        if *update == ImageUpdate::default() {
            return Err(self.0.refuse(&call.request, "the update names nothing to change"));
        }
        self.0.run(&call).await
    }

    /// Removes an image, also one in use as a ring.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn delete_image(&self, uuid: ImageUuid) -> Result<(), Error> {
        self.0.run(&request::delete_image(uuid)).await
    }
}

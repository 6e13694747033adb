//! Listing images page by page.

use std::collections::HashSet;

use crate::http::Transport;
use crate::http::error::{Error, ErrorKind, Unreadable};
use crate::ids::ImageUuid;
use crate::imgapi::{Image, ImageFilter, Imgapi, request};

/// The most that IMGAPI gives at once.
const PAGE: u32 = 1000;

impl<T: Transport> Imgapi<T> {
    /// The images that the filter admits, the oldest first, each once.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<Image>, Error> {
        self.list_images_by(filter, PAGE).await
    }

    /// The same with pages of at most so many images.
    ///
    /// # Errors
    ///
    /// [`Error`]
    pub async fn list_images_by(
        &self,
        filter: &ImageFilter,
        page: u32,
    ) -> Result<Vec<Image>, Error> {
        let page = page.clamp(1, PAGE);
        let mut seen: HashSet<ImageUuid> = HashSet::new();
        let mut images = Vec::new();
        let mut marker = None;
        loop {
            let call = request::list_images(filter, page, marker);
            let listed = self.client().run(&call).await?;
            let count = listed.len();
            let last = listed.last().map(|image| image.uuid);
            let before = seen.len();
            // A page begins with its marker again, and with whatever was published in the same instant.
            images.extend(listed.into_iter().filter(|image| seen.insert(image.uuid)));
            if count < page as usize {
                images.retain(|image| filter.matches(image));
                return Ok(images);
            }
            if seen.len() == before {
                let problem =
                    format!("IMGAPI gives the same {count} images after the marker as before");
                let kind = ErrorKind::Unreadable(Unreadable::Listing(problem));
                return Err(self.client().error(&call.request, "above", kind));
            }
            marker = last;
        }
    }
}

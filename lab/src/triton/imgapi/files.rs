//! The files of images: up and down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::StatusCode;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use super::super::digest::sha1;
use super::super::http::{Answer, ApiRequest, Content};
use super::super::store::replace;
use super::Imgapi;
use super::errors::{download, field, invalid, invalid_as, not_found, unprocessable};
use super::image::{Image, ImageFile};
use super::list::account;

const COMPRESSIONS: [&str; 4] = ["gzip", "bzip2", "xz", "none"];
const STORAGES: [&str; 2] = ["local", "manta"];

impl Imgapi {
    /// `AddImageFile`.
    pub(super) fn add_file(&self, uuid: Uuid, request: &ApiRequest) -> Result<Answer, Answer> {
        let compression = self.accept_upload(uuid, request)?;
        let body = match &request.content {
            Content::Other(body) => body.clone(),
            Content::None | Content::Json(_) | Content::Form(_) => Bytes::new(),
        };
        if body.is_empty() {
            return Err(download("image file size is 0 bytes, empty files are not allowed"));
        }
        let digest = sha1(&body);
        if let Some(wanted) = request.query.get("sha1")
            && wanted != digest
        {
            return Err(download(format!(
                "\"sha1\" hash, {wanted}, does not match the uploaded file sha1 hash, {digest}"
            )));
        }
        let file = ImageFile {
            sha1: digest,
            size: body.len(),
            compression,
            dataset_guid: request.query.get("dataset_guid").map(str::to_owned),
            md5: STANDARD.encode(Md5::digest(&body)),
            modified: (self.options.clock)(),
        };
        let image = self.change_image(uuid, |image| {
            changeable(image)?;
            if let Err(error) = replace(&self.file(uuid), &body) {
                tracing::error!(%error, image = %uuid, "cannot store an image's file");
                return Err(Answer::message(error.to_string()));
            }
            image.file = Some(file);
            Ok(())
        })?;
        Ok(shown(&image))
    }

    /// Tells whether a file may be added, and its compression.
    fn accept_upload(&self, uuid: Uuid, request: &ApiRequest) -> Result<String, Answer> {
        let image = self.find(uuid, request)?;
        changeable(&image)?;
        let Some(compression) = request.query.get("compression") else {
            return Err(invalid_as("compression", "Missing", "missing \"compression\""));
        };
        if !COMPRESSIONS.contains(&compression) {
            let known = COMPRESSIONS.join(", ");
            let message = format!("invalid compression \"{compression}\" (must be one of {known})");
            return Err(invalid("compression", message));
        }
        if let Some(storage) = request.query.get("storage") {
            if !STORAGES.contains(&storage) {
                let known = STORAGES.join(", ");
                let message = format!("invalid storage \"{storage}\" (must be one of {known})");
                return Err(invalid("storage", message));
            }
            if account(&request.query)?.is_some() {
                let reason = "Parameter cannot be specified by non-operators";
                let error = field("storage", "NotAllowed", Some(reason));
                let message = format!("invalid storage \"{storage}\"");
                return Err(unprocessable("InvalidParameter", message)
                    .with_errors(serde_json::json!([error])));
            }
        }
        Ok(compression.to_owned())
    }

    /// `GetImageFile`.
    pub(super) async fn get_file(
        &self,
        uuid: Uuid,
        request: &ApiRequest,
    ) -> Result<Answer, Answer> {
        let image = self.find(uuid, request)?;
        let Some(file) = &image.file else {
            return Err(not_found(format!("image \"{uuid}\" has no file")));
        };
        if let Some(index) = request.query.get("index").filter(|index| *index != "0") {
            return Err(not_found(format!("image \"{uuid}\" has no file at index {index}")));
        }
        let described = |answer: Answer| {
            let answer = answer.with_header("etag", &file.sha1);
            answer.with_header("last-modified", &file.last_modified())
        };
        // Compared with the Etag of the manifest, though the file's own is the one that is shown.
        let etag = image.etag(false);
        if let Some(complaint) = if_match(request, &etag) {
            let text = Bytes::from(format!("PreconditionFailedError: {complaint}"));
            let status = StatusCode::PRECONDITION_FAILED;
            let answer = Answer::bytes(status, "application/octet-stream", text);
            return Ok(described(answer).with_header("content-md5", &file.md5));
        }
        if request.header("if-none-match") == Some(&etag) || not_modified(request, file) {
            return Ok(described(Answer::empty(StatusCode::NOT_MODIFIED)));
        }
        let bytes = tokio::fs::read(self.file(uuid)).await.map_err(|error| {
            tracing::error!(%error, image = %uuid, "cannot read an image's file");
            Answer::message(error.to_string())
        })?;
        let answer = Answer::bytes(StatusCode::OK, "application/octet-stream", bytes.into());
        Ok(described(answer).with_header("content-md5", &file.md5))
    }
}

/// Files are for good once the image is activated.
fn changeable(image: &Image) -> Result<(), Answer> {
    if !image.activated {
        return Ok(());
    }
    let message = format!("cannot modify files on activated image {}", image.text("uuid"));
    Err(unprocessable("ImageFilesImmutable", message))
}

/// An image as the answer to what changed or asked for it.
pub(super) fn shown(image: &Image) -> Answer {
    Answer::json(StatusCode::OK, &image.show(false)).with_header("etag", &image.etag(false))
}

/// The reason for which `If-Match` does not hold. `None`: it does.
pub(super) fn if_match(request: &ApiRequest, etag: &str) -> Option<String> {
    let wanted = request.header("if-match").filter(|wanted| *wanted != "*" && *wanted != etag)?;
    Some(format!("if-match '{wanted}' didn't match etag '{etag}'"))
}

fn not_modified(request: &ApiRequest, file: &ImageFile) -> bool {
    let since = request.header("if-modified-since").and_then(|text| {
        let time = strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).ok()?.to_datetime().ok()?;
        Offset::UTC.to_timestamp(time).ok()
    });
    since.is_some_and(|since| since.as_second() >= file.modified.as_second())
}

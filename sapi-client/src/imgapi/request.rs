//! IMGAPI's calls as data.

use serde_json::Value;

use crate::attributes::Attributes;
use crate::http::{AnswerKind, Call, Effect, Method, Request, json, nothing};
use crate::ids::{AccountUuid, ImageUuid};
use crate::imgapi::{Image, ImageUpdate, NewImage, Ping, Sha1Hex};

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The whole text.
    Is(String),
    /// A part of it.
    Contains(String),
}

impl Text {
    fn parameter(&self) -> String {
        match self {
            Self::Is(text) => text.clone(),
            Self::Contains(part) => format!("~{part}"),
        }
    }

    fn matches(&self, text: Option<&str>) -> bool {
        text.is_some_and(|text| match self {
            Self::Is(whole) => text == whole,
            Self::Contains(part) => text.contains(part.as_str()),
        })
    }
}

/// In which states images are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListState {
    /// Those that can be used. IMGAPIs outside a datacenter show others only to those who log in.
    #[default]
    Active,
    /// All, also what a broken off import has left behind.
    All,
    /// Those that were not activated.
    Unactivated,
    /// Those that were disabled.
    Disabled,
}

impl ListState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::All => "all",
            Self::Unactivated => "unactivated",
            Self::Disabled => "disabled",
        }
    }
}

/// The images to list.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    /// Of this name.
    pub name: Option<Text>,
    /// Of this version.
    pub version: Option<Text>,
    /// Of this owner. Finds nothing in IMGAPIs outside a datacenter, which replace owners.
    pub owner: Option<AccountUuid>,
    /// Of this type, such as `other`.
    pub kind: Option<String>,
    /// For this operating system, such as `other`.
    pub os: Option<String>,
    /// Public ones, or others.
    pub public: Option<bool>,
    /// In this state.
    pub state: ListState,
    /// With all these tags: names and values, compared as text. Values longer than 100 characters match nothing.
    pub tags: Vec<(String, String)>,
}

impl ImageFilter {
    /// IMGAPI ignores what it does not understand, so that its answer is held against the filter again.
    pub(crate) fn matches(&self, image: &Image) -> bool {
        self.name.as_ref().is_none_or(|name| name.matches(image.name.as_deref()))
            && self.version.as_ref().is_none_or(|version| version.matches(image.version.as_deref()))
            && self.owner.is_none_or(|owner| image.owner == Some(owner))
            && self.kind.as_ref().is_none_or(|kind| image.kind.as_ref() == Some(kind))
            && self.tags.iter().all(|(key, value)| {
                let tag = image.tags.as_ref().and_then(|tags| tags.get(key));
                tag.is_some_and(|tag| is_tag(tag, value))
            })
    }
}

/// Tells whether a tag is a value, as text.
fn is_tag(tag: &Value, value: &str) -> bool {
    match tag {
        Value::String(text) => text == value,
        Value::Bool(flag) => (if *flag { "true" } else { "false" }) == value,
        Value::Number(number) => number.to_string() == value,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Version 2; without the header IMGAPI speaks version 1.
fn versioned(request: Request) -> Request {
    request.header("accept-version", "~2")
}

/// GET `/ping`
pub fn ping() -> Call<Ping> {
    Call::new(Request::get("/ping").answer(AnswerKind::Note), json)
}

/// GET `/images`: one page. The image `marker` is the first of its page again.
pub fn list_images(
    filter: &ImageFilter,
    limit: u32,
    marker: Option<ImageUuid>,
) -> Call<Vec<Image>> {
    let request = versioned(Request::get("/images")).query([
        ("name", filter.name.as_ref().map(Text::parameter)),
        ("version", filter.version.as_ref().map(Text::parameter)),
        ("owner", filter.owner.map(|owner| owner.to_string())),
        ("type", filter.kind.clone()),
        ("os", filter.os.clone()),
        ("public", filter.public.map(|public| public.to_string())),
        ("state", (filter.state != ListState::Active).then(|| filter.state.as_str().to_owned())),
    ]);
    let tags: Vec<_> =
        filter.tags.iter().map(|(key, value)| (format!("tag.{key}"), value)).collect();
    let request =
        request.query(tags.iter().map(|(key, value)| (key.as_str(), Some((*value).clone()))));
    let paging =
        [("limit", Some(limit.to_string())), ("marker", marker.map(|marker| marker.to_string()))];
    Call::new(request.query(paging).answer(AnswerKind::List), json)
}

/// GET `/images/:uuid`
pub fn get_image(uuid: ImageUuid) -> Call<Image> {
    Call::new(versioned(Request::get(format!("/images/{uuid}"))), json)
}

/// GET `/images/:uuid/file`. The answer is the file.
pub fn get_image_file(uuid: ImageUuid) -> Request {
    // Never with Accept: application/octet-stream, which turns errors into the text "[object Object]".
    versioned(Request::get(format!("/images/{uuid}/file"))).answer(AnswerKind::File)
}

/// An action on an image.
fn act(uuid: ImageUuid, action: &str, effect: Effect) -> Request {
    versioned(Request::new(Method::Post, effect, format!("/images/{uuid}?action={action}")))
}

/// POST `/images/:uuid?action=import`. `skip_owner_check`: the owner need not be known to UFDS.
pub fn import_image(new: &NewImage, skip_owner_check: bool) -> Call<Image> {
    let request = act(new.uuid(), "import", Effect::Once)
        .query([("skip_owner_check", skip_owner_check.then(|| "true".to_owned()))]);
    Call::new(request.json(new), json)
}

/// PUT `/images/:uuid/file`, whose body is the file. Until the image is activated a file can be replaced.
pub fn add_image_file(uuid: ImageUuid, compression: &str, sha1: &Sha1Hex) -> Call<Image> {
    let request = Request::new(Method::Put, Effect::Idempotent, format!("/images/{uuid}/file"))
        .query([("compression", Some(compression.to_owned())), ("sha1", Some(sha1.to_string()))]);
    Call::new(versioned(request).header("content-type", "application/octet-stream"), json)
}

/// POST `/images/:uuid?action=activate`
pub fn activate_image(uuid: ImageUuid) -> Call<Image> {
    Call::new(act(uuid, "activate", Effect::Once).json(&Attributes::new()), json)
}

/// POST `/images/:uuid?action=update`
pub fn update_image(uuid: ImageUuid, update: &ImageUpdate) -> Call<Image> {
    Call::new(act(uuid, "update", Effect::Idempotent).json(update), json)
}

/// DELETE `/images/:uuid`
pub fn delete_image(uuid: ImageUuid) -> Call<()> {
    let request = Request::new(Method::Delete, Effect::Once, format!("/images/{uuid}"));
    Call::new(versioned(request).answer(AnswerKind::Note), nothing)
}

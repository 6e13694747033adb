//! Images. Members that are not named here are kept in `other`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::ids::{AccountUuid, ImageUuid};

/// An image's manifest, as IMGAPI gives it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// The version of the manifest's format: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<u64>,
    /// Its id.
    pub uuid: ImageUuid,
    /// Its owner. IMGAPIs outside a datacenter give every image to nobody, the UUID of zeros.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountUuid>,
    /// Its name, such as `manta-hash-ring`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ImageState>,
    /// True if it is hidden from those who would use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// True if everybody may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// The time at which it was published; missing until it is activated, unless the importer said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<String>,
    /// The kind of its content: `other` for rings.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The operating system: `other` for rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its files; none before the upload.
    #[serde(default)]
    pub files: Vec<ImageFile>,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Attributes>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The state of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ImageState {
    /// It can be used.
    Active,
    /// It has no file yet, or was not activated yet.
    Unactivated,
    /// It is hidden.
    Disabled,
    /// It is being made.
    Creating,
    /// Making it failed.
    Failed,
    /// Something that this crate does not know.
    #[serde(untagged)]
    Other(String),
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageFile {
    /// Its SHA-1, made by the server.
    pub sha1: Sha1Hex,
    /// Its size in bytes.
    pub size: u64,
    /// Its compression: `gzip` for rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// A SHA-1 in 40 hexadecimal digits, in lower case: IMGAPI compares text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sha1Hex(String);

/// The text is not a SHA-1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text of {0} characters is not a SHA-1, which has 40 hexadecimal digits")]
pub struct InvalidSha1(usize);

impl FromStr for Sha1Hex {
    type Err = InvalidSha1;

    fn from_str(text: &str) -> Result<Self, InvalidSha1> {
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidSha1(text.chars().count()))
        }
    }
}

impl Sha1Hex {
    pub(crate) fn of(digest: &[u8]) -> Self {
        use fmt::Write as _;
        Self(digest.iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            write!(text, "{byte:02x}").unwrap_or_default();
            text
        }))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha1Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sha1Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Sha1Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sha1Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// IMGAPI's health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ping {
    /// `pong`
    pub ping: String,
    /// The server's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Attributes,
}

/// The changes of an image that can be made after its activation.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImageUpdate {
    /// All tags: those that are not named are removed. Empty removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Attributes>,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountUuid>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

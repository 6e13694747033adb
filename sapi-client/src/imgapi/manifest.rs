//! Manifests of images to be imported.

use serde::Serialize;
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::{AccountUuid, ImageUuid};
use crate::imgapi::Image;

/// An image to be imported.
///
/// Everything that IMGAPI crashes on or refuses is excluded: there is an owner, tags are an object, there are no members
/// that it does not know. What it ignores (`state`, `files`) is not sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewImage {
    v: u64,
    uuid: ImageUuid,
    owner: AccountUuid,
    name: String,
    version: String,
    public: bool,
    #[serde(rename = "type")]
    kind: &'static str,
    os: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    tags: Attributes,
}

/// IMGAPI would refuse the name or the version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidManifest {
    /// The name.
    #[error("{0:?} is not an image's name: 1 to 512 letters, digits and ._/ -")]
    Name(String),
    /// The version.
    #[error(
        "{0:?} is not an image's version: 1 to 128 letters, digits and ._/+-, such as 20180412T031500Z"
    )]
    Version(String),
}

fn made_of(text: &str, others: &str, max: usize) -> bool {
    (1..=max).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

impl NewImage {
    /// The name of the images that Manta's rings are in.
    pub const RING: &'static str = "manta-hash-ring";

    /// A ring's image, as manta-adm and manta-reshard make it: named `manta-hash-ring`, of type and operating system
    /// `other`, not public. The version is a time such as `20180412T031500Z`. Activation dates it.
    ///
    /// # Errors
    ///
    /// [`InvalidManifest`]
    pub fn ring(
        uuid: ImageUuid,
        owner: AccountUuid,
        version: &str,
    ) -> Result<Self, InvalidManifest> {
        Self {
            v: 2,
            uuid,
            owner,
            name: String::new(),
            version: version.to_owned(),
            public: false,
            kind: "other",
            os: "other",
            description: "Manta Hash Ring".to_owned(),
            tags: Attributes::new(),
        }
        .named(Self::RING)
    }

    /// The same under another name.
    ///
    /// # Errors
    ///
    /// [`InvalidManifest`]
    pub fn named(mut self, name: &str) -> Result<Self, InvalidManifest> {
        // The smaller limits of IMGAPI's documents; the code allows more.
        if !made_of(name, "._/ -", 512) {
            return Err(InvalidManifest::Name(name.to_owned()));
        }
        if !made_of(&self.version, "._/+-", 128) {
            return Err(InvalidManifest::Version(self.version));
        }
        name.clone_into(&mut self.name);
        Ok(self)
    }

    /// Adds a tag, by which the image can be found again if it is at most 100 characters of text, a number or a boolean.
    #[must_use]
    pub fn tag(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.tags.insert(key, value);
        self
    }

    /// Another description.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// For IMGAPIs in public mode, which take no other images.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// The image's id.
    pub fn uuid(&self) -> ImageUuid {
        self.uuid
    }

    /// The member in which an image of the same UUID differs from this one. The owner does not count: IMGAPIs outside a
    /// datacenter replace it.
    pub(crate) fn difference(&self, image: &Image) -> Option<&'static str> {
        let nothing = Attributes::new();
        let same = [
            ("uuid", image.uuid == self.uuid),
            ("name", image.name.as_ref() == Some(&self.name)),
            ("version", image.version.as_ref() == Some(&self.version)),
            ("type", image.kind.as_deref() == Some(self.kind)),
            ("os", image.os.as_deref() == Some(self.os)),
            ("tags", image.tags.as_ref().unwrap_or(&nothing) == &self.tags),
        ];
        same.iter().find(|(_, same)| !same).map(|(member, _)| *member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_what_manta_reshard_uploads() {
        let (uuid, owner) =
            ("f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d", "1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01");
        let (uuid, owner) = (uuid.parse().unwrap(), owner.parse().unwrap());
        let ring =
            NewImage::ring(uuid, owner, "20180412T031500Z").unwrap().tag("manta_reshard_plan", "p");
        assert_eq!(
            serde_json::to_string(&ring).unwrap(),
            r#"{"v":2,"uuid":"f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d","owner":"1d1a5b8e-3b3c-4f0a-9c1e-5d0c8b7a6f01","name":"manta-hash-ring","version":"20180412T031500Z","public":false,"type":"other","os":"other","description":"Manta Hash Ring","tags":{"manta_reshard_plan":"p"}}"#
        );
        for version in ["", "2018-04-12T03:15:00Z", "a b", "é", &"1".repeat(129)] {
            assert!(NewImage::ring(uuid, owner, version).is_err(), "{version}");
        }
        assert!(ring.clone().named("manta-ring/v2 x.y").is_ok());
        assert!(ring.named("~x").is_err());
    }
}

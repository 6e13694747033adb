//! Ids: one type for each kind of thing, made only by parsing.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The text is not a UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the UUID of {kind}: expected 36 characters such as 32f1b3e0-7a4d-4c0c-8f55-0f3f5a1c9a10"
)]
pub struct InvalidUuid {
    /// The thing to be named, such as `an image`.
    pub kind: &'static str,
    /// The text, cut off after 64 characters.
    pub text: String,
    /// The parser's error; absent where already the length is wrong.
    pub source: Option<uuid::Error>,
}

/// Takes the hyphenated form only. IMGAPI answers 404 to upper case and SAPI compares text, so ids are in lower case.
fn parse(kind: &'static str, text: &str) -> Result<Uuid, InvalidUuid> {
    let invalid = |source| InvalidUuid { kind, text: text.chars().take(64).collect(), source };
    if text.len() != 36 {
        return Err(invalid(None));
    }
    Uuid::try_parse(text).map_err(|source| invalid(Some(source)))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Made by parsing the 36-character form, or of a UUID; printed in lower case.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl FromStr for $name {
            type Err = InvalidUuid;

            fn from_str(text: &str) -> Result<Self, InvalidUuid> {
                parse($kind, text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A SAPI application, such as `manta`.
    ApplicationUuid,
    "an application"
);
id!(
    /// A SAPI service, such as `postgres`.
    ServiceUuid,
    "a service"
);
id!(
    /// A SAPI instance, which is also the UUID of its zone in VMAPI.
    InstanceUuid,
    "an instance"
);
id!(
    /// A SAPI manifest: the template of a configuration file.
    ManifestUuid,
    "a manifest"
);
id!(
    /// An image of IMGAPI.
    ImageUuid,
    "an image"
);
id!(
    /// A compute node of CNAPI.
    ServerUuid,
    "a server"
);
id!(
    /// A workflow job, as VMAPI and SAPI hand them out.
    JobUuid,
    "a job"
);
id!(
    /// An account of UFDS, such as poseidon, who owns Manta's instances and images.
    AccountUuid,
    "an account"
);
id!(
    /// A task of CNAPI.
    TaskId,
    "a task"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let id: ImageUuid = "F3A8A7C2-0b5d-4e64-9c3e-3d8a1f2b4c5d".parse().unwrap();
        assert_eq!(id.to_string(), "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d");
        assert_eq!(format!("{id:?}"), id.to_string());
        for bad in [
            "",
            "not-a-uuid",
            "f3a8a7c20b5d4e649c3e3d8a1f2b4c5d",
            "{f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d}",
            "urn:uuid:f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d",
            "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5)",
            "*)(uuid=*))(|(uuid=*aaaaaaaaaaaaaaaaa",
        ] {
            assert!(bad.parse::<InstanceUuid>().is_err(), "{bad}");
        }
    }
}

//! The values of Manta's objects, with the members that muskie gives them, in its order.

use fastrand::Rng;
use serde::Serialize;

use super::names;

/// The place of a copy of an object's content.
#[derive(Clone, Debug, Serialize)]
struct Shark {
    datacenter: String,
    manta_storage_id: String,
}

#[derive(Debug, Serialize)]
struct Nothing {}

/// The members that objects and directories have.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    pub(super) dirname: &'a str,
    pub(super) key: &'a str,
    headers: Nothing,
    pub(super) mtime: i64,
    pub(super) name: &'a str,
    creator: &'a str,
    pub(super) owner: &'a str,
    roles: [String; 0],
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    body: Option<Body>,
    /// The members that electric-moray adds to what is not part of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    vnode: Option<u32>,
}

/// The members that only objects have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    content_length: u64,
    #[serde(rename = "contentMD5")]
    content_md5: String,
    content_type: &'static str,
    etag: String,
    pub(super) object_id: String,
    sharks: Vec<Shark>,
}

impl Body {
    pub(super) fn new(random: &mut Rng) -> Self {
        let object_id = names::uuid(random);
        let shark = |random: &mut Rng| Shark {
            datacenter: "lab-1".to_owned(),
            manta_storage_id: format!("{}.stor.lab.example.net", random.u8(1..=64)),
        };
        // Most are small.
        let bits = random.u32(1..34);
        Self {
            content_length: random.u64(..1 << bits),
            content_md5: names::md5(random),
            content_type: random
                .choice(["application/octet-stream", "text/plain", "image/jpeg"])
                .unwrap_or_default(),
            etag: object_id.clone(),
            object_id,
            sharks: vec![shark(random), shark(random)],
        }
    }
}

impl<'a> Entry<'a> {
    /// The value of an object, or of a directory if it has no body.
    pub(super) fn new(
        [dirname, key, name, owner]: [&'a str; 4],
        mtime: i64,
        body: Option<Body>,
        vnode: Option<u32>,
    ) -> Self {
        let kind = if body.is_some() { "object" } else { "directory" };
        Self {
            dirname,
            key,
            headers: Nothing {},
            mtime,
            name,
            creator: owner,
            owner,
            roles: [],
            kind,
            body,
            vnode,
        }
    }

    pub(super) fn to_json(&self) -> String {
        // Nothing in it is without a JSON text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

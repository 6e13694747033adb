//! An image: its manifest, its state, its file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::digest::sha1;

/// Members of a manifest that are shown before its files, in the order of the real server.
const BEFORE: [&str; 5] = ["public", "published_at", "type", "os", "icon"];
/// And after them.
const AFTER: [&str; 18] = [
    "acl",
    "requirements",
    "description",
    "homepage",
    "eula",
    "urn",
    "users",
    "generate_passwords",
    "inherited_directories",
    "origin",
    "nic_driver",
    "disk_driver",
    "cpu_type",
    "image_size",
    "tags",
    "billing_tags",
    "traits",
    "error",
];
/// The longest tag that can be searched for.
const LONGEST_TAG: usize = 100;

/// An image as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Image {
    /// The manifest as it was imported and updated, but for what follows.
    pub(super) manifest: Map<String, Value>,
    /// `active`, `unactivated`, `disabled`: normally what the two switches make of it, but `UpdateImage` sets it alone.
    pub(super) state: String,
    pub(super) activated: bool,
    pub(super) disabled: bool,
    pub(super) file: Option<ImageFile>,
    /// The tags that searches see: `tags: null` empties it and leaves the tags as they are.
    pub(super) searched_tags: Map<String, Value>,
}

/// The file of an image. Its bytes are elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ImageFile {
    pub(super) sha1: String,
    pub(super) size: usize,
    pub(super) compression: String,
    pub(super) dataset_guid: Option<String>,
    /// In base64, as `Content-MD5` has it.
    pub(super) md5: String,
    pub(super) modified: Timestamp,
}

impl Image {
    /// An image without a file, that is not activated.
    pub(super) fn new(mut manifest: Map<String, Value>) -> Self {
        for ignored in ["state", "disabled", "files", "channels"] {
            manifest.shift_remove(ignored);
        }
        let searched_tags = tags(&manifest);
        Self {
            manifest,
            state: "unactivated".to_owned(),
            activated: false,
            disabled: false,
            file: None,
            searched_tags,
        }
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.manifest.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn is_public(&self) -> bool {
        self.manifest.get("public").is_some_and(|public| *public == true || public == "true")
    }

    /// Tells whether an account may see it: the owner's, public ones, and those that the owner lets it see.
    pub(super) fn visible_to(&self, account: Uuid) -> bool {
        let account = account.to_string();
        let listed = self.manifest.get("acl").and_then(Value::as_array);
        self.text("owner") == account
            || self.is_public()
            || listed.is_some_and(|acl| acl.iter().any(|other| *other == account.as_str()))
    }

    pub(super) fn activate(&mut self, now: Timestamp) {
        self.activated = true;
        if !self.manifest.contains_key("published_at") {
            let now = now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
            self.manifest.insert("published_at".to_owned(), now.into());
        }
        self.switch();
    }

    pub(super) fn disable(&mut self, disabled: bool) {
        self.disabled = disabled;
        self.switch();
    }

    fn switch(&mut self) {
        let state = match (self.activated, self.disabled) {
            (false, _) => "unactivated",
            (true, true) => "disabled",
            (true, false) => "active",
        };
        state.clone_into(&mut self.state);
    }

    pub(super) fn published(&self) -> Option<Timestamp> {
        self.text("published_at").parse().ok()
    }

    /// The manifest as it is shown.
    pub(super) fn show(&self, admin_fields: bool) -> Value {
        let mut shown = Map::new();
        let copy = |shown: &mut Map<String, Value>, names: &[&str]| {
            for name in names {
                if let Some(value) = self.manifest.get(*name) {
                    shown.insert((*name).to_owned(), value.clone());
                }
            }
        };
        copy(&mut shown, &["v", "uuid", "owner", "name", "version"]);
        shown.insert("state".to_owned(), self.state.clone().into());
        shown.insert("disabled".to_owned(), self.disabled.into());
        if !self.manifest.contains_key("public") {
            shown.insert("public".to_owned(), false.into());
        }
        copy(&mut shown, &BEFORE);
        let files = self.file.iter().map(|file| file.show(admin_fields)).collect();
        shown.insert("files".to_owned(), Value::Array(files));
        copy(&mut shown, &AFTER);
        Value::Object(shown)
    }

    /// The Etag of [`show`](Self::show).
    pub(super) fn etag(&self, admin_fields: bool) -> String {
        sha1(self.show(admin_fields).to_string().as_bytes())
    }

    /// Tells whether a search for a tag finds it. Values that are too long, or no plain values, count as empty.
    pub(super) fn has_tag(&self, name: &str, wanted: &str) -> bool {
        let Some(value) = self.searched_tags.get(name) else { return false };
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        };
        let value = if value.len() > LONGEST_TAG { "" } else { &value };
        value == wanted
    }
}

impl ImageFile {
    fn show(&self, admin_fields: bool) -> Value {
        let mut shown =
            json!({"sha1": self.sha1, "size": self.size, "compression": self.compression});
        if let Value::Object(shown) = &mut shown {
            if let Some(guid) = &self.dataset_guid {
                shown.insert("dataset_guid".to_owned(), guid.clone().into());
            }
            if admin_fields {
                shown.insert("stor".to_owned(), "local".into());
            }
        }
        shown
    }

    /// `Last-Modified`.
    pub(super) fn last_modified(&self) -> String {
        self.modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
}

/// The tags of a manifest that has some.
pub(super) fn tags(manifest: &Map<String, Value>) -> Map<String, Value> {
    manifest.get("tags").and_then(Value::as_object).cloned().unwrap_or_default()
}

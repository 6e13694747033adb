//! Changes of an object's sections, with SAPI's rules of merging.

use serde::Serialize;
use serde_json::Value;

use crate::attributes::Attributes;
use crate::ids::AccountUuid;
use crate::sapi::{Application, Instance, Service};

/// The treatment of the members that a [`Change`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Each top-level member is set to the given value, whole: objects and lists are not merged, and null is stored.
    Update,
    /// The whole section becomes the given one.
    Replace,
    /// Each top-level member is removed; the values do not matter.
    Delete,
}

/// A change of an application, a service or an instance.
///
/// Sections that are left out stay as they are. Names, services and the flag `master` cannot be changed: SAPI answers
/// 200 to an attempt and does nothing.
///
/// Two writers of different members both get their way; of the same member the last one does, so that of a list such as
/// `INDEX_MORAY_SHARDS` one writer's change may be lost.
///
/// ```
/// use sapi_client::sapi::Change;
/// use sapi_client::Attributes;
///
/// let change = Change::update().metadata(Attributes::new().with("HASH_RING_IMAGE", "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d"));
/// let delete = Change::delete().metadata(Attributes::naming(["PG_CONFIG_OVERRIDES"]));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests: Option<Attributes>,
}

/// An object with sections that a [`Change`] can change.
pub trait Sections {
    /// `params`, `metadata` and `manifests`.
    fn sections(&self) -> [&Option<Attributes>; 3];
    /// The same, to be changed.
    fn sections_mut(&mut self) -> [&mut Option<Attributes>; 3];
}

macro_rules! sections {
    ($($object:ident),*) => {$(
        impl Sections for $object {
            fn sections(&self) -> [&Option<Attributes>; 3] {
                [&self.params, &self.metadata, &self.manifests]
            }

            fn sections_mut(&mut self) -> [&mut Option<Attributes>; 3] {
                [&mut self.params, &mut self.metadata, &mut self.manifests]
            }
        }
    )*};
}

sections!(Application, Service, Instance, Change);

impl Change {
    fn new(action: Action) -> Self {
        Self { action, params: None, metadata: None, manifests: None }
    }

    /// Sets members.
    pub fn update() -> Self {
        Self::new(Action::Update)
    }

    /// Sets whole sections.
    pub fn replace() -> Self {
        Self::new(Action::Replace)
    }

    /// Removes members ([`Attributes::naming`]).
    pub fn delete() -> Self {
        Self::new(Action::Delete)
    }

    /// Members of `params`.
    #[must_use]
    pub fn params(mut self, members: Attributes) -> Self {
        self.params = Some(members);
        self
    }

    /// Members of `metadata`.
    #[must_use]
    pub fn metadata(mut self, members: Attributes) -> Self {
        self.metadata = Some(members);
        self
    }

    /// Members of `manifests`: names and ids.
    #[must_use]
    pub fn manifests(mut self, members: Attributes) -> Self {
        self.manifests = Some(members);
        self
    }

    /// Makes the change as SAPI does.
    pub fn apply_to(&self, object: &mut impl Sections) {
        for (given, stored) in self.sections().into_iter().zip(object.sections_mut()) {
            if let Some(given) = given {
                merge(self.action, given, stored.get_or_insert_default());
            }
        }
    }

    /// Tells whether the object is as this change would leave it: already done, or not needed.
    pub fn is_made_in<O: Sections + Clone>(&self, object: &O) -> bool {
        let mut changed = object.clone();
        self.apply_to(&mut changed);
        // A section that is created empty is no difference.
        let same = |(a, b): (&Option<Attributes>, &Option<Attributes>)| {
            a == b
                || (a.as_ref().is_none_or(Attributes::is_empty)
                    && b.as_ref().is_none_or(Attributes::is_empty))
        };
        changed.sections().into_iter().zip(object.sections()).all(same)
    }
}

/// One section.
pub(crate) fn merge(action: Action, given: &Attributes, stored: &mut Attributes) {
    match action {
        Action::Update => {
            for (key, value) in given.as_map() {
                stored.insert(key.as_str(), value.clone());
            }
        }
        Action::Replace => stored.clone_from(given),
        Action::Delete => {
            for key in given.as_map().keys() {
                stored.remove(key);
            }
        }
    }
}

impl Attributes {
    /// Members of these names without values: what [`Change::delete`] takes.
    pub fn naming<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        keys.into_iter().fold(Self::new(), |named, key| named.with(key, Value::Null))
    }
}

/// A change of an application, which has two more things to change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApplicationChange {
    #[serde(flatten)]
    change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_schema: Option<Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_uuid: Option<AccountUuid>,
}

impl From<Change> for ApplicationChange {
    fn from(change: Change) -> Self {
        Self { change, metadata_schema: None, owner_uuid: None }
    }
}

impl ApplicationChange {
    /// An update with another owner.
    pub fn owner(owner: AccountUuid) -> Self {
        Self { owner_uuid: Some(owner), ..Self::from(Change::update()) }
    }

    /// Members of the schema that the metadata is held against.
    #[must_use]
    pub fn metadata_schema(mut self, members: Attributes) -> Self {
        self.metadata_schema = Some(members);
        self
    }

    /// Makes the change as SAPI does.
    pub fn apply_to(&self, application: &mut Application) {
        self.change.apply_to(application);
        if let Some(given) = &self.metadata_schema {
            merge(self.change.action, given, application.metadata_schema.get_or_insert_default());
        }
        if let Some(owner) = self.owner_uuid {
            application.owner_uuid = Some(owner);
        }
    }
}

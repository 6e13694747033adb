//! SAPI's four kinds of objects: what they must have, what they may have, and what kills SAPI.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::http::truthy;

/// An object as it is stored and shown.
pub(super) type Object = Map<String, Value>;

/// A kind of object.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Manta, or Triton itself.
    Application,
    /// A part of an application.
    Service,
    /// A zone or an agent.
    Instance,
    /// A template of a file in zones.
    Manifest,
}

/// The values that a member of an object can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Must be there, and a text. Not there: 409. Of another type: the process ends.
    Text,
    /// Must be there and true in JavaScript's sense.
    Anything,
    /// May be there; the process ends when it is neither an object, nor a list, nor null.
    Object,
    /// May be there; the process ends when it is not true, false or null.
    Bool,
    /// As [`Rule::Object`], and all its values are texts.
    Texts,
    /// May be there; the process ends when it is no text.
    MaybeText,
}

impl Kind {
    /// The name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Service => "service",
            Self::Instance => "instance",
            Self::Manifest => "manifest",
        }
    }

    /// The bucket of Moray that holds them.
    pub(super) const fn bucket(self) -> &'static str {
        match self {
            Self::Application => "sapi_applications",
            Self::Service => "sapi_services",
            Self::Instance => "sapi_instances",
            Self::Manifest => "sapi_manifests",
        }
    }

    const fn rules(self) -> &'static [(&'static str, Rule)] {
        match self {
            Self::Application => &[
                ("name", Rule::Text),
                ("owner_uuid", Rule::Text),
                ("params", Rule::Object),
                ("metadata", Rule::Object),
                ("metadata_schema", Rule::Object),
                ("manifests", Rule::Texts),
                ("master", Rule::Bool),
            ],
            Self::Service => &[
                ("name", Rule::Text),
                ("application_uuid", Rule::Text),
                ("params", Rule::Object),
                ("metadata", Rule::Object),
                ("manifests", Rule::Texts),
                ("master", Rule::Bool),
                ("type", Rule::MaybeText),
            ],
            Self::Instance => &[
                ("service_uuid", Rule::Text),
                ("params", Rule::Object),
                ("metadata", Rule::Object),
                ("manifests", Rule::Texts),
                ("master", Rule::Bool),
            ],
            Self::Manifest => &[
                ("name", Rule::Text),
                ("path", Rule::Text),
                ("template", Rule::Anything),
                ("post_cmd", Rule::MaybeText),
                ("post_cmd_linux", Rule::MaybeText),
                ("version", Rule::MaybeText),
                ("master", Rule::Bool),
            ],
        }
    }

    /// The attributes that a PUT changes.
    pub(super) const fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Application => &["params", "metadata", "metadata_schema", "manifests"],
            Self::Service | Self::Instance => &["params", "metadata", "manifests"],
            Self::Manifest => &[],
        }
    }

    /// Makes an object of what a POST says.
    pub(super) fn make(self, said: &Object) -> Result<Object, Refused> {
        let missing: Vec<&str> = self
            .rules()
            .iter()
            .filter(|(name, rule)| match rule {
                Rule::Text => !said.contains_key(*name),
                Rule::Anything => !said.get(*name).is_some_and(truthy),
                Rule::Object | Rule::Bool | Rule::Texts | Rule::MaybeText => false,
            })
            .map(|(name, _)| *name)
            .collect();
        if !missing.is_empty() {
            return Err(Refused::Missing(missing.join(", ")));
        }
        let mut object = Object::new();
        object.insert("uuid".to_owned(), uuid(said.get("uuid"))?);
        for (name, rule) in self.rules() {
            let Some(value) = said.get(*name) else { continue };
            if !rule.allows(value) {
                return Err(Refused::Crash);
            }
            object.insert((*name).to_owned(), value.clone());
        }
        Ok(object)
    }
}

/// The reason for which no object could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// These members are missing.
    Missing(String),
    /// An assertion of the real server fails, and its process ends.
    Crash,
}

impl Rule {
    fn allows(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Anything => true,
            Self::MaybeText => value.is_string() || value.is_null(),
            Self::Bool => value.is_boolean() || value.is_null(),
            Self::Object => value.is_object() || value.is_array() || value.is_null(),
            Self::Texts => match value {
                Value::Object(texts) => texts.values().all(Value::is_string),
                Value::Array(texts) => texts.iter().all(Value::is_string),
                Value::Null => true,
                Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            },
        }
    }
}

/// The client's uuid, unchecked, or a new one.
fn uuid(said: Option<&Value>) -> Result<Value, Refused> {
    match said.filter(|uuid| truthy(uuid)) {
        None => Ok(Uuid::new_v4().to_string().into()),
        Some(text @ Value::String(_)) => Ok(text.clone()),
        Some(_) => Err(Refused::Crash),
    }
}

/// A member that is a text. Empty when it is not.
pub(super) fn text<'a>(object: &'a Object, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn make(kind: Kind, said: &Value) -> Result<Object, Refused> {
        kind.make(said.as_object().unwrap())
    }

    #[test]
    fn objects_have_what_was_said_and_a_uuid() {
        let said =
            json!({"name": "manta", "owner_uuid": "me", "uuid": "", "metadata": null, "x": 1});
        let object = make(Kind::Application, &said).unwrap();
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        assert_eq!(names, ["uuid", "name", "owner_uuid", "metadata"]);
        assert_eq!(text(&object, "uuid").len(), 36);
    }

    #[test]
    fn wrong_types_end_the_process() {
        let missing = make(Kind::Application, &json!({})).unwrap_err();
        assert_eq!(missing, Refused::Missing("name, owner_uuid".to_owned()));
        for said in [
            json!({"service_uuid": "s", "uuid": 5}),
            json!({"service_uuid": null}),
            json!({"service_uuid": "s", "params": "abc"}),
            json!({"service_uuid": "s", "manifests": {"m": 3}}),
            json!({"service_uuid": "s", "master": "true"}),
        ] {
            assert_eq!(make(Kind::Instance, &said), Err(Refused::Crash), "{said}");
        }
    }
}

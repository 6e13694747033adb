//! All objects of a SAPI, and what can be done with them. No network, no files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::http::{Answer, truthy};
use super::attributes::Action;
use super::objects::{Kind, Object, Refused, text};
use super::population::Population;
use super::{Mode, schema};
use hyper::StatusCode;

/// The state of a SAPI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Model {
    pub(super) mode: Mode,
    pub(super) log_level: u32,
    /// By kind and uuid, in the order of their making.
    objects: BTreeMap<Kind, Object>,
}

impl Model {
    pub(super) fn new(mode: Mode, population: Population) -> Self {
        let mut model = Self { mode, log_level: 20, objects: BTreeMap::new() };
        let Population { applications, services, instances, manifests } = population;
        for (kind, objects) in [
            (Kind::Application, applications),
            (Kind::Service, services),
            (Kind::Instance, instances),
            (Kind::Manifest, manifests),
        ] {
            for object in objects {
                model.put(kind, object);
            }
        }
        model
    }

    /// Stores an object, over the one that has its uuid.
    pub(super) fn put(&mut self, kind: Kind, object: Object) {
        let uuid = text(&object, "uuid").to_owned();
        self.objects.entry(kind).or_default().insert(uuid, Value::Object(object));
    }

    pub(super) fn find(&self, kind: Kind, uuid: &str) -> Option<&Object> {
        self.objects.get(&kind)?.get(uuid)?.as_object()
    }

    /// Removes an object. Whether there was one.
    pub(super) fn remove(&mut self, kind: Kind, uuid: &str) -> bool {
        self.objects.get_mut(&kind).is_some_and(|objects| objects.shift_remove(uuid).is_some())
    }

    /// An object, or the 404 of one that there is not.
    pub(super) fn get(&self, kind: Kind, uuid: &str) -> Result<&Object, Answer> {
        self.find(kind, uuid).ok_or_else(|| {
            let message = format!("no such {}: {uuid}", kind.name());
            Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", message)
        })
    }

    /// The objects of which all the given members are the given values.
    pub(super) fn list(&self, kind: Kind, filters: &[(&str, Value)]) -> Vec<Object> {
        let objects = self.objects.get(&kind).into_iter().flat_map(serde_json::Map::values);
        objects
            .filter_map(Value::as_object)
            .filter(|object| filters.iter().all(|(name, value)| object.get(*name) == Some(value)))
            .cloned()
            .collect()
    }

    /// Makes an application, a service or a manifest. Of an instance it makes the object only.
    pub(super) fn create(&mut self, kind: Kind, said: &Object) -> Result<Object, Answer> {
        let mut object = kind.make(said).map_err(refuse)?;
        match kind {
            Kind::Application => check_schema(&object)?,
            Kind::Service => {
                self.get(Kind::Application, text(&object, "application_uuid"))?;
                let wanted = object.shift_remove("type").filter(truthy);
                let wanted = wanted.unwrap_or_else(|| "vm".into());
                if wanted != "vm" && wanted != "agent" {
                    let wanted = wanted.as_str().unwrap_or_default();
                    return Err(Answer::message(format!("service type is invalid: {wanted}")));
                }
                object.insert("type".to_owned(), wanted);
            }
            Kind::Instance => {
                let service = self.get(Kind::Service, text(&object, "service_uuid"))?;
                let kind = service.get("type").cloned().unwrap_or_else(|| "vm".into());
                object.insert("type".to_owned(), kind);
            }
            Kind::Manifest => check_version(&mut object)?,
        }
        self.manifests(&[&object])?;
        self.put(kind, object.clone());
        Ok(object)
    }

    /// The manifests that objects name, those of later objects in place of those of earlier ones with the same name.
    pub(super) fn manifests(&self, objects: &[&Object]) -> Result<Vec<&Object>, Answer> {
        let mut named = Object::new();
        for manifests in objects.iter().filter_map(|object| object.get("manifests")?.as_object()) {
            named.extend(manifests.clone());
        }
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for uuid in named.values().filter_map(Value::as_str) {
            match self.find(Kind::Manifest, uuid) {
                Some(manifest) => found.push(manifest),
                None => missing.push(uuid),
            }
        }
        let count = missing.len();
        let Some(first) = missing.first() else { return Ok(found) };
        let errors = if count == 1 { "error" } else { "errors" };
        let message = format!("first of {count} {errors}: no such manifest: {first}");
        Err(Answer::message(message))
    }

    /// Changes an object as a PUT says.
    pub(super) fn update(
        &mut self,
        kind: Kind,
        uuid: &str,
        said: &Object,
    ) -> Result<Object, Answer> {
        let action = match said.get("action").filter(|action| truthy(action)) {
            None => Action::Update,
            Some(Value::String(action)) => Action::parse(action)
                .ok_or_else(|| Answer::error(StatusCode::CONFLICT, "InvalidArgument", ""))?,
            Some(_) => return Err(Answer::cut()),
        };
        let Some(object) = self.find(kind, uuid) else {
            let bucket = kind.bucket();
            let message =
                format!("updateObject failed: no record for bucket {bucket} object {uuid}");
            return Err(Answer::message(message));
        };
        let mut object = object.clone();
        for attribute in kind.attributes() {
            if let Some(change) = said.get(*attribute) {
                action.apply(&mut object, attribute, change);
            }
        }
        if kind == Kind::Application
            && let Some(owner) = said.get("owner_uuid").filter(|owner| truthy(owner))
        {
            object.insert("owner_uuid".to_owned(), owner.clone());
        }
        check_schema(&object)?;
        self.put(kind, object.clone());
        Ok(object)
    }
}

/// The answer to what no object could be made of.
pub(super) fn refuse(refused: Refused) -> Answer {
    match refused {
        Refused::Missing(names) => {
            let message = format!("missing required keys: {names}");
            Answer::error(StatusCode::CONFLICT, "MissingParameter", message)
        }
        Refused::Crash => Answer::cut(),
    }
}

fn check_schema(object: &Object) -> Result<(), Answer> {
    let (Some(schema), Some(metadata)) = (object.get("metadata_schema"), object.get("metadata"))
    else {
        return Ok(());
    };
    match schema::complaint(schema, metadata) {
        None => Ok(()),
        Some(message) => Err(Answer::error(StatusCode::CONFLICT, "SchemaValidationError", message)),
    }
}

/// The version of a manifest is one of npm's semantic ones, `1.0.0` when it is not given.
fn check_version(manifest: &mut Object) -> Result<(), Answer> {
    let Some(version) = manifest.get("version").and_then(Value::as_str) else {
        manifest.insert("version".to_owned(), "1.0.0".into());
        return Ok(());
    };
    let numbers = version.split(['-', '+']).next().unwrap_or_default().split('.');
    let numbers: Vec<bool> = numbers.map(|number| number.parse::<u32>().is_ok()).collect();
    if numbers == [true; 3] {
        Ok(())
    } else {
        Err(Answer::error(StatusCode::CONFLICT, "InvalidArgument", "invalid version"))
    }
}

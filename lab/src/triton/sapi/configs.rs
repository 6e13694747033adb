//! The sources from which a zone is made and configured: application, service and instance, laid over each other.

use serde_json::{Map, Value, json};

use super::super::digest::sha1;
use super::super::http::{Answer, truthy};
use super::model::Model;
use super::objects::{Kind, Object, text};

/// Metadata that is also given to VMAPI.
const PASSED: [&str; 4] = ["SAPI_URL", "sapi-url", "user-script", "assets-ip"];

/// An instance, its service, and its application.
pub(super) struct Family<'a> {
    pub(super) application: &'a Object,
    pub(super) service: &'a Object,
    pub(super) instance: &'a Object,
}

impl<'a> Family<'a> {
    pub(super) fn of(model: &'a Model, instance: &'a Object) -> Result<Self, Answer> {
        let service = model.get(Kind::Service, text(instance, "service_uuid"))?;
        let application = model.get(Kind::Application, text(service, "application_uuid"))?;
        Ok(Self { application, service, instance })
    }

    fn merged(&self, attribute: &str) -> Object {
        let mut merged = Object::new();
        for object in [self.application, self.service, self.instance] {
            if let Some(Value::Object(values)) = object.get(attribute) {
                merged.extend(values.clone());
            }
        }
        merged
    }

    /// A parameter of the zone.
    pub(super) fn param(&self, name: &str) -> Option<Value> {
        self.merged("params").shift_remove(name)
    }

    /// The zone that VMAPI is asked to provision.
    pub(super) fn payload(&self) -> Object {
        let mut payload = self.merged("params");
        let metadata = self.merged("metadata");
        if let Some(networks) = payload.get_mut("networks").and_then(Value::as_array_mut) {
            networks.iter_mut().for_each(name_network);
        }
        for (name, value) in [
            ("owner_uuid", self.application.get("owner_uuid")),
            ("uuid", self.instance.get("uuid")),
        ] {
            payload.insert(name.to_owned(), value.cloned().unwrap_or_default());
        }
        payload.insert("brand".to_owned(), "joyent-minimal".into());
        let more = metadata.get("pass_vmapi_metadata_keys").and_then(Value::as_array);
        let more = more.into_iter().flatten().filter_map(Value::as_str);
        let passed: Object = PASSED
            .into_iter()
            .chain(more)
            .filter_map(|name| Some((name.to_owned(), metadata.get(name)?.clone())))
            .collect();
        payload.insert("customer_metadata".to_owned(), Value::Object(passed));
        payload
    }

    /// The configuration that config-agent asks for. `server`: where the zone is.
    pub(super) fn config(&self, model: &Model, server: Option<Value>) -> Result<Value, Answer> {
        let manifests = model.manifests(&[self.application, self.service, self.instance])?;
        let mut metadata = self.merged("metadata");
        metadata.shift_remove("user-script");
        if let Some(server) = server.filter(truthy) {
            metadata.insert("SERVER_UUID".to_owned(), server);
        }
        for name in ["ZONE_UUID", "INSTANCE_UUID"] {
            let uuid = self.instance.get("uuid").cloned().unwrap_or_default();
            metadata.insert(name.to_owned(), uuid);
        }
        Ok(json!({"manifests": manifests, "metadata": metadata}))
    }
}

/// The Etag of a configuration. The order of its keys does not matter.
pub(super) fn etag(config: &Value) -> String {
    sha1(sorted(config).to_string().as_bytes())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<(&String, &Value)> = object.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Networks that are given as texts are names or uuids.
fn name_network(network: &mut Value) {
    if let Value::String(text) = network {
        let member = if uuid::Uuid::try_parse(text).is_ok() { "uuid" } else { "name" };
        *network = json!({ member: text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_change_the_etag() {
        let one = etag(&json!({"a": 1, "b": {"c": [1, 2], "d": null}}));
        assert_eq!(one, etag(&json!({"b": {"d": null, "c": [1, 2]}, "a": 1})));
        assert_ne!(one, etag(&json!({"b": {"d": null, "c": [2, 1]}, "a": 1})));
        assert_eq!(one.len(), 40);
    }
}

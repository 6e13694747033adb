//! `GET /vms`: filters, order and pages.

use hyper::StatusCode;
use serde_json::{Map, Value};

use super::super::http::{Answer, ApiRequest, Merge};
use super::answers::{error, validation};
use super::{Vmapi, parse_uuid};

/// The most VMs of an answer, and how many without `limit`.
const PAGE: usize = 1000;
/// Filters by a member of the same name.
const MEMBERS: [&str; 11] = [
    "billing_id",
    "brand",
    "create_timestamp",
    "docker",
    "image_uuid",
    "owner_uuid",
    "package_name",
    "package_version",
    "ram",
    "server_uuid",
    "uuid",
];
/// The members whose filters must be UUIDs.
const UUIDS: [&str; 5] = ["billing_id", "image_uuid", "owner_uuid", "server_uuid", "uuid"];

type Object = Map<String, Value>;
type Filter = Box<dyn Fn(&Object) -> bool>;

/// The wishes for a list.
struct Wanted {
    filters: Vec<Filter>,
    sort: (String, bool),
    offset: usize,
    limit: usize,
    fields: Option<String>,
}

impl Vmapi {
    pub(super) fn list_vms(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let wanted = Wanted::parse(request.merged(Merge::BodyWins))?;
        let vms: Vec<_> = self.state().vms.values().cloned().collect();
        let mut objects: Vec<Object> = vms
            .iter()
            .map(|vm| vm.object(&self.zones))
            .filter(|object| wanted.filters.iter().all(|filter| filter(object)))
            .collect();
        let (member, descending) = &wanted.sort;
        let key = |object: &Object| object.get(member).map(text).unwrap_or_default();
        objects.sort_by_key(key);
        if *descending {
            objects.reverse();
        }
        let count = objects.len().to_string();
        let page: Vec<Value> = objects
            .into_iter()
            .skip(wanted.offset)
            .take(wanted.limit)
            .map(|object| Value::Object(only(object, wanted.fields.as_deref())))
            .collect();
        Ok(Answer::json(StatusCode::OK, &page).with_header("x-joyent-resource-count", &count))
    }
}

impl Wanted {
    fn parse(parameters: Object) -> Result<Self, Answer> {
        let mut wanted = Self {
            filters: Vec::new(),
            sort: ("create_timestamp".to_owned(), false),
            offset: 0,
            limit: PAGE,
            fields: None,
        };
        let mut errors = Vec::new();
        for (name, value) in parameters {
            if let Err(error) = wanted.take(&name, &text(&value)) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            Ok(wanted)
        } else {
            Err(validation("Invalid Parameters", Value::Array(errors)))
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Value> {
        let invalid = |message: &str| error(name, "Invalid", message);
        match name {
            "offset" => {
                self.offset = value.parse().map_err(|_| invalid("Invalid offset"))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=PAGE).contains(limit));
                self.limit = limit.ok_or_else(|| invalid("Invalid limit, must be 1 to 1000"))?;
            }
            "fields" => self.fields = Some(value.to_owned()),
            "sort" => {
                let (member, order) = value.split_once('.').unwrap_or((value, "asc"));
                let descending = match order.to_ascii_lowercase().as_str() {
                    "asc" => false,
                    "desc" => true,
                    _ => return Err(invalid("Invalid sort order")),
                };
                self.sort = (member.to_owned(), descending);
            }
            "alias" => {
                let prefix = value.to_owned();
                self.filter(move |vm| member(vm, "alias").starts_with(&prefix));
            }
            "state" => self.state(value).ok_or_else(|| invalid("Must be a valid state"))?,
            "uuids" => {
                let uuids: Vec<String> = value.split(',').map(str::to_owned).collect();
                if uuids.iter().any(|uuid| parse_uuid(uuid).is_none()) {
                    return Err(invalid("Invalid UUIDs"));
                }
                self.filter(move |vm| uuids.contains(&member(vm, "uuid")));
            }
            name if UUIDS.contains(&name) && parse_uuid(value).is_none() => {
                return Err(invalid("Invalid UUID"));
            }
            name if MEMBERS.contains(&name) => {
                let (name, value) = (name.to_owned(), value.to_owned());
                self.filter(move |vm| member(vm, &name) == value);
            }
            "marker" | "predicate" | "query" => return Err(invalid("The lab does not have this")),
            _ => match name.split_once('.') {
                Some(("tag", key)) => self.nested("tags", key, value),
                Some(("internal_metadata", key)) => self.nested("internal_metadata", key, value),
                _ => return Err(invalid("Invalid parameter")),
            },
        }
        Ok(())
    }

    fn filter(&mut self, filter: impl Fn(&Object) -> bool + 'static) {
        self.filters.push(Box::new(filter));
    }

    fn nested(&mut self, object: &'static str, key: &str, value: &str) {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.filter(move |vm| {
            vm.get(object).and_then(|object| object.get(&key)).is_some_and(|it| text(it) == value)
        });
    }

    fn state(&mut self, state: &str) -> Option<()> {
        let state = match state {
            "running" | "stopped" | "destroyed" | "provisioning" | "failed" | "incomplete" => {
                state.to_owned()
            }
            "active" => {
                self.filter(|vm| !matches!(member(vm, "state").as_str(), "destroyed" | "failed"));
                return Some(());
            }
            _ => return None,
        };
        self.filter(move |vm| member(vm, "state") == state);
        Some(())
    }
}

fn member(object: &Object, name: &str) -> String {
    object.get(name).map(text).unwrap_or_default()
}

/// A value as text, to compare it with a query's.
fn text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None if value.is_null() => String::new(),
        None => value.to_string(),
    }
}

/// The members of `fields`, a list with commas. `*` and none are all.
pub(super) fn only(object: Object, fields: Option<&str>) -> Object {
    let Some(fields) = fields.filter(|fields| !fields.is_empty() && *fields != "*") else {
        return object;
    };
    let fields: Vec<&str> = fields.split(',').map(str::trim).collect();
    object.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(parameters: &Value) -> Result<Wanted, Value> {
        let wanted = Wanted::parse(parameters.as_object().unwrap().clone());
        wanted.map_err(|refusal| refusal.value().unwrap()["errors"].clone())
    }

    #[test]
    fn unknown_and_invalid_parameters_are_refused() {
        for (parameters, field) in [
            (json!({"zone": "x"}), "zone"),
            (json!({"limit": "0"}), "limit"),
            (json!({"limit": "1001"}), "limit"),
            (json!({"owner_uuid": "x"}), "owner_uuid"),
            (json!({"state": "on"}), "state"),
            (json!({"query": "(a=b)"}), "query"),
        ] {
            let errors = parse(&parameters).err().unwrap();
            assert_eq!(
                (&errors[0]["field"], &errors[0]["code"]),
                (&json!(field), &json!("Invalid"))
            );
        }
    }

    #[test]
    fn filters() {
        let vm = json!({"alias": "1.postgres.x-1", "state": "failed", "tags": {"manta_role": "postgres"}, "ram": 7});
        let vm = vm.as_object().unwrap();
        let passes =
            |parameters| parse(&parameters).unwrap().filters.iter().all(|filter| filter(vm));
        assert!(passes(json!({"alias": "1.post", "tag.manta_role": "postgres", "ram": "7"})));
        assert!(!passes(json!({"alias": "postgres"})));
        assert!(!passes(json!({"state": "active"})));
        assert!(passes(json!({"state": "failed"})));
        assert!(!passes(json!({"tag.other": "postgres"})));
    }
}

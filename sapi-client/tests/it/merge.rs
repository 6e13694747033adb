//! SAPI's rules of merging: against the recorded answers, and against a plain model.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use sapi_client::Attributes;
use sapi_client::sapi::{Application, ApplicationChange, Change, Instance, Sections, Service};
use serde_json::{Value, json};

use crate::requests::section;
use crate::support::{Recording, recordings};

/// A recorded body as the change that it is; `None` where it is none that can be expressed here.
fn change_of(recording: &Recording) -> Option<Change> {
    let body = if recording.request_body.as_ref().is_none_or(Vec::is_empty) {
        json!({})
    } else {
        recording.request_json()?
    };
    let in_query = recording.path.split_once("action=").map(|(_, action)| action.to_owned());
    let action = in_query
        .or_else(|| body["action"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "update".to_owned());
    let mut change = match action.to_lowercase().as_str() {
        "update" => Change::update(),
        "replace" => Change::replace(),
        "delete" => Change::delete(),
        _ => return None,
    };
    for key in ["params", "metadata", "manifests"] {
        if body.get(key).is_some_and(|section| !section.is_object()) {
            return None;
        }
    }
    if let Some(params) = section(&body, "params") {
        change = change.params(params);
    }
    if let Some(metadata) = section(&body, "metadata") {
        change = change.metadata(metadata);
    }
    if let Some(manifests) = section(&body, "manifests") {
        change = change.manifests(manifests);
    }
    Some(change)
}

/// Applies a change to an object's JSON.
fn applied(kind: &str, change: &Change, owner: Option<&str>, before: &Value) -> Value {
    fn to<O: Sections + Clone + serde::Serialize + serde::de::DeserializeOwned>(
        change: &Change,
        before: &Value,
    ) -> Value {
        let mut object: O = serde_json::from_value(before.clone()).unwrap();
        let was_made = change.is_made_in(&object);
        let unchanged = object.clone();
        change.apply_to(&mut object);
        assert!(change.is_made_in(&object));
        if was_made {
            assert_eq!(
                serde_json::to_value(&object).unwrap(),
                serde_json::to_value(&unchanged).unwrap()
            );
        }
        serde_json::to_value(object).unwrap()
    }
    match (kind, owner) {
        ("applications", Some(owner)) => {
            let mut application: Application = serde_json::from_value(before.clone()).unwrap();
            ApplicationChange::owner(owner.parse().unwrap()).apply_to(&mut application);
            serde_json::to_value(application).unwrap()
        }
        ("applications", None) => to::<Application>(change, before),
        ("services", _) => to::<Service>(change, before),
        _ => to::<Instance>(change, before),
    }
}

#[test]
fn the_real_sapi_answers_what_the_model_says() {
    let mut known: HashMap<String, Value> = HashMap::new();
    let mut compared = Vec::new();
    for recording in recordings("sapi") {
        let Some(answer) = recording.answer.as_ref().filter(|answer| answer.status == 200) else {
            continue;
        };
        let path =
            recording.path.split('?').next().unwrap().trim_end_matches("/upgrade").to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let Some(after) = serde_json::from_slice(&answer.body).ok().filter(Value::is_object) else {
            continue;
        };
        let key = |uuid: &str| format!("{} {uuid}", parts[0]);
        let text_plain =
            ["text-plain", "get-accept"].iter().any(|odd| recording.name.contains(odd));
        match (recording.method.as_str(), parts.as_slice()) {
            ("PUT", [kind, uuid]) => {
                let change = change_of(&recording);
                if let (Some(before), Some(change), false) =
                    (known.get(&key(uuid)), change, text_plain)
                {
                    let body = recording.request_json().unwrap_or_default();
                    let predicted = applied(kind, &change, body["owner_uuid"].as_str(), before);
                    // Only version 2 shows the type.
                    let (mut predicted, mut shown) = (predicted, after.clone());
                    for value in [&mut predicted, &mut shown] {
                        value.as_object_mut().unwrap().shift_remove("type");
                    }
                    assert_eq!(predicted, shown, "{}", recording.name);
                    compared.push(recording.name.clone());
                }
                known.insert(key(uuid), after);
            }
            ("GET" | "POST", [_] | [_, _]) => {
                if let Some(uuid) = after["uuid"].as_str() {
                    known.insert(key(uuid), after.clone());
                }
            }
            _ => {}
        }
    }
    assert!(compared.len() >= 20, "{compared:?}");
    for name in [
        "061-app-update-null",
        "073-app-delete-keys-nested",
        "074-app-replace",
        "127-inst-update-tags-delete",
        "063-app-update-owner",
    ] {
        assert!(compared.iter().any(|compared| compared == name), "{name}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..9).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from)
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[xy]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn members() -> impl Strategy<Value = BTreeMap<String, Value>> {
    proptest::collection::btree_map("[A-F]", value(), 0..5)
}

fn attributes(members: &BTreeMap<String, Value>) -> Attributes {
    members.clone().into_iter().collect::<serde_json::Map<_, _>>().into()
}

proptest! {
    #[test]
    fn merging_is_by_top_level_key(stored in proptest::option::of(members()), given in proptest::option::of(members()), action in 0..3) {
        let (start, method): (_, fn(Change, Attributes) -> Change) = match action {
            0 => (Change::update(), Change::metadata),
            1 => (Change::replace(), Change::metadata),
            _ => (Change::delete(), Change::metadata),
        };
        let change = given.as_ref().map_or(start.clone(), |given| method(start, attributes(given)));
        let mut object: Instance = serde_json::from_value(json!({"uuid": "e1b2c3d4-1111-4a2b-8c3d-000000000001", "params": {"p": 1}})).unwrap();
        object.metadata = stored.as_ref().map(attributes);
        change.apply_to(&mut object);

        let mut model = stored;
        if let Some(given) = given {
            let section = model.get_or_insert_default();
            match action {
                0 => section.extend(given),
                1 => *section = given,
                _ => section.retain(|key, _| !given.contains_key(key)),
            }
        }
        let sorted = |section: &Attributes| -> BTreeMap<String, Value> { section.as_map().clone().into_iter().collect() };
        prop_assert_eq!(object.metadata.as_ref().map(sorted), model);
        prop_assert_eq!(object.params.as_ref().and_then(|params| params.get("p")), Some(&Value::from(1)));
        prop_assert!(change.is_made_in(&object));
        let once = object.clone();
        change.apply_to(&mut object);
        prop_assert_eq!(object, once, "twice is once");
    }
}

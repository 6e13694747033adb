//! The differences between two plans.

use serde::Serialize;
use serde_json::Value;

use super::Plan;

/// A difference between two plans: a member of the document, and what it is in each.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanDifference {
    /// The place in the document, such as `moves.0.vnodes`.
    pub path: String,
    /// In the first plan.
    pub first: Option<Value>,
    /// In the second plan.
    pub second: Option<Value>,
}

impl Plan {
    /// Compares two plans, but for what no two plans have in common: their names, times and hashes.
    pub fn differences(&self, other: &Self) -> Vec<PlanDifference> {
        let document = |plan: &Self| {
            // A plan is made of text, numbers and lists, which always serialize.
            let mut document = serde_json::to_value(plan).unwrap_or_default();
            if let Some(members) = document.as_object_mut() {
                for own in ["uuid", "created", "hash"] {
                    members.remove(own);
                }
            }
            if let Some(inventory) = document.get_mut("inventory").and_then(Value::as_object_mut) {
                inventory.remove("taken");
            }
            document
        };
        let mut found = Vec::new();
        compare(String::new(), Some(&document(self)), Some(&document(other)), &mut found);
        found
    }
}

fn compare(
    path: String,
    first: Option<&Value>,
    second: Option<&Value>,
    found: &mut Vec<PlanDifference>,
) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (first, second) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
            for name in names {
                compare(below(name), a.get(name), b.get(name), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                compare(below(&index.to_string()), a.get(index), b.get(index), found);
            }
        }
        (first, second) => {
            let (first, second) = (first.cloned(), second.cloned());
            found.push(PlanDifference { path, first, second });
        }
    }
}

//! Configurations as `manta-adm show -j` prints and `manta-adm update` reads them: how many zones of which service, shard
//! and image are on which server.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::deployment::Instance;

/// A configuration, as it is written.
pub(super) type Wanted = BTreeMap<Uuid, BTreeMap<String, BTreeMap<String, Count>>>;

/// The number of zones of an image; or of the images of a shard.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Count {
    Zones(u32),
    Shard(BTreeMap<Uuid, u32>),
}

/// A server, a service, a shard, an image: in the order they are shown.
pub(super) type Key = (Uuid, String, Option<String>, Uuid);

/// The number of zones of each kind.
pub(super) type Counts = BTreeMap<Key, u32>;

/// A zone that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addition {
    pub(super) server: Uuid,
    pub(super) service: String,
    pub(super) shard: Option<String>,
    pub(super) image: Uuid,
}

impl fmt::Display for Addition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, service, shard, image } = self;
        write!(f, "service \"{service}\": provision ")?;
        if let Some(shard) = shard {
            write!(f, "shard {shard} ")?;
        }
        write!(f, "on cn \"{server}\" (image {image})")
    }
}

/// Counts what is there.
pub(super) fn counted(instances: &[Instance]) -> Counts {
    let mut counts = Counts::new();
    for instance in instances {
        let Instance { server, service, shard, image, .. } = instance;
        *counts.entry((*server, service.clone(), shard.clone(), *image)).or_default() += 1;
    }
    counts
}

/// Flattens what is wanted.
pub(super) fn flattened(wanted: &Wanted) -> Result<Counts, String> {
    let mut counts = Counts::new();
    for (server, services) in wanted {
        for (service, kinds) in services {
            for (name, count) in kinds {
                match count {
                    Count::Zones(number) => {
                        let image = name.parse().map_err(|_| {
                            format!(
                                "\"{name}\" of service \"{service}\" is not the UUID of an image"
                            )
                        })?;
                        counts.insert((*server, service.clone(), None, image), *number);
                    }
                    Count::Shard(images) => counts.extend(images.iter().map(|(image, number)| {
                        ((*server, service.clone(), Some(name.clone()), *image), *number)
                    })),
                }
            }
        }
    }
    Ok(counts)
}

/// The zones to be added. Taking away, and other images, are not for the lab.
pub(super) fn additions(wanted: &Counts, there: &Counts) -> Result<Vec<Addition>, String> {
    for (key, number) in there {
        let left = wanted.get(key).copied().unwrap_or(0);
        if left < *number {
            let (server, service, shard, image) = key;
            let shard =
                shard.as_ref().map_or_else(String::new, |shard| format!(" of shard {shard}"));
            return Err(format!(
                "there are {number} zones {service}{shard} with image {image} on {server}, and it wants {left}: the \
                 lab's manta-adm only adds zones"
            ));
        }
    }
    let mut additions = Vec::new();
    for (key, number) in wanted {
        let missing = number.saturating_sub(there.get(key).copied().unwrap_or(0));
        let (server, service, shard, image) = key.clone();
        let addition = Addition { server, service, shard, image };
        additions.extend(std::iter::repeat_n(addition, missing as usize));
    }
    Ok(additions)
}

/// Indented by four, as the tool prints it.
pub(super) fn json(counts: &Counts) -> String {
    let mut servers = Map::new();
    for ((server, service, shard, image), number) in counts {
        let mut at = object(&mut servers, server.to_string());
        for key in [Some(service.clone()), shard.clone()].into_iter().flatten() {
            at = at.and_then(|map| object(map, key));
        }
        if let Some(map) = at {
            map.insert(image.to_string(), Value::from(*number));
        }
    }
    // Two blanks for each level become four: no text in it has a line's beginning.
    let text = format!("{:#}", Value::Object(servers));
    let widen = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        format!("{}{line}", " ".repeat(indent))
    };
    text.lines().map(widen).collect::<Vec<_>>().join("\n")
}

fn object(map: &mut Map<String, Value>, key: String) -> Option<&mut Map<String, Value>> {
    map.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Uuid = Uuid::from_u128(1);
    const IMAGE: Uuid = Uuid::from_u128(2);

    fn instance(service: &str, shard: Option<&str>) -> Instance {
        let shard = shard.map(ToOwned::to_owned);
        Instance {
            service: service.to_owned(),
            shard,
            server: SERVER,
            image: IMAGE,
            ..Instance::default()
        }
    }

    fn there() -> Counts {
        counted(&[
            instance("postgres", Some("1")),
            instance("postgres", Some("2")),
            instance("postgres", Some("2")),
            instance("webapi", None),
        ])
    }

    #[test]
    fn what_is_shown_can_be_edited_and_applied() {
        let shown = json(&there());
        let expected = format!(
            "{{\n    \"{SERVER}\": {{\n        \"postgres\": {{\n            \"1\": {{\n                \"{IMAGE}\": 1\n            \
             }},\n            \"2\": {{\n                \"{IMAGE}\": 2\n            }}\n        }},\n        \"webapi\": \
             {{\n            \"{IMAGE}\": 1\n        }}\n    }}\n}}"
        );
        assert_eq!(shown, expected);
        let edited = shown.replace("\": 2", "\": 5");
        let wanted = flattened(&serde_json::from_str(&edited).unwrap()).unwrap();
        let additions = additions(&wanted, &there()).unwrap();
        assert_eq!(additions.len(), 3);
        assert_eq!(
            additions[0].to_string(),
            format!("service \"postgres\": provision shard 2 on cn \"{SERVER}\" (image {IMAGE})")
        );
    }

    #[test]
    fn nothing_is_taken_away() {
        let mut wanted = there();
        wanted.pop_first();
        assert!(additions(&wanted, &there()).unwrap_err().contains("only adds zones"));
        assert_eq!(additions(&there(), &there()), Ok(Vec::new()));
    }

    #[test]
    fn an_image_is_a_uuid() {
        let text = format!(r#"{{"{SERVER}": {{"webapi": {{"latest": 1}}}}}}"#);
        assert!(flattened(&serde_json::from_str(&text).unwrap()).is_err());
    }
}

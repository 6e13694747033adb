//! SAPI's metadata of the ring and the shards, read and changed by comparing.

use sapi_client::imgapi::Imgapi;
use sapi_client::manta::{MantaApplication, Shard, ShardList};
use sapi_client::{ImageUuid, Transport};
use serde_json::Value;

use super::RingError;
use crate::deployment::{AnyTransport, Deployment};

/// The outcome of a change by comparing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It was so already.
    Already,
    /// It was changed.
    Changed,
}

/// The image of the ring that SAPI names.
///
/// # Errors
///
/// [`RingError`]
pub async fn current_ring(deployment: &Deployment) -> Result<ImageUuid, RingError> {
    Ok(deployment.sapi()?.find_manta().await?.hash_ring_image()?)
}

/// The IMGAPI that has the rings, as SAPI names it.
///
/// # Errors
///
/// [`RingError`]
pub async fn ring_imgapi(deployment: &Deployment) -> Result<Imgapi<AnyTransport>, RingError> {
    let manta = deployment.sapi()?.find_manta().await?;
    Ok(deployment.imgapi_at(&manta.hash_ring_imgapi()?))
}

/// Makes SAPI name another ring: new routers will install it.
///
/// # Errors
///
/// [`RingError::Foreign`] if it names neither `old` nor `new`; [`RingError`]
pub async fn publish_ring(
    deployment: &Deployment,
    old: ImageUuid,
    new: ImageUuid,
) -> Result<Compared, RingError> {
    let sapi = deployment.sapi()?;
    let manta = sapi.find_manta().await?;
    let found = manta.hash_ring_image()?;
    if found == new {
        return Ok(Compared::Already);
    }
    let foreign = |found: ImageUuid| RingError::Foreign {
        key: "HASH_RING_IMAGE",
        found: found.to_string(),
        old: old.to_string(),
        new: new.to_string(),
    };
    if found != old {
        return Err(foreign(found));
    }
    let change = MantaApplication::set_hash_ring_image(new);
    let changed = sapi.change_application(manta.uuid(), change).await?;
    let found = MantaApplication::from(changed).hash_ring_image()?;
    if found == new { Ok(Compared::Changed) } else { Err(foreign(found)) }
}

/// Lists shards in SAPI's `INDEX_MORAY_SHARDS`, which was `old` before. Those that are listed there already are left alone.
///
/// # Errors
///
/// [`RingError::Foreign`] if the list is neither as before nor as after; [`RingError`]
pub async fn list_shards(
    deployment: &Deployment,
    old: &Value,
    hosts: &[String],
) -> Result<Compared, RingError> {
    let old = ShardList::parse(old)?;
    let mut new = old.clone();
    for host in hosts {
        if new.get(host).is_none() {
            new.push(Shard::new(host))?;
        }
    }
    let sapi = deployment.sapi()?;
    let manta = sapi.find_manta().await?;
    let found = manta.index_shards()?;
    if found.to_value() == new.to_value() {
        return Ok(Compared::Already);
    }
    let foreign = |found: &ShardList| RingError::ForeignShards { change: change(&old, found) };
    if found.to_value() != old.to_value() {
        return Err(foreign(&found));
    }
    let found = put(sapi, &manta, &new).await?;
    if found.to_value() == new.to_value() { Ok(Compared::Changed) } else { Err(foreign(&found)) }
}

/// Takes shards out of SAPI's `INDEX_MORAY_SHARDS` again. What others changed in the list stays.
///
/// # Errors
///
/// [`RingError`]
pub async fn unlist_shards(
    deployment: &Deployment,
    hosts: &[String],
) -> Result<Compared, RingError> {
    let sapi = deployment.sapi()?;
    let manta = sapi.find_manta().await?;
    let mut list = manta.index_shards()?;
    let before = list.len();
    for host in hosts {
        list.remove(host);
    }
    if list.len() == before {
        return Ok(Compared::Already);
    }
    put(sapi, &manta, &list).await?;
    Ok(Compared::Changed)
}

async fn put<T: Transport>(
    sapi: &sapi_client::sapi::Sapi<T>,
    manta: &MantaApplication,
    list: &ShardList,
) -> Result<ShardList, RingError> {
    let change = MantaApplication::set_index_shards(list);
    let changed = sapi.change_application(manta.uuid(), change).await?;
    Ok(MantaApplication::from(changed).index_shards()?)
}

/// The change of a list of shards in words: the shards that came and went, and the whole lists where only something else differs.
fn change(before: &ShardList, now: &ShardList) -> String {
    let hosts = |shards: &mut dyn Iterator<Item = &Shard>| {
        shards.map(|shard| shard.host().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let missing_in = |list: &ShardList, shard: &&Shard| list.get(shard.host()).is_none();
    let other = |shard: &&Shard| {
        before.get(shard.host()).is_some_and(|was| was.is_read_only() != shard.is_read_only())
    };
    let changes = [
        ("has been added", hosts(&mut now.iter().filter(|shard| missing_in(before, shard)))),
        ("has been removed", hosts(&mut before.iter().filter(|shard| missing_in(now, shard)))),
        (
            "has become read-only",
            hosts(&mut now.iter().filter(other).filter(|it| it.is_read_only())),
        ),
        (
            "has become writable",
            hosts(&mut now.iter().filter(other).filter(|it| !it.is_read_only())),
        ),
    ];
    let changes: Vec<String> = changes
        .into_iter()
        .filter(|(_, hosts)| !hosts.is_empty())
        .map(|(what, hosts)| {
            let what =
                if hosts.contains(',') { what.replace("has", "have") } else { what.to_owned() };
            format!("{hosts} {what}")
        })
        .collect();
    if changes.is_empty() {
        return format!("it is {}, and was {}", now.to_value(), before.to_value());
    }
    changes.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_list_is_told_by_the_names_of_its_shards() {
        let list = |value: Value| ShardList::parse(&value).unwrap();
        let before = list(json!([{"host": "1.a"}, {"host": "2.a"}, {"host": "3.a", "last": true}]));
        for (now, words) in [
            (
                json!([{"host": "1.a", "readOnly": true}, {"host": "3.a"}, {"host": "4.a"}, {"host": "5.a", "last": true}]),
                "4.a, 5.a have been added; 2.a has been removed; 1.a has become read-only",
            ),
            (
                json!([{"host": "2.a"}, {"host": "1.a"}, {"host": "3.a", "last": true}]),
                r#"it is [{"host":"2.a"},{"host":"1.a"},{"host":"3.a","last":true}], and was [{"host":"1.a"},{"host":"2.a"},{"host":"3.a","last":true}]"#,
            ),
        ] {
            assert_eq!(change(&before, &list(now)), words);
        }
        let read_only = list(json!([{"host": "1.a", "readOnly": true, "last": true}]));
        let writable = list(json!([{"host": "1.a", "last": true}]));
        assert_eq!(change(&read_only, &writable), "1.a has become writable");
    }
}

//! The shard that a zone belongs to, as its metadata in SAPI says.

use manatee_client::ShardName;
use sapi_client::sapi::{Change, Sapi};
use sapi_client::{Attributes, InstanceUuid, Transport};
use serde_json::Value;

use crate::retryable::Retryable;

/// The member that makes a sitter run its peer alone.
pub const ONE_NODE_WRITE_MODE: &str = "ONE_NODE_WRITE_MODE";

/// The members of metadata by which a peer belongs to a shard. Moray zones have no `MANATEE_SHARD_PATH`.
pub fn membership(shard: &ShardName) -> Vec<(&'static str, Value)> {
    let number = shard.as_str().split('.').next().unwrap_or_default();
    vec![
        ("SERVICE_NAME", shard.as_str().into()),
        ("SHARD", number.into()),
        ("MANATEE_SHARD_PATH", format!("/manatee/{shard}").into()),
    ]
}

/// The alias of a zone of a service in a shard: `3.postgres.coal.joyent.us-8a1d0b7e`.
pub fn alias(service: &str, shard: &ShardName, zone: InstanceUuid) -> String {
    let mut parts = shard.as_str().splitn(3, '.');
    let number = parts.next().unwrap_or_default();
    // The second part is `moray` whatever the service.
    let domain = parts.nth(1).unwrap_or_default();
    let zone = zone.to_string();
    let short = zone.split('-').next().unwrap_or_default();
    format!("{number}.{service}.{domain}-{short}")
}

/// The outcome of moving an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// SAPI says so from now on.
    Now,
    /// It did already.
    Already,
}

/// Makes a peer belong to another shard, in SAPI: its zone follows when it next reads its configuration and starts its sitter
/// anew. `alone` makes it run without a sync.
///
/// # Errors
///
/// [`MembershipError::Foreign`] if the metadata says neither the old nor the new shard; [`MembershipError::Call`].
pub async fn move_instance<T: Transport>(
    sapi: &Sapi<T>,
    instance: InstanceUuid,
    from: &ShardName,
    to: &ShardName,
    alone: bool,
) -> Result<Moved, MembershipError> {
    let Some(change) = needed(sapi, instance, from, to, alone).await? else {
        return Ok(Moved::Already);
    };
    let changed = sapi.change_instance(instance, &Change::update().metadata(change)).await;
    changed.map_err(|source| MembershipError::Call { instance, source })?;
    Ok(Moved::Now)
}

/// Checks that [`move_instance`] would find what it expects. Nothing is changed.
///
/// # Errors
///
/// As [`move_instance`].
pub async fn check_instance<T: Transport>(
    sapi: &Sapi<T>,
    instance: InstanceUuid,
    from: &ShardName,
    to: &ShardName,
    alone: bool,
) -> Result<(), MembershipError> {
    needed(sapi, instance, from, to, alone).await.map(drop)
}

async fn needed<T: Transport>(
    sapi: &Sapi<T>,
    instance: InstanceUuid,
    from: &ShardName,
    to: &ShardName,
    alone: bool,
) -> Result<Option<Attributes>, MembershipError> {
    let found = sapi.get_instance(instance).await;
    let found = found.map_err(|source| MembershipError::Call { instance, source })?;
    change(instance, found.metadata.as_ref(), from, to, alone)
}

/// The members that are to be changed, if any.
fn change(
    instance: InstanceUuid,
    found: Option<&Attributes>,
    from: &ShardName,
    to: &ShardName,
    alone: bool,
) -> Result<Option<Attributes>, MembershipError> {
    let mut members: Vec<(&'static str, Option<Value>, Value)> = membership(from)
        .into_iter()
        .zip(membership(to))
        .map(|((key, old), (_, new))| (key, Some(old), new))
        .collect();
    if alone {
        members.push((ONE_NODE_WRITE_MODE, None, true.into()));
    }
    let mut change = Attributes::new();
    for (key, old, new) in members {
        let value = found.and_then(|metadata| metadata.get(key));
        if value == Some(&new) {
            continue;
        }
        if value != old.as_ref() {
            let found = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            let old = old.map_or_else(|| "nothing".to_owned(), |old| old.to_string());
            return Err(MembershipError::Foreign {
                instance,
                key,
                found,
                old,
                new: new.to_string(),
            });
        }
        change.insert(key, new);
    }
    Ok((!change.is_empty()).then_some(change))
}

/// An instance cannot be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// Somebody else has changed it. None of these members is secret.
    #[error(
        "SAPI's instance {instance} has the metadata {key} {found}, neither the old {old} nor the new {new}"
    )]
    Foreign {
        /// The instance.
        instance: InstanceUuid,
        /// The member.
        key: &'static str,
        /// The value that it has.
        found: String,
        /// The value that it was to have before.
        old: String,
        /// The value that it is to have.
        new: String,
    },
    /// SAPI did not do it.
    #[error("cannot change the metadata of SAPI's instance {instance}")]
    Call {
        /// The instance.
        instance: InstanceUuid,
        /// The cause.
        source: sapi_client::Error,
    },
}

impl Retryable for MembershipError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.may_pass())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shard(number: u32) -> ShardName {
        format!("{number}.moray.coal.joyent.us").parse().unwrap()
    }

    fn zone() -> InstanceUuid {
        "8a1d0b7e-7b1f-4b6e-9a41-6f3d7f0e2b55".parse().unwrap()
    }

    fn changed(metadata: &Value, alone: bool) -> Result<Option<Attributes>, MembershipError> {
        let metadata = metadata.as_object().unwrap().clone().into();
        change(zone(), Some(&metadata), &shard(1), &shard(3), alone)
    }

    #[test]
    fn aliases_are_as_manta_adm_makes_them() {
        assert_eq!(alias("postgres", &shard(3), zone()), "3.postgres.coal.joyent.us-8a1d0b7e");
    }

    #[test]
    fn only_what_is_old_is_changed() {
        let old: serde_json::Map<String, Value> =
            membership(&shard(1)).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let all = changed(&Value::Object(old.clone()), true).unwrap().unwrap();
        assert_eq!(all.text("MANATEE_SHARD_PATH"), Some("/manatee/3.moray.coal.joyent.us"));
        assert_eq!(all.text("SHARD"), Some("3"));
        assert_eq!(all.get(ONE_NODE_WRITE_MODE), Some(&json!(true)));
        let mut half = old.clone();
        half.insert("SHARD".to_owned(), "3".into());
        let rest = changed(&Value::Object(half), false).unwrap().unwrap();
        assert_eq!((rest.text("SHARD"), rest.as_map().len()), (None, 2));
        let mut new = old;
        new.extend(membership(&shard(3)).into_iter().map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(changed(&Value::Object(new), false).unwrap(), None);
    }

    #[test]
    fn what_is_neither_old_nor_new_is_told_and_left() {
        let error = changed(&json!({"SERVICE_NAME": "7.moray.x"}), false).unwrap_err().to_string();
        for part in
            [&*zone().to_string(), "SERVICE_NAME", "\"7.moray.x\"", "\"1.moray", "\"3.moray"]
        {
            assert!(error.contains(part), "{error}");
        }
        let error = changed(&json!({}), false).unwrap_err().to_string();
        assert!(error.contains("nothing"), "{error}");
    }
}

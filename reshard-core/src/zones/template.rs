//! The metadata of new zones: what those that are there have.

use manatee_client::ShardName;
use sapi_client::sapi::{Instance, InstanceFilter};
use sapi_client::{Attributes, ServiceUuid};

use crate::deployment::{Deployment, DeploymentError};
use crate::retryable::Retryable;

/// Members that every zone must have.
const NEEDED: [&str; 6] =
    ["SAPI_URL", "UFDS_URL", "UFDS_ROOT_DN", "UFDS_ROOT_PW", "SDC_NAMESERVERS", "user-script"];
/// Members that belong to the datacenter and not to the shard.
const OF_DATACENTER: [&str; 5] =
    ["SAPI_URL", "UFDS_URL", "UFDS_ROOT_DN", "UFDS_ROOT_PW", "SDC_NAMESERVERS"];
/// Members on which all zones of a shard have to agree, or new ones cannot be like them.
const AGREED: [&str; 1] = ["PG_CONFIG_OVERRIDES"];
/// Members that say which zone it is, and nothing about new ones.
const OWN: [&str; 3] = ["ZK_ID", "ONE_NODE_WRITE_MODE", "DATACENTER"];

/// The metadata of a new zone of a service in a shard: what all its zones there have in common, with what the datacenter's
/// zones know of their datacenter. It holds secrets.
///
/// # Errors
///
/// [`TemplateError`]
pub async fn shard_metadata(
    deployment: &Deployment,
    service: ServiceUuid,
    shard: &ShardName,
    datacenter: &str,
) -> Result<Attributes, TemplateError> {
    let sapi = deployment.sapi()?;
    let failed = |source| TemplateError::Call { shard: shard.clone(), source };
    let filter = InstanceFilter {
        service_uuid: Some(service),
        include_master: true,
        ..InstanceFilter::default()
    };
    let of_service = sapi.list_instances(&filter).await.map_err(failed)?;
    let in_shard: Vec<&Attributes> = of_service
        .iter()
        .filter_map(|instance| instance.metadata.as_ref())
        .filter(|metadata| metadata.text("SERVICE_NAME") == Some(shard.as_str()))
        .collect();
    let mut metadata = in_common(shard, &in_shard)?;
    if in_shard.iter().all(|one| one.text("DATACENTER") != Some(datacenter)) {
        let all = InstanceFilter { include_master: true, ..InstanceFilter::default() };
        let all = sapi.list_instances(&all).await.map_err(failed)?;
        take_over(&mut metadata, &all.iter().collect::<Vec<_>>(), datacenter);
    } else {
        take_over(&mut metadata, &of_service.iter().collect::<Vec<_>>(), datacenter);
    }
    metadata.insert("DATACENTER", datacenter);
    match NEEDED.into_iter().find(|key| metadata.get(key).is_none()) {
        Some(key) => Err(TemplateError::Missing {
            shard: shard.clone(),
            datacenter: datacenter.to_owned(),
            key,
        }),
        None => Ok(metadata),
    }
}

/// The attributes that all zones of the shard have in common.
fn in_common(shard: &ShardName, zones: &[&Attributes]) -> Result<Attributes, TemplateError> {
    let Some((first, others)) = zones.split_first() else {
        return Err(TemplateError::NoZone { shard: shard.clone() });
    };
    let mut common = Attributes::new();
    for (key, value) in first.as_map() {
        let everywhere = others.iter().all(|other| other.get(key) == Some(value));
        if everywhere && !OWN.contains(&key.as_str()) {
            common.insert(key.as_str(), value.clone());
        }
    }
    let differs = |key: &&&str| zones.iter().any(|zone| zone.get(key) != common.get(key));
    match AGREED.iter().find(differs) {
        Some(key) => Err(TemplateError::Disagree { shard: shard.clone(), key }),
        None => Ok(common),
    }
}

/// Takes over what a zone of the datacenter knows of it.
fn take_over(metadata: &mut Attributes, instances: &[&Instance], datacenter: &str) {
    let all = instances.iter().filter_map(|instance| instance.metadata.as_ref());
    let mut there = all.filter(|metadata| metadata.text("DATACENTER") == Some(datacenter));
    let complete = |zone: &&Attributes| OF_DATACENTER.iter().all(|key| zone.get(key).is_some());
    let Some(zone) = there.find(complete) else {
        // What another datacenter's zones know is wrong here.
        for key in OF_DATACENTER {
            metadata.remove(key);
        }
        return;
    };
    for key in OF_DATACENTER {
        if let Some(value) = zone.get(key) {
            metadata.insert(key, value.clone());
        }
    }
}

/// No metadata for a new zone can be made up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The shard has no zone of the service.
    #[error("SAPI has no instance of the service in shard {shard} that a new zone could be like")]
    NoZone {
        /// The shard.
        shard: ShardName,
    },
    /// The shard's zones differ where they must not.
    #[error(
        "the zones of shard {shard} have different metadata {key}; a new zone would have to be like all of them"
    )]
    Disagree {
        /// The shard.
        shard: ShardName,
        /// The member.
        key: &'static str,
    },
    /// A member is missing.
    #[error(
        "no zone of shard {shard} or of datacenter {datacenter} has the metadata {key} that a new zone needs"
    )]
    Missing {
        /// The shard.
        shard: ShardName,
        /// The datacenter of the new zone.
        datacenter: String,
        /// The member.
        key: &'static str,
    },
    /// SAPI could not be asked.
    #[error("cannot read the metadata of the zones of shard {shard}")]
    Call {
        /// The shard.
        shard: ShardName,
        /// The cause.
        source: sapi_client::Error,
    },
    /// There is no SAPI.
    #[error("no SAPI can be asked")]
    Deployment(#[from] DeploymentError),
}

impl Retryable for TemplateError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.may_pass())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shard() -> ShardName {
        "1.moray.a.b".parse().unwrap()
    }

    fn zone(value: &serde_json::Value) -> Attributes {
        value.as_object().unwrap().clone().into()
    }

    #[test]
    fn what_all_zones_have_is_taken_over() {
        let one =
            zone(&json!({"SERVICE_NAME": "s", "ZK_ID": 1, "A": 1, "B": 2, "DATACENTER": "x"}));
        let two =
            zone(&json!({"SERVICE_NAME": "s", "ZK_ID": 1, "A": 1, "B": 3, "DATACENTER": "x"}));
        let common = in_common(&shard(), &[&one, &two]).unwrap();
        assert_eq!(common, zone(&json!({"SERVICE_NAME": "s", "A": 1})));
        assert!(matches!(in_common(&shard(), &[]), Err(TemplateError::NoZone { .. })));
    }

    #[test]
    fn overrides_must_be_the_same_everywhere() {
        let with = zone(&json!({"PG_CONFIG_OVERRIDES": {"max_connections": 500}}));
        let without = zone(&json!({}));
        assert_eq!(in_common(&shard(), &[&with, &with]).unwrap(), with);
        for zones in [[&with, &without], [&without, &with]] {
            let error = in_common(&shard(), &zones).unwrap_err();
            assert!(error.to_string().contains("PG_CONFIG_OVERRIDES"), "{error}");
        }
    }

    #[test]
    fn what_belongs_to_the_datacenter_is_the_datacenters() {
        let instance = |datacenter: &str, url: &str| -> Instance {
            serde_json::from_value(json!({
                "uuid": "7e3ca77e-82d5-4c56-ade7-c0a6d2e2c7e1",
                "metadata": {"DATACENTER": datacenter, "SAPI_URL": url, "UFDS_URL": "u",
                    "UFDS_ROOT_DN": "d", "UFDS_ROOT_PW": "p", "SDC_NAMESERVERS": []},
            }))
            .unwrap()
        };
        let (here, there) = (instance("dc-1", "http://one"), instance("dc-2", "http://two"));
        let mut metadata = zone(&json!({"SAPI_URL": "http://one", "A": 1}));
        take_over(&mut metadata, &[&here, &there], "dc-2");
        assert_eq!(metadata.text("SAPI_URL"), Some("http://two"));
        assert_eq!(metadata.text("UFDS_ROOT_PW"), Some("p"));
        take_over(&mut metadata, &[&here], "dc-3");
        assert_eq!(metadata, zone(&json!({"A": 1})));
    }
}

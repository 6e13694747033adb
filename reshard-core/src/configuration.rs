//! The places of a region's services, as written in `reshard.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sapi_client::BaseUrl;
use serde::{Deserialize, Serialize};

use crate::hint::{Hint, Operation, hint};

/// The places of a region's services.
///
/// ```
/// let text = r#"
/// region = "coal"
/// dns_domain = "joyent.us"
/// zookeeper = "172.25.3.11:2181,172.25.3.12:2181"
/// routers = ["172.25.3.20:2020"]
///
/// [datacenters.coal]
/// sapi = "http://sapi.coal.joyent.us"
/// vmapi = "http://vmapi.coal.joyent.us"
/// cnapi = "http://cnapi.coal.joyent.us"
/// imgapi = "http://imgapi.coal.joyent.us"
/// "#;
/// let configuration = reshard_core::Configuration::parse(text).unwrap();
/// assert_eq!(configuration.domain(), "coal.joyent.us");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The region, SAPI's `REGION`.
    pub region: String,
    /// The domain below which the region's names are, SAPI's `DNS_DOMAIN`.
    pub dns_domain: String,
    /// ZooKeeper's servers, `host:port` separated by commas.
    pub zookeeper: String,
    /// After how many seconds without a word ZooKeeper takes an executor for dead. A plan whose executor died can go on only
    /// then; on the other hand, an executor whose machine stands still for longer loses its plan. Default: 8.
    #[serde(default = "default_session_timeout")]
    pub session_timeout_seconds: u64,
    /// The number of seconds for which clients go on with an address that the name service does not give any more: as long as
    /// they keep what it gave. Default: 60.
    #[serde(default = "default_name_seconds")]
    pub name_seconds: u64,
    /// Addresses of electric-moray for canaries and audits, `host:port`.
    pub routers: Vec<String>,
    /// The region's datacenters by name, as in the instances' metadata `DATACENTER`.
    pub datacenters: BTreeMap<String, DatacenterUrls>,
}

/// The Triton APIs of one datacenter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatacenterUrls {
    /// SAPI.
    #[serde(with = "url_text")]
    pub sapi: BaseUrl,
    /// VMAPI.
    #[serde(with = "url_text")]
    pub vmapi: BaseUrl,
    /// CNAPI.
    #[serde(with = "url_text")]
    pub cnapi: BaseUrl,
    /// IMGAPI.
    #[serde(with = "url_text")]
    pub imgapi: BaseUrl,
}

impl Configuration {
    /// Reads a configuration from the text of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] names the member that is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        let configuration: Self = toml::from_str(text)
            .map_err(|source| ConfigurationError::Invalid { source: Box::new(source) })?;
        if configuration.datacenters.is_empty() {
            return Err(ConfigurationError::NoDatacenter);
        }
        if configuration.routers.is_empty() {
            return Err(ConfigurationError::NoRouter);
        }
        Ok(configuration)
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`].
    pub fn read(path: &Path) -> Result<Self, ConfigurationError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigurationError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| ConfigurationError::InFile {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// The region's domain, such as `coal.joyent.us`.
    pub fn domain(&self) -> String {
        format!("{}.{}", self.region, self.dns_domain)
    }
}

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file's contents are wrong.
    #[error("the configuration {path} cannot be used")]
    InFile {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: Box<ConfigurationError>,
    },
    /// It is no TOML, or a member is missing, unknown or wrong.
    #[error("this is not a configuration")]
    Invalid {
        /// The place and the problem.
        source: Box<toml::de::Error>,
    },
    /// There is no `[datacenters.NAME]`.
    #[error("it names no datacenter: add [datacenters.NAME] with sapi, vmapi, cnapi and imgapi")]
    NoDatacenter,
    /// `routers` is empty.
    #[error("it names no router: add routers = [\"ADDRESS:2020\"]")]
    NoRouter,
}

impl ConfigurationError {
    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Unreadable { .. } => Some(hint!(Operation::Configure, " writes one")),
            Self::InFile { source, .. } => source.hint(),
            Self::Invalid { .. } | Self::NoDatacenter | Self::NoRouter => None,
        }
    }
}

/// The default of [`Configuration::session_timeout_seconds`].
pub(crate) const DEFAULT_SESSION_TIMEOUT: u64 = 8;

pub(crate) const DEFAULT_NAME_SECONDS: u64 = 60;

fn default_name_seconds() -> u64 {
    DEFAULT_NAME_SECONDS
}

fn default_session_timeout() -> u64 {
    DEFAULT_SESSION_TIMEOUT
}

mod url_text {
    use sapi_client::BaseUrl;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(url: &BaseUrl, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BaseUrl, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Configuration::parse("region = \"lab\"").unwrap_err();
        let ConfigurationError::Invalid { source } = error else { panic!("{error}") };
        assert!(source.to_string().contains("dns_domain"), "{source}");
        let text = "region = \"r\"\ndns_domain = \"d\"\nzookeeper = \"z\"\nrouters = [\"a:1\"]\n[datacenters]";
        assert!(matches!(Configuration::parse(text), Err(ConfigurationError::NoDatacenter)));
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let error = Configuration::read(Path::new("/nowhere/reshard.toml")).unwrap_err();
        assert_eq!(error.hint(), Some(hint!(Operation::Configure, " writes one")));
    }
}

//! The application `manta`.

use std::str::FromStr;

use serde_json::Value;

use crate::attributes::Attributes;
use crate::http::error::Error;
use crate::http::{BaseUrl, Transport};
use crate::ids::{AccountUuid, ApplicationUuid, ImageUuid};
use crate::manta::{INDEX_MORAY_SHARDS, MetadataError, MetadataProblem, ShardList};
use crate::sapi::{Application, ApplicationFilter, Change, Sapi};

/// The application `manta`: [`Application`] with its metadata typed.
#[derive(Clone, Debug, PartialEq)]
pub struct MantaApplication(Application);

/// There is not one application `manta`.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none, or several: SAPI's names are not unique.
    #[error("there are {count} applications named manta, not one")]
    NotOne {
        /// The number of them.
        count: usize,
    },
    /// SAPI could not be asked.
    #[error("cannot find the application manta")]
    Call(#[source] Error),
}

/// A server of the ZooKeeper ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZkServer {
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its number in the ensemble, which is the `ZK_ID` of its nameservice instance.
    pub num: Option<u64>,
}

impl<T: Transport> Sapi<T> {
    /// The application `manta`, also where another datacenter is the region's master.
    ///
    /// # Errors
    ///
    /// [`FindError`]
    pub async fn find_manta(&self) -> Result<MantaApplication, FindError> {
        let filter = ApplicationFilter {
            name: Some("manta".to_owned()),
            include_master: true,
            ..Default::default()
        };
        let mut found = self.list_applications(&filter).await.map_err(FindError::Call)?;
        match (found.pop(), found.len()) {
            (Some(application), 0) => Ok(MantaApplication(application)),
            (last, others) => {
                Err(FindError::NotOne { count: others + usize::from(last.is_some()) })
            }
        }
    }
}

impl From<Application> for MantaApplication {
    fn from(application: Application) -> Self {
        Self(application)
    }
}

impl MantaApplication {
    /// The application itself.
    pub fn application(&self) -> &Application {
        &self.0
    }

    /// Its id.
    pub fn uuid(&self) -> ApplicationUuid {
        self.0.uuid
    }

    fn value(&self, key: &'static str) -> Result<&Value, MetadataError> {
        let value = self.0.metadata.as_ref().and_then(|metadata| metadata.get(key));
        value.ok_or(MetadataError { key, problem: MetadataProblem::Missing })
    }

    fn text(&self, key: &'static str) -> Result<&str, MetadataError> {
        let text = self.value(key)?.as_str().filter(|text| !text.is_empty());
        text.ok_or(MetadataError { key, problem: MetadataProblem::Type("a text") })
    }

    fn parsed<V: FromStr>(
        &self,
        key: &'static str,
        what: &'static str,
    ) -> Result<V, MetadataError> {
        let problem = MetadataProblem::Type(what);
        self.text(key)?.parse().map_err(|_| MetadataError { key, problem })
    }

    /// A UUID as IMGAPI and whatever compares text take it: in lower case. What reads the metadata itself, as electric-moray's
    /// setup does, fails with another.
    fn uuid_in<V: FromStr>(&self, key: &'static str) -> Result<V, MetadataError> {
        const WHAT: &str = "a UUID in lower case";
        if self.text(key)?.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(MetadataError { key, problem: MetadataProblem::Type(WHAT) });
        }
        self.parsed(key, WHAT)
    }

    /// `REGION`, such as `coal`.
    ///
    /// # Errors
    ///
    /// [`MetadataError`], as of all these.
    pub fn region(&self) -> Result<&str, MetadataError> {
        self.text("REGION")
    }

    /// `DNS_DOMAIN`, such as `joyent.us`.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn dns_domain(&self) -> Result<&str, MetadataError> {
        self.text("DNS_DOMAIN")
    }

    /// `DOMAIN_NAME`: region and domain, such as `coal.joyent.us`.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn domain_name(&self) -> Result<&str, MetadataError> {
        self.text("DOMAIN_NAME")
    }

    /// `STORAGE_MORAY_SHARD`: the host of the shard that knows the storage nodes. One text, not a list.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn storage_moray_shard(&self) -> Result<&str, MetadataError> {
        self.text("STORAGE_MORAY_SHARD")
    }

    /// `POSEIDON_UUID`: the account that owns Manta's zones and images.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn poseidon(&self) -> Result<AccountUuid, MetadataError> {
        self.uuid_in("POSEIDON_UUID")
    }

    /// `HASH_RING_IMAGE`: the image of the ring in use.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn hash_ring_image(&self) -> Result<ImageUuid, MetadataError> {
        self.uuid_in("HASH_RING_IMAGE")
    }

    /// `HASH_RING_IMGAPI_SERVICE`: the IMGAPI that has the ring. Read it each time: it may be changed.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn hash_ring_imgapi(&self) -> Result<BaseUrl, MetadataError> {
        self.parsed("HASH_RING_IMGAPI_SERVICE", "the address of a server")
    }

    /// `INDEX_MORAY_SHARDS`: the shards of the index.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn index_shards(&self) -> Result<ShardList, MetadataError> {
        ShardList::of(self.0.metadata.as_ref().unwrap_or(&Attributes::new()))
    }

    /// `ZK_SERVERS`: the ZooKeeper ensemble of Manta. (The application `sdc` has one of the same name for Triton's own.)
    ///
    /// # Errors
    ///
    /// [`MetadataError`]
    pub fn zk_servers(&self) -> Result<Vec<ZkServer>, MetadataError> {
        const KEY: &str = "ZK_SERVERS";
        let wrong = || MetadataError {
            key: KEY,
            problem: MetadataProblem::Type("a list of hosts and ports"),
        };
        let server = |element: &Value| {
            let number = |key: &str| {
                let value = element.get(key)?;
                value.as_u64().or_else(|| value.as_str()?.parse().ok())
            };
            let host = element.get("host")?.as_str().filter(|host| !host.is_empty())?.to_owned();
            let port = u16::try_from(number("port")?).ok()?;
            Some(ZkServer { host, port, num: number("num") })
        };
        let elements = self.value(KEY)?.as_array().ok_or_else(wrong)?;
        elements.iter().map(|element| server(element).ok_or_else(wrong)).collect()
    }

    /// The change that makes an image the ring in use.
    pub fn set_hash_ring_image(image: ImageUuid) -> Change {
        Change::update().metadata(Attributes::new().with("HASH_RING_IMAGE", image.to_string()))
    }

    /// The change that makes this the list of shards: all of it, since SAPI does not merge lists.
    ///
    /// There is no lock: read the list anew before, and look at it again after, for manta-adm or manta-shardadm may have
    /// written at the same time.
    pub fn set_index_shards(shards: &ShardList) -> Change {
        Change::update().metadata(Attributes::new().with(INDEX_MORAY_SHARDS, shards.to_value()))
    }
}

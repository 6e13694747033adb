//! Finding a region's services by asking SAPI: a configuration for those who have none yet. Nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sapi_client::manta::{FindError, MantaApplication, MetadataError};
use sapi_client::sapi::{ApplicationFilter, Instance, InstanceFilter, Sapi, ServiceFilter};
use sapi_client::vmapi::Vmapi;
use sapi_client::{BaseUrl, HttpTransport, InvalidBaseUrl, Settings, TransportSetupError};
use serde::Deserialize;

use crate::configuration::{
    Configuration, DEFAULT_NAME_SECONDS, DEFAULT_SESSION_TIMEOUT, DatacenterUrls,
};
use crate::deployment::AnyTransport;

/// The file in which Manta's deployment zone has its configuration.
pub const DEPLOYMENT_ZONE_CONFIGURATION: &str = "/opt/smartdc/manta-deployment/etc/config.json";
/// The port of electric-moray.
const ROUTER_PORT: u16 = 2020;
/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The URLs in the JSON configuration of Manta's deployment zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentZone {
    /// SAPI.
    pub sapi: Option<BaseUrl>,
    /// VMAPI.
    pub vmapi: Option<BaseUrl>,
    /// CNAPI.
    pub cnapi: Option<BaseUrl>,
    /// IMGAPI.
    pub imgapi: Option<BaseUrl>,
}

/// A configuration cannot be found by asking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is not the configuration of Manta's deployment zone.
    #[error("{path} is not the configuration of Manta's deployment zone")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// A URL is none.
    #[error("{what} is no address that can be used")]
    Url {
        /// The origin of the URL.
        what: String,
        /// The cause.
        source: InvalidBaseUrl,
    },
    /// HTTP cannot be spoken at all.
    #[error("HTTP cannot be set up")]
    Http(#[from] TransportSetupError),
    /// There is not one application `manta`.
    #[error("this SAPI has no application manta that can be used")]
    Manta(#[from] FindError),
    /// Metadata of the application is missing or wrong.
    #[error("SAPI's application manta cannot be used")]
    Metadata(#[from] MetadataError),
    /// An API could not be asked.
    #[error("cannot read {what}")]
    Api {
        /// The thing that was asked for.
        what: String,
        /// The cause.
        source: Box<sapi_client::Error>,
    },
    /// A datacenter's application `sdc` is missing or ambiguous.
    #[error(
        "{sapi} has {count} applications named sdc, not one: it is not a datacenter's own SAPI"
    )]
    Sdc {
        /// The SAPI.
        sapi: String,
        /// The number of them.
        count: usize,
    },
    /// An API of a datacenter is unknown.
    #[error(
        "{sapi} does not say where {api} is: its application sdc has no metadata {api}_domain; write the \
         configuration by hand"
    )]
    Unknown {
        /// The SAPI.
        sapi: String,
        /// The API.
        api: &'static str,
    },
    /// No router was found.
    #[error("SAPI has no electric-moray instance with a running zone")]
    NoRouter,
}

impl DeploymentZone {
    /// Reads the configuration of Manta's deployment zone, usually [`DEPLOYMENT_ZONE_CONFIGURATION`].
    ///
    /// # Errors
    ///
    /// [`DiscoverError::Unreadable`], [`DiscoverError::NotJson`], [`DiscoverError::Url`].
    pub fn read(path: &Path) -> Result<Self, DiscoverError> {
        let bytes = std::fs::read(path)
            .map_err(|source| DiscoverError::Unreadable { path: path.to_owned(), source })?;
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|source| DiscoverError::NotJson { path: path.to_owned(), source })?;
        let parsed = |what: &str, service: Option<Service>| {
            let url = service.and_then(|service| service.url);
            url.map(|url| parse(&format!("{what}.url in {}", path.display()), &url)).transpose()
        };
        Ok(Self {
            sapi: parsed("sapi", file.sapi)?,
            vmapi: parsed("vmapi", file.vmapi)?,
            cnapi: parsed("cnapi", file.cnapi)?,
            imgapi: parsed("imgapi", file.imgapi)?,
        })
    }
}

/// The part of the configuration of Manta's deployment zone that is of interest.
#[derive(Deserialize)]
struct File {
    sapi: Option<Service>,
    vmapi: Option<Service>,
    cnapi: Option<Service>,
    imgapi: Option<Service>,
}

#[derive(Deserialize)]
struct Service {
    url: Option<String>,
}

fn parse(what: &str, url: &str) -> Result<BaseUrl, DiscoverError> {
    url.parse().map_err(|source| DiscoverError::Url { what: what.to_owned(), source })
}

impl Configuration {
    /// Asks a SAPI for everything that a configuration names. `zone` fills in what the SAPI does not say of its own
    /// datacenter. Nothing is written anywhere.
    ///
    /// # Errors
    ///
    /// [`DiscoverError`] says what could not be found.
    pub async fn discover(sapi: &BaseUrl, zone: &DeploymentZone) -> Result<Self, DiscoverError> {
        let http = AnyTransport::new(HttpTransport::new(CONNECT)?);
        Self::discover_over(sapi, zone, http).await
    }

    /// As [`Configuration::discover`], with HTTP carried by something else.
    ///
    /// # Errors
    ///
    /// [`DiscoverError`]
    pub async fn discover_over(
        sapi: &BaseUrl,
        zone: &DeploymentZone,
        http: AnyTransport,
    ) -> Result<Self, DiscoverError> {
        let client = |base: &BaseUrl| Sapi::new(base.clone(), http.clone(), Settings::default());
        let manta = client(sapi).find_manta().await?;
        let instances = instances(&client(sapi), &manta).await?;
        let mut datacenters = BTreeMap::new();
        let (name, urls) = datacenter(sapi, &client(sapi), zone).await?;
        datacenters.insert(name, urls);
        for (name, url) in others(&instances) {
            if !datacenters.contains_key(name) {
                let base = parse(&format!("SAPI_URL of the instances in {name}"), url)?;
                let nothing = DeploymentZone::default();
                let (_, urls) = datacenter(&base, &client(&base), &nothing).await?;
                datacenters.insert(name.to_owned(), urls);
            }
        }
        let servers = manta.zk_servers()?;
        let zookeeper = servers.iter().map(|server| format!("{}:{}", server.host, server.port));
        Ok(Self {
            region: manta.region()?.to_owned(),
            dns_domain: manta.dns_domain()?.to_owned(),
            zookeeper: zookeeper.collect::<Vec<_>>().join(","),
            session_timeout_seconds: DEFAULT_SESSION_TIMEOUT,
            name_seconds: DEFAULT_NAME_SECONDS,
            routers: routers(&manta, &instances, &datacenters, &http).await?,
            datacenters,
        })
    }

    /// The text of a configuration file. TOML writes a text as JSON does.
    pub fn to_toml(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let routers: Vec<String> = self.routers.iter().map(|router| text(router)).collect();
        let mut lines = vec![
            format!("region = {}", text(&self.region)),
            format!("dns_domain = {}", text(&self.dns_domain)),
            format!("zookeeper = {}", text(&self.zookeeper)),
            format!("session_timeout_seconds = {}", self.session_timeout_seconds),
            format!("name_seconds = {}", self.name_seconds),
            format!("routers = [{}]", routers.join(", ")),
        ];
        for (name, urls) in &self.datacenters {
            let name = if name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
                name.clone()
            } else {
                text(name)
            };
            lines.push(format!("\n[datacenters.{name}]"));
            let apis = [
                ("sapi", &urls.sapi),
                ("vmapi", &urls.vmapi),
                ("cnapi", &urls.cnapi),
                ("imgapi", &urls.imgapi),
            ];
            lines.extend(apis.map(|(api, url)| format!("{api} = {}", text(url.as_str()))));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

fn api_error(what: &str) -> impl FnOnce(sapi_client::Error) -> DiscoverError {
    let what = what.to_owned();
    move |source| DiscoverError::Api { what, source: Box::new(source) }
}

/// All of Manta's instances.
async fn instances(
    sapi: &Sapi<AnyTransport>,
    manta: &MantaApplication,
) -> Result<Vec<Instance>, DiscoverError> {
    let filter = ServiceFilter {
        application_uuid: Some(manta.uuid()),
        include_master: true,
        ..ServiceFilter::default()
    };
    let mut instances = Vec::new();
    for service in sapi.list_services(&filter).await.map_err(api_error("the services of manta"))? {
        let filter = InstanceFilter {
            service_uuid: Some(service.uuid),
            include_master: true,
            ..InstanceFilter::default()
        };
        let listed = sapi.list_instances(&filter).await;
        instances.extend(listed.map_err(api_error("the instances of manta"))?);
    }
    Ok(instances)
}

fn text<'a>(instance: &'a Instance, key: &str) -> Option<&'a str> {
    instance.metadata.as_ref()?.text(key)
}

/// The datacenters of instances, with their SAPIs.
fn others(instances: &[Instance]) -> BTreeMap<&str, &str> {
    let of = |instance| Some((text(instance, "DATACENTER")?, text(instance, "SAPI_URL")?));
    instances.iter().filter_map(of).collect()
}

/// The name and the APIs of the datacenter of a SAPI.
async fn datacenter(
    base: &BaseUrl,
    sapi: &Sapi<AnyTransport>,
    zone: &DeploymentZone,
) -> Result<(String, DatacenterUrls), DiscoverError> {
    let filter = ApplicationFilter { name: Some("sdc".to_owned()), ..ApplicationFilter::default() };
    let found = sapi.list_applications(&filter).await;
    let found = found.map_err(api_error("the application sdc"))?;
    let [sdc] = found.as_slice() else {
        return Err(DiscoverError::Sdc { sapi: base.to_string(), count: found.len() });
    };
    let metadata = sdc.metadata.clone().unwrap_or_default();
    let unknown = |api| DiscoverError::Unknown { sapi: base.to_string(), api };
    let url = |api: &'static str, known: &Option<BaseUrl>| {
        let key = format!("{api}_domain");
        match metadata.text(&key) {
            Some(domain) => {
                parse(&format!("the metadata {key} of {base}"), &format!("http://{domain}"))
            }
            None => known.clone().ok_or_else(|| unknown(api)),
        }
    };
    let urls = DatacenterUrls {
        sapi: base.clone(),
        vmapi: url("vmapi", &zone.vmapi)?,
        cnapi: url("cnapi", &zone.cnapi)?,
        imgapi: url("imgapi", &zone.imgapi)?,
    };
    let name = metadata.text("datacenter_name").ok_or_else(|| unknown("datacenter_name"))?;
    Ok((name.to_owned(), urls))
}

/// The addresses of the electric-moray zones that run.
async fn routers(
    manta: &MantaApplication,
    instances: &[Instance],
    datacenters: &BTreeMap<String, DatacenterUrls>,
    http: &AnyTransport,
) -> Result<Vec<String>, DiscoverError> {
    let name = format!("electric-moray.{}.{}", manta.region()?, manta.dns_domain()?);
    let mut routers = Vec::new();
    for instance in instances.iter().filter(|one| text(one, "SERVICE_NAME") == Some(&name)) {
        let urls = text(instance, "DATACENTER").and_then(|name| datacenters.get(name));
        let Some(urls) = urls else { continue };
        let vmapi = Vmapi::new(urls.vmapi.clone(), http.clone(), Settings::default());
        match vmapi.get_vm(instance.uuid).await {
            Ok(vm) if vm.exists() => {
                routers.extend(vm.primary_ip().map(|ip| format!("{ip}:{ROUTER_PORT}")));
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(api_error("an electric-moray zone")(error)),
        }
    }
    routers.sort();
    if routers.is_empty() { Err(DiscoverError::NoRouter) } else { Ok(routers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let url =
            |name: &str| -> BaseUrl { format!("http://{name}.coal.joyent.us").parse().unwrap() };
        let configuration = Configuration {
            region: "coal".to_owned(),
            dns_domain: "joyent.us".to_owned(),
            zookeeper: "172.25.3.11:2181,172.25.3.12:2181".to_owned(),
            session_timeout_seconds: 5,
            name_seconds: 7,
            routers: vec!["172.25.3.20:2020".to_owned()],
            datacenters: ["coal \"1\"", "b"]
                .map(|name| {
                    let urls = DatacenterUrls {
                        sapi: url("sapi"),
                        vmapi: url("vmapi"),
                        cnapi: url("cnapi"),
                        imgapi: url("imgapi"),
                    };
                    (name.to_owned(), urls)
                })
                .into(),
        };
        let text = configuration.to_toml();
        assert_eq!(Configuration::parse(&text).unwrap(), configuration, "{text}");
    }

    #[test]
    fn the_deployment_zone_names_its_apis() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        let text = r#"{"log_level": "info", "sapi": {"url": "http://10.1.1.1"}, "imgapi": {"url": "http://10.1.1.2"}}"#;
        std::fs::write(&path, text).unwrap();
        let zone = DeploymentZone::read(&path).unwrap();
        assert_eq!(zone.sapi.unwrap().as_str(), "http://10.1.1.1");
        assert_eq!(zone.imgapi.unwrap().as_str(), "http://10.1.1.2");
        assert_eq!(zone.vmapi, None);
        std::fs::write(&path, "no").unwrap();
        assert!(matches!(DeploymentZone::read(&path), Err(DiscoverError::NotJson { .. })));
    }
}

//! The region that is changed: its APIs, ZooKeeper, PostgreSQL servers and zones.

mod zone_commands;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use manatee_client::{Coordination, Servers, Session, SessionOptions, Shard, ShardName};
use sapi_client::cnapi::Cnapi;
use sapi_client::imgapi::Imgapi;
use sapi_client::sapi::Sapi;
use sapi_client::vmapi::Vmapi;
use sapi_client::{BaseUrl, HttpTransport, Settings};

pub use self::zone_commands::{
    CnapiCommands, ZoneCommandError, ZoneCommands, ZoneOutput, ZonePlace, ZoneScript,
};
use crate::configuration::Configuration;
use crate::hint::Hint;
pub(crate) use crate::region::{AnyTransport, Database, DatabaseError, MonitorError};
use crate::region::{Databases, HttpRouters, MorayObjects, Objects, PostgresDatabases, Routers};

/// The time beyond a session's length for which an executor that may be dead is waited for.
const GRACE: Duration = Duration::from_secs(2);
/// The longest that the end of a session may take.
const CLOSING: Duration = Duration::from_secs(1);
/// The longest that connecting to an API may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A region: everything that a plan reads and changes is reached through this. Cheap to clone.
#[derive(Clone)]
pub struct Deployment(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    configuration: Configuration,
    datacenters: BTreeMap<String, Datacenter>,
    http: AnyTransport,
    coordination: Arc<dyn Coordination>,
    session: Session,
    zones: Arc<dyn ZoneCommands>,
    databases: Arc<dyn Databases>,
    objects: Arc<dyn Objects>,
    routers: Arc<dyn Routers>,
}

/// The APIs of one datacenter.
#[derive(Clone)]
pub struct Datacenter {
    /// Its name.
    pub name: String,
    /// SAPI.
    pub sapi: Sapi<AnyTransport>,
    /// VMAPI.
    pub vmapi: Vmapi<AnyTransport>,
    /// CNAPI.
    pub cnapi: Cnapi<AnyTransport>,
    /// IMGAPI.
    pub imgapi: Imgapi<AnyTransport>,
}

impl Deployment {
    /// Connects to ZooKeeper; the APIs are connected to when they are asked.
    ///
    /// # Errors
    ///
    /// [`DeploymentError`].
    pub async fn connect(configuration: Configuration) -> Result<Self, DeploymentError> {
        let http = HttpTransport::new(CONNECT_TIMEOUT)?;
        Self::connect_over(configuration, AnyTransport::new(http)).await
    }

    /// As [`Deployment::connect`], with HTTP carried by something else.
    ///
    /// # Errors
    ///
    /// [`DeploymentError`].
    pub async fn connect_over(
        configuration: Configuration,
        http: AnyTransport,
    ) -> Result<Self, DeploymentError> {
        let servers: Servers = configuration
            .zookeeper
            .parse()
            .map_err(|source| DeploymentError::ZooKeeperAddress { source: Box::new(source) })?;
        Self::connect_through(configuration, http, Arc::new(servers)).await
    }

    /// As [`Deployment::connect_over`], with sessions from somewhere else than the configuration's ZooKeeper.
    ///
    /// # Errors
    ///
    /// [`DeploymentError`].
    pub async fn connect_through(
        configuration: Configuration,
        http: AnyTransport,
        coordination: Arc<dyn Coordination>,
    ) -> Result<Self, DeploymentError> {
        let session = new_session(&*coordination, &configuration).await?;
        let settings = Settings::default();
        let datacenters: BTreeMap<String, Datacenter> = configuration
            .datacenters
            .iter()
            .map(|(name, urls)| {
                let datacenter = Datacenter {
                    name: name.clone(),
                    sapi: Sapi::new(urls.sapi.clone(), http.clone(), settings),
                    vmapi: Vmapi::new(urls.vmapi.clone(), http.clone(), settings),
                    cnapi: Cnapi::new(urls.cnapi.clone(), http.clone(), settings),
                    imgapi: Imgapi::new(urls.imgapi.clone(), http.clone(), settings),
                };
                (name.clone(), datacenter)
            })
            .collect();
        let zones = CnapiCommands::new(
            datacenters.iter().map(|(name, dc)| (name.clone(), dc.cnapi.clone())).collect(),
        );
        Ok(Self(Arc::new(Parts {
            configuration,
            datacenters,
            routers: Arc::new(HttpRouters::new(http.clone())),
            http,
            coordination,
            session,
            zones: Arc::new(zones),
            databases: Arc::new(PostgresDatabases),
            objects: Arc::new(MorayObjects),
        })))
    }

    /// The same region with zone commands run by something else.
    #[must_use]
    pub fn with_zone_commands(&self, zones: Arc<dyn ZoneCommands>) -> Self {
        self.with(|parts| parts.zones = zones)
    }

    /// The same region with PostgreSQL servers answered for by something else.
    #[must_use]
    pub fn with_databases(&self, databases: Arc<dyn Databases>) -> Self {
        self.with(|parts| parts.databases = databases)
    }

    /// The same region with Moray and electric-moray processes answered for by something else.
    #[must_use]
    pub fn with_objects(&self, objects: Arc<dyn Objects>) -> Self {
        self.with(|parts| parts.objects = objects)
    }

    /// The same region with the status of electric-moray processes told by something else.
    #[must_use]
    pub fn with_routers(&self, routers: Arc<dyn Routers>) -> Self {
        self.with(|parts| parts.routers = routers)
    }

    /// The runner of commands in zones, for what is to be put before it.
    pub(crate) fn zone_commands(&self) -> Arc<dyn ZoneCommands> {
        self.0.zones.clone()
    }

    /// The same region with another session, as when ZooKeeper has ended the one before.
    ///
    /// # Errors
    ///
    /// [`DeploymentError::ZooKeeper`]
    pub async fn with_new_session(&self) -> Result<Self, DeploymentError> {
        let session = new_session(&*self.0.coordination, &self.0.configuration).await?;
        Ok(self.with(|parts| parts.session = session))
    }

    /// The longest that it takes ZooKeeper to know that another executor with a session like this one's is dead, and some more.
    pub(crate) fn session_expiry_grace(&self) -> Duration {
        self.session().timeout() + GRACE
    }

    /// Ends the session with ZooKeeper, and waits a moment for that: what it shows as alive is gone then. To be called with the
    /// last clone.
    pub async fn close(self) {
        let Ok(parts) = Arc::try_unwrap(self.0) else { return };
        tokio::time::timeout(CLOSING, parts.session.close()).await.ok();
    }

    fn with(&self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Parts::clone(&self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// The configuration: the places of everything.
    pub fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }

    /// The datacenters.
    pub fn datacenters(&self) -> impl Iterator<Item = &Datacenter> {
        self.0.datacenters.values()
    }

    /// A datacenter by name.
    ///
    /// # Errors
    ///
    /// [`DeploymentError::UnknownDatacenter`].
    pub fn datacenter(&self, name: &str) -> Result<&Datacenter, DeploymentError> {
        self.0.datacenters.get(name).ok_or_else(|| DeploymentError::UnknownDatacenter {
            name: name.to_owned(),
            known: self.0.datacenters.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// A SAPI from which the application `manta` and all its services and instances can be read and changed: any
    /// datacenter's, for each reads and writes the master's objects too.
    ///
    /// # Errors
    ///
    /// [`DeploymentError::UnknownDatacenter`] if the configuration names none.
    pub fn sapi(&self) -> Result<&Sapi<AnyTransport>, DeploymentError> {
        let first = self.0.datacenters.values().next();
        first.map(|datacenter| &datacenter.sapi).ok_or_else(|| DeploymentError::UnknownDatacenter {
            name: String::new(),
            known: String::new(),
        })
    }

    /// The session with ZooKeeper.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// The opener of further sessions with ZooKeeper.
    pub fn coordination(&self) -> &dyn Coordination {
        &*self.0.coordination
    }

    /// A shard's state in ZooKeeper.
    pub fn shard(&self, name: ShardName) -> Shard {
        Shard::new(self.0.session.clone(), name)
    }

    /// The PostgreSQL servers.
    pub fn databases(&self) -> &dyn Databases {
        &*self.0.databases
    }

    /// The objects behind Moray and electric-moray processes.
    pub fn objects(&self) -> &dyn Objects {
        &*self.0.objects
    }

    /// The electric-moray processes, of which each tells its status.
    pub fn routers(&self) -> &dyn Routers {
        &*self.0.routers
    }

    /// The carrier of HTTP.
    pub fn http(&self) -> &AnyTransport {
        &self.0.http
    }

    /// The IMGAPI at this address: that of the rings, which SAPI names, need not be a datacenter's.
    pub fn imgapi_at(&self, base: &BaseUrl) -> Imgapi<AnyTransport> {
        Imgapi::new(base.clone(), self.0.http.clone(), Settings::default())
    }

    /// Commands in zones.
    pub fn zones(&self) -> &dyn ZoneCommands {
        &*self.0.zones
    }
}

async fn new_session(
    coordination: &dyn Coordination,
    configuration: &Configuration,
) -> Result<Session, DeploymentError> {
    let session_timeout = Duration::from_secs(configuration.session_timeout_seconds);
    let options = SessionOptions { session_timeout, ..SessionOptions::default() };
    Ok(coordination.open_session(&options).await?)
}

/// A region cannot be reached, or is not what the configuration says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// HTTP cannot be spoken at all.
    #[error("HTTP cannot be set up")]
    Http(#[from] sapi_client::TransportSetupError),
    /// The configuration's `zookeeper` is no list of servers.
    #[error("the configuration's zookeeper is not a list of host:port")]
    ZooKeeperAddress {
        /// The problem with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// ZooKeeper does not answer.
    #[error("ZooKeeper cannot be reached")]
    ZooKeeper(#[from] manatee_client::ZooKeeperError),
    /// Something is in a datacenter that the configuration does not name.
    #[error(
        "the configuration knows no datacenter {name:?}, only: {known}; add [datacenters.{name}]"
    )]
    UnknownDatacenter {
        /// The name.
        name: String,
        /// Those that are known.
        known: String,
    },
}

impl DeploymentError {
    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        matches!(self, Self::ZooKeeper(_))
            .then(|| "check that these servers run and have a leader".into())
    }
}

//! SAPI 2.1.3: applications, services, instances and manifests, and what zones are configured from.

mod attributes;
mod configs;
mod endpoints;
mod instances;
mod model;
mod objects;
pub(crate) mod population;
mod schema;
#[cfg(test)]
mod tests;
mod vmapi;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::model::Model;
pub use self::population::Population;
use self::vmapi::Vmapi;
use super::http::{Answer, ApiServer, FaultPoint};
use super::store::{Document, StoreError};

/// The settings of a SAPI.
#[derive(Clone, Debug)]
pub struct SapiOptions {
    /// The mode that a new one is in. Later the mode is part of the state.
    pub mode: Mode,
    /// Its knowledge of the region's master datacenter.
    pub master: Master,
    /// `http://HOST:PORT` of VMAPI.
    pub vmapi: String,
    /// `http://HOST:PORT` of CNAPI, which runs teardown hooks.
    pub cnapi: String,
    /// The interval at which VMAPI is asked about a job. The real server has 5 s, fixed.
    pub job_poll: Duration,
    /// The longest that a connection may be silent while an instance is upgraded: then it is cut, and the upgrade goes on. The
    /// real server has 120 s, from Node. `None`: never.
    pub upgrade_silence: Option<Duration>,
}

impl SapiOptions {
    /// Full mode, in the only datacenter; jobs are asked about every 200 ms; 120 s of silence.
    pub fn new(vmapi: impl Into<String>, cnapi: impl Into<String>) -> Self {
        Self {
            mode: Mode::Full,
            master: Master::Here,
            vmapi: vmapi.into(),
            cnapi: cnapi.into(),
            job_poll: Duration::from_millis(200),
            upgrade_silence: Some(Duration::from_mins(2)),
        }
    }
}

/// Tells whether SAPI deploys what it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It only keeps objects: as on a headnode that is being set up.
    Proto,
    /// Instances are zones, made and removed through VMAPI.
    Full,
}

/// The knowledge that a SAPI has of the region's master datacenter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Master {
    /// Not yet anything: `include_master` is 503.
    Unknown,
    /// This datacenter is the master, or the only one.
    Here,
}

/// An emulated SAPI.
#[derive(Debug)]
pub struct Sapi {
    model: Mutex<Model>,
    document: Document,
    master: Master,
    vmapi: Vmapi,
    upgrade_silence: Option<Duration>,
}

impl Sapi {
    /// The SAPI whose state is in `directory`. There it begins with `population` when there is no state yet.
    ///
    /// # Errors
    /// The state cannot be read or written.
    pub fn open(
        directory: &Path,
        options: SapiOptions,
        population: Population,
    ) -> Result<Arc<Self>, StoreError> {
        let document = Document::new(directory.join("state.json"));
        let model = match document.load()? {
            Some(model) => model,
            None => {
                let model = Model::new(options.mode, population);
                document.save(&model)?;
                model
            }
        };
        Ok(Arc::new(Self {
            model: Mutex::new(model),
            document,
            master: options.master,
            vmapi: Vmapi::new(options.vmapi, options.cnapi, options.job_poll),
            upgrade_silence: options.upgrade_silence,
        }))
    }

    /// Serves it on an address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn serve(
        self: &Arc<Self>,
        address: SocketAddr,
        faults: FaultPoint,
    ) -> io::Result<ApiServer> {
        ApiServer::start(address, Arc::clone(self), faults).await
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        // What panicked while it held the lock answered nobody; the objects are whole.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the objects and writes them down. What cannot be written down is not changed.
    fn change<T>(&self, change: impl FnOnce(&mut Model) -> Result<T, Answer>) -> Result<T, Answer> {
        let mut model = self.model();
        let mut changed = model.clone();
        let outcome = change(&mut changed);
        if changed != *model {
            if let Err(error) = self.document.save(&changed) {
                tracing::error!(%error, "SAPI cannot keep its state");
                return Err(Answer::message(error.to_string()));
            }
            *model = changed;
        }
        outcome
    }
}

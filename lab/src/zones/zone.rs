//! One zone: what it is, its state, and the restarters of its services.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ZoneError;
use super::owner::Inner;
use super::services::{Preparation, Service, services};
use super::smf::{Launch, Prepare, Runner, RunnerOptions};
use crate::host::{Belonging, LAB_DIRECTORY};
use crate::layout::ZoneSpec;
use crate::messages::{ServiceState, ServiceStatus, ZoneState, ZoneStatus};

/// A service of a zone, with its restarter.
pub(super) struct Kept {
    pub(super) service: Service,
    pub(super) runner: Runner,
}

/// The part of a zone that is kept besides its [`ZoneSpec`]: `state.json`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ZoneRecord {
    pub(super) state: ZoneState,
}

/// The services that are enabled or not, by FMRI: `smf.json`. Those that are not in it are.
pub(super) type Enabled = BTreeMap<String, bool>;

/// A zone.
pub(super) struct Zone {
    spec: Mutex<ZoneSpec>,
    state: Mutex<ZoneState>,
    /// Held by whatever boots, halts or changes the zone.
    pub(super) operation: tokio::sync::Mutex<()>,
    pub(super) services: Vec<Arc<Kept>>,
    pub(super) disk_full: Arc<AtomicBool>,
}

impl Zone {
    /// A zone that is down, with restarters for its services.
    pub(super) fn new(
        inner: &Arc<Inner>,
        spec: ZoneSpec,
        state: ZoneState,
        enabled: &Enabled,
    ) -> Self {
        let disk_full = Arc::new(AtomicBool::new(false));
        let services = services(spec.role, &inner.layout)
            .into_iter()
            .map(|service| {
                let launch = launch(inner, &spec, &service, &disk_full);
                let enabled = enabled.get(&service.fmri).copied().unwrap_or(true);
                let stop_timeout = inner.settings.stop_timeout;
                let runner = Runner::spawn(launch, RunnerOptions { enabled, stop_timeout });
                Arc::new(Kept { service, runner })
            })
            .collect();
        Self {
            spec: Mutex::new(spec),
            state: Mutex::new(state),
            operation: tokio::sync::Mutex::default(),
            services,
            disk_full,
        }
    }

    pub(super) fn spec(&self) -> ZoneSpec {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change_spec(&self, change: impl FnOnce(&mut ZoneSpec)) -> ZoneSpec {
        let mut spec = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut spec);
        spec.clone()
    }

    pub(super) fn state(&self) -> ZoneState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_state(&self, state: ZoneState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(super) fn status(&self) -> ZoneStatus {
        let services = self.services.iter().map(|kept| kept.status()).collect();
        ZoneStatus { spec: self.spec(), state: self.state(), services }
    }

    pub(super) fn enabled(&self) -> Enabled {
        let entry = |kept: &Arc<Kept>| (kept.service.fmri.clone(), kept.runner.current().enabled);
        self.services.iter().map(entry).collect()
    }

    pub(super) fn is_disk_full(&self) -> bool {
        self.disk_full.load(Ordering::Relaxed)
    }
}

impl Kept {
    /// Waits until the service runs, or is down.
    pub(super) async fn settle(&self, zone: Uuid) -> Result<(), ZoneError> {
        self.runner.settle().await.map_err(|patience| ZoneError::Unsettled {
            zone,
            fmri: self.service.fmri.clone(),
            seconds: patience.as_secs(),
        })
    }

    pub(super) fn status(&self) -> ServiceStatus {
        let current = self.runner.current();
        let mut properties = self.service.properties.clone();
        let state = match current.state {
            ServiceState::Online => "online",
            ServiceState::Offline => "offline",
            ServiceState::Disabled => "disabled",
            ServiceState::Maintenance => "maintenance",
        };
        properties.insert("general/enabled".to_owned(), format!("boolean {}", current.enabled));
        properties.insert("restarter/state".to_owned(), format!("astring {state}"));
        ServiceStatus {
            fmri: self.service.fmri.clone(),
            state: current.state,
            since: current.since,
            pid: current.pid,
            properties,
        }
    }
}

/// The processes of a zone.
pub(super) fn belonging(inner: &Inner, zone: Uuid) -> Belonging {
    let root = inner.directory.zone_root(zone);
    let root = std::fs::canonicalize(&root).unwrap_or(root);
    Belonging { marks: vec![format!("LAB_ZONE={zone}")], directory: Some(root), group: None }
}

fn launch(
    inner: &Arc<Inner>,
    spec: &ZoneSpec,
    service: &Service,
    disk_full: &Arc<AtomicBool>,
) -> Launch {
    let zone = spec.uuid;
    let name = service.name();
    let mut command: Vec<std::ffi::OsString> =
        inner.layout.program.iter().map(Into::into).collect();
    command.extend([crate::context::ARGUMENT, service.program, "--lab"].map(Into::into));
    command.push(inner.directory.path().into());
    command.extend(["--zone".into(), zone.to_string().into()]);
    if !service.fmri.ends_with(":default") {
        command.extend(["--instance".into(), name.into()]);
    }
    let mark = format!("LAB_INSTANCE={zone}/{name}");
    let environment = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LANG", "C.UTF-8"),
        ("SMF_FMRI", &service.fmri),
        ("LAB_CONTROL", &inner.control_url()),
        ("LAB_ZONE", &zone.to_string()),
        (LAB_DIRECTORY, &inner.directory.path().display().to_string()),
        mark.split_once('=').unwrap_or_default(),
    ];
    Launch {
        command,
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        mark: mark.clone(),
        directory: inner.directory.zone_root(zone),
        log: inner.directory.zone_log(zone).join(format!("{name}.log")),
        user: inner.layout.run_as.clone(),
        disk_full: Arc::clone(disk_full),
        prepare: match service.preparation {
            Preparation::None => None,
            Preparation::Configuration => Some(configuration_pass(inner, spec)),
        },
    }
}

/// The work of config-agent before it counts as started.
fn configuration_pass(inner: &Arc<Inner>, spec: &ZoneSpec) -> Prepare {
    // The zone holds this, and the owner the zone: a strong reference would keep all of them for ever.
    let inner = Arc::downgrade(inner);
    let spec = spec.clone();
    Arc::new(move || {
        let (inner, spec) = (inner.upgrade(), spec.clone());
        Box::pin(async move {
            let Some(inner) = inner else { return };
            if let Err(error) = inner.configure(&spec, inner.settings.configuration_timeout).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(zone = %spec.uuid, error, "config-agent starts without a pass");
            }
        })
    })
}

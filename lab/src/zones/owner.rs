//! The owner of all zones of a lab.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::ZoneError;
use super::skeleton::Root;
use super::smf::{Event, Match, resolve};
use super::zone::{Enabled, Kept, Zone, ZoneRecord, belonging};
use crate::directory::LabDirectory;
use crate::host::Account;
use crate::host::{Belonging, Process, kill_all};
use crate::host::{Entrance, enter, postgresql};
use crate::host::{read_json, write_json};
use crate::layout::{Layout, ZoneSpec};
use crate::messages::{
    ExecRequest, ExecResponse, ServiceStatus, SmfAction, SmfRequest, ZoneProcess, ZoneState,
    ZoneStatus,
};
use crate::role::Role;

/// The directory in which zones have this machine's programs. The lab's lie over them, for all zones.
const USR: &str = "/usr/";

/// The settings of zones.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The time that a service has to end after SIGTERM until it is killed. SMF's default: 60 s.
    pub(crate) stop_timeout: Duration,
    /// The time for which the setup of a zone's first boot waits for SAPI. Default: 60 s.
    pub(crate) setup_timeout: Duration,
    /// The time for which config-agent's start waits for SAPI. Default: 10 s.
    pub(crate) configuration_timeout: Duration,
    /// The names of the commands that the lab's program stands in for, in zones. Default: none.
    pub(crate) tools: Vec<&'static str>,
    /// Other places where scripts look for such commands. Default: none.
    pub(crate) tool_paths: Vec<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            stop_timeout: minute,
            setup_timeout: minute,
            configuration_timeout: Duration::from_secs(10),
            tools: Vec::new(),
            tool_paths: Vec::new(),
        }
    }
}

/// All zones of a lab. Clones are the same.
#[derive(Clone)]
pub(crate) struct Zones {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) directory: LabDirectory,
    pub(super) layout: Layout,
    pub(super) account: Option<Account>,
    pub(super) settings: Settings,
    pub(super) zones: Mutex<BTreeMap<Uuid, Arc<Zone>>>,
}

impl Zones {
    /// The zones of a lab that are in its directory. None of them runs: processes that an earlier owner left
    /// behind are killed. To be called in a runtime.
    ///
    /// # Errors
    /// The directory cannot be read, or the global zones of its servers not be made.
    pub(crate) fn open(
        directory: LabDirectory,
        layout: Layout,
        settings: Settings,
    ) -> Result<Self, ZoneError> {
        let account = layout.run_as.as_deref().map(|user| {
            Account::named(user)
                .map_err(|source| ZoneError::Account { user: user.to_owned(), source })
        });
        let account = account.transpose()?;
        let zones = Mutex::default();
        let inner = Arc::new(Inner { directory, layout, account, settings, zones });
        inner.make_servers()?;
        // Routers and Morays of all zones write there.
        for journals in [inner.directory.rings(), inner.directory.databases()] {
            fs::create_dir_all(&journals).map_err(ZoneError::file("make", journals.clone()))?;
            inner.own(&journals)?;
        }
        for (spec, state, enabled) in inner.recorded()? {
            let uuid = spec.uuid;
            kill_all(&belonging(&inner, uuid))
                .map_err(ZoneError::file("list the processes of", inner.directory.zone(uuid)))?;
            let zone = Arc::new(Zone::new(&inner, spec, state, &enabled));
            inner.lock().insert(uuid, zone);
        }
        Ok(Self { inner })
    }

    /// The layout that the lab was made as.
    pub(crate) fn layout(&self) -> &Layout {
        &self.inner.layout
    }

    /// All zones, by name.
    pub(crate) fn list(&self) -> Vec<ZoneStatus> {
        let zones: Vec<_> = self.inner.lock().values().cloned().collect();
        zones.iter().map(|zone| zone.status()).collect()
    }

    /// A zone as it is now.
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) fn status(&self, zone: Uuid) -> Result<ZoneStatus, ZoneError> {
        Ok(self.inner.zone(zone)?.status())
    }

    /// The first address of a role's range that no zone has, and that is not `promised` to one.
    ///
    /// # Errors
    /// All are taken.
    pub(crate) fn next_address(
        &self,
        role: Role,
        promised: impl IntoIterator<Item = Ipv4Addr>,
    ) -> Result<Ipv4Addr, ZoneError> {
        let zones = self.inner.lock();
        let taken: Vec<Ipv4Addr> =
            zones.values().map(|zone| zone.spec().address).chain(promised).collect();
        drop(zones);
        self.inner.layout.block.next(role, &taken).ok_or(ZoneError::NoAddress { role })
    }

    /// Gives a zone another alias.
    ///
    /// # Errors
    /// There is no such zone, or it cannot be written down.
    pub(crate) fn set_alias(&self, zone: Uuid, alias: &str) -> Result<(), ZoneError> {
        let spec = self.inner.zone(zone)?.change_spec(|spec| alias.clone_into(&mut spec.alias));
        self.inner.record_spec(&spec)
    }

    /// `svcadm` in a zone. Returns the instance as it is then.
    ///
    /// # Errors
    /// There is no such zone, it does not run, or the instance is none or several.
    pub(crate) async fn smf(
        &self,
        zone: Uuid,
        request: &SmfRequest,
    ) -> Result<Vec<ServiceStatus>, ZoneError> {
        let found = self.inner.running(zone)?;
        let kept = find(&found, &request.instance)?;
        let event = match request.action {
            SmfAction::Enable => Event::Enable,
            SmfAction::Disable => Event::Disable,
            SmfAction::Restart => Event::Restart,
            SmfAction::Clear => Event::Clear,
            SmfAction::Refresh => return Ok(vec![kept.status()]),
        };
        tracing::info!(%zone, fmri = kept.service.fmri, action = ?request.action, "svcadm");
        kept.runner.send(event).await;
        self.inner.record_enabled(zone, &found.enabled())?;
        if request.wait {
            kept.settle(zone).await?;
        }
        Ok(vec![kept.status()])
    }

    /// The processes of a zone. In the zone itself not all of them can be told from others: their environment cannot be
    /// read there.
    ///
    /// # Errors
    /// There is no such zone, or the processes cannot be listed.
    pub(crate) fn processes(&self, zone: Uuid) -> Result<Vec<ZoneProcess>, ZoneError> {
        self.inner.zone(zone)?;
        self.inner.shown(&belonging(&self.inner, zone))
    }

    /// The processes of a server's global zone.
    ///
    /// # Errors
    /// There is no such server, or the processes cannot be listed.
    pub(crate) fn global_processes(&self, server: Uuid) -> Result<Vec<ZoneProcess>, ZoneError> {
        self.inner.server(server)?;
        let marks = vec![format!("LAB_ZONE=server:{server}")];
        self.inner.shown(&Belonging { marks, ..Belonging::default() })
    }

    /// Runs a command in a zone; see [`enter`].
    ///
    /// # Errors
    /// There is no such zone, it does not run, or the command cannot be started.
    pub(crate) async fn exec(
        &self,
        zone: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ZoneError> {
        let found = self.inner.running(zone)?;
        let root = self.inner.directory.zone_root(zone);
        let disk_full = found.is_disk_full();
        self.inner.enter(root, zone.to_string(), disk_full, request).await
    }

    /// Runs a command in the global zone of a server.
    ///
    /// # Errors
    /// There is no such server, or the command cannot be started.
    pub(crate) async fn exec_global(
        &self,
        server: Uuid,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ZoneError> {
        self.inner.server(server)?;
        let root = self.inner.directory.server_root(server);
        self.inner.enter(root, format!("server:{server}"), false, request).await
    }
}

fn find(zone: &Zone, pattern: &str) -> Result<Arc<Kept>, ZoneError> {
    let services = zone.services.iter().cloned();
    match resolve(pattern, services, |kept| kept.service.fmri.clone()) {
        Match::One(kept) => Ok(kept),
        Match::None => Err(ZoneError::NoInstance { pattern: pattern.to_owned() }),
        Match::Several(kept) => {
            let instances = kept.iter().map(|kept| kept.service.fmri.clone()).collect();
            Err(ZoneError::Ambiguous { pattern: pattern.to_owned(), instances })
        }
    }
}

impl Inner {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Zone>>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn zone(&self, zone: Uuid) -> Result<Arc<Zone>, ZoneError> {
        self.lock().get(&zone).cloned().ok_or(ZoneError::Unknown { zone })
    }

    fn running(&self, zone: Uuid) -> Result<Arc<Zone>, ZoneError> {
        let found = self.zone(zone)?;
        match found.state() {
            ZoneState::Running | ZoneState::Provisioning => Ok(found),
            state @ (ZoneState::Stopped | ZoneState::Failed | ZoneState::Destroyed) => {
                Err(ZoneError::State { zone, state })
            }
        }
    }

    fn server(&self, server: Uuid) -> Result<(), ZoneError> {
        let known = self.layout.servers.iter().any(|known| known.uuid == server);
        known.then_some(()).ok_or(ZoneError::UnknownServer { server })
    }

    fn shown(&self, belonging: &Belonging) -> Result<Vec<ZoneProcess>, ZoneError> {
        let found = belonging.find();
        let found =
            found.map_err(ZoneError::file("list the processes of", self.directory.path()))?;
        let mut shown: Vec<ZoneProcess> = found.iter().map(Process::shown).collect();
        shown.sort_by_key(|process| process.pid);
        Ok(shown)
    }

    pub(super) fn control_url(&self) -> String {
        format!("http://{}", self.layout.block.control())
    }

    async fn enter(
        &self,
        root: PathBuf,
        zone: String,
        disk_full: bool,
        request: &ExecRequest,
    ) -> Result<ExecResponse, ZoneError> {
        let program = self.layout.program.first().cloned().unwrap_or_default();
        let (user, control) = (self.layout.run_as.clone(), self.control_url());
        let place = zone.clone();
        let lab = self.directory.clone();
        let postgresql = postgresql(&self.layout);
        let entrance = Entrance { root, program, postgresql, user, zone, control, lab, disk_full };
        let entered = enter(&entrance, request).await;
        entered.map_err(|source| ZoneError::Enter { place, source })
    }

    /// The names that every zone resolves.
    pub(super) fn hosts(&self) -> Vec<(Ipv4Addr, String)> {
        let block = self.layout.block;
        let suffix = format!("{}.{}", self.layout.datacenter, self.layout.dns_domain);
        let apis = [
            ("sapi", block.sapi()),
            ("imgapi", block.imgapi()),
            ("vmapi", block.vmapi()),
            ("cnapi", block.cnapi()),
        ];
        let named = apis.into_iter().filter_map(|(name, address)| match address {
            std::net::SocketAddr::V4(address) => Some((*address.ip(), format!("{name}.{suffix}"))),
            std::net::SocketAddr::V6(_) => None,
        });
        named.collect()
    }

    /// The paths of the commands that the lab's program stands in for.
    pub(super) fn tools(&self) -> Vec<String> {
        let named = self.settings.tools.iter().map(|name| format!("opt/lab/bin/{name}"));
        let others = self.settings.tool_paths.iter().filter(|path| !path.starts_with(USR));
        named.chain(others.map(|path| path.trim_start_matches('/').to_owned())).collect()
    }

    fn make_servers(&self) -> Result<(), ZoneError> {
        let tools = self.directory.tools();
        fs::create_dir_all(&tools).map_err(ZoneError::file("make", tools.clone()))?;
        let in_usr = self.settings.tool_paths.iter().filter(|path| path.starts_with(USR));
        Root::new(tools, self.account.as_ref()).tools(in_usr)?;
        for server in &self.layout.servers {
            let root = self.directory.server_root(server.uuid);
            let parent = root.parent().unwrap_or(&root).to_owned();
            fs::create_dir_all(&parent).map_err(ZoneError::file("make", parent))?;
            let root = Root::new(root, self.account.as_ref());
            root.lay_out(&self.hosts(), &self.tools())?;
        }
        Ok(())
    }

    pub(super) fn own(&self, path: &Path) -> Result<(), ZoneError> {
        let Some(account) = &self.account else { return Ok(()) };
        account.own(path).map_err(ZoneError::file("change the owner of", path))
    }

    /// The zones that are in the directory.
    fn recorded(&self) -> Result<Vec<(ZoneSpec, ZoneState, Enabled)>, ZoneError> {
        let zones = self.directory.zones();
        let entries = match fs::read_dir(&zones) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(ZoneError::file("list", zones.clone()))?,
        };
        let mut recorded = Vec::new();
        for entry in entries {
            let entry = entry.map_err(ZoneError::file("list", zones.clone()))?;
            let Some(uuid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let path = self.directory.zone_spec(uuid);
            let Some(spec) = read_json(&path).map_err(ZoneError::file("read", path))? else {
                continue;
            };
            let path = self.directory.zone(uuid).join("state.json");
            let record = read_json(&path).map_err(ZoneError::file("read", path))?;
            let state = match record.map(|record: ZoneRecord| record.state) {
                // The owner that made it has gone.
                None | Some(ZoneState::Provisioning) => ZoneState::Failed,
                Some(state) => state,
            };
            let path = self.directory.zone(uuid).join("smf.json");
            let enabled = read_json(&path).map_err(ZoneError::file("read", path))?;
            recorded.push((spec, state, enabled.unwrap_or_default()));
        }
        Ok(recorded)
    }

    pub(super) fn record_spec(&self, spec: &ZoneSpec) -> Result<(), ZoneError> {
        let path = self.directory.zone_spec(spec.uuid);
        write_json(&path, spec).map_err(ZoneError::file("write", path))
    }

    /// Changes a zone's state, and writes it down.
    pub(super) fn record_state(&self, zone: &Zone, state: ZoneState) -> Result<(), ZoneError> {
        zone.set_state(state);
        let path = self.directory.zone(zone.spec().uuid).join("state.json");
        write_json(&path, &ZoneRecord { state }).map_err(ZoneError::file("write", path))
    }

    fn record_enabled(&self, zone: Uuid, enabled: &Enabled) -> Result<(), ZoneError> {
        let path = self.directory.zone(zone).join("smf.json");
        write_json(&path, enabled).map_err(ZoneError::file("write", path))
    }
}

//! Causing faults and healing them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::error::Cause;
use super::start::Emulated;
use crate::fault::{ActiveFault, Fault};
use crate::messages::{ZoneState, ZoneStatus};
use crate::postgres::Endpoint;
use crate::triton::cnapi::Cnapi;
use crate::triton::http::ApiFaults;
use crate::triton::imgapi::Imgapi;
use crate::triton::vmapi::Vmapi;
use crate::zones::Zones;
use crate::zookeeper::ZooKeeperServer;

/// The time for which a zone is either slowed down or left alone, together.
const PERIOD: Duration = Duration::from_millis(200);
/// The byte that damaged bytes are combined with.
const FLIP: u8 = 0x55;

/// The things that can be broken, and the faults that there are.
pub(crate) struct Faults {
    zones: Zones,
    apis: ApiFaults,
    imgapi: Arc<Imgapi>,
    vmapi: Arc<Vmapi>,
    cnapi: Arc<Cnapi>,
    zookeeper: Mutex<ZooKeeperServer>,
    active: Mutex<Active>,
}

#[derive(Default)]
struct Active {
    last: u64,
    faults: BTreeMap<u64, (ActiveFault, Going)>,
}

/// The state that goes with a fault until it is healed.
enum Going {
    Nothing,
    /// A zone that is slowed down.
    Slowing(Slowing),
    /// Zones that were killed.
    Down(Vec<Uuid>),
}

/// A zone that is stopped and continued in turn.
struct Slowing {
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Slowing {
    fn begin(zones: Zones, zone: Uuid, still: Duration) -> Self {
        let (end, ended) = watch::channel(false);
        Self { end, task: tokio::spawn(slow(zones, zone, still, ended)) }
    }

    /// Ends it after a turn. Cut off in the middle of one it could go on to stop processes that were just continued.
    async fn end(self) {
        self.end.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "a zone may still be slowed down");
        }
    }
}

impl Faults {
    pub(super) fn new(
        zones: Zones,
        faults: ApiFaults,
        apis: Emulated,
        zookeeper: ZooKeeperServer,
    ) -> Self {
        let Emulated { imgapi, vmapi, cnapi } = apis;
        let (zookeeper, active) = (Mutex::new(zookeeper), Mutex::default());
        Self { zones, apis: faults, imgapi, vmapi, cnapi, zookeeper, active }
    }

    /// The active faults.
    pub(crate) async fn list(&self) -> Vec<ActiveFault> {
        let mut active = self.active.lock().await;
        self.forget_ended(&mut active);
        active.faults.values().map(|(active, _)| active.clone()).collect()
    }

    /// Some end by themselves.
    fn forget_ended(&self, active: &mut Active) {
        let apis = self.apis.list();
        let jobs = self.vmapi.job_faults();
        active.faults.retain(|_, (active, _)| match &active.fault {
            Fault::Api { api, .. } => apis.contains_key(api),
            Fault::Job(job) => jobs.contains(job),
            Fault::Kill { .. }
            | Fault::Freeze { .. }
            | Fault::Slow { .. }
            | Fault::DiskFull { .. }
            | Fault::Lag { .. }
            | Fault::ZooKeeper
            | Fault::Server { .. }
            | Fault::Power { .. }
            | Fault::JobDelay { .. }
            | Fault::Image { .. } => true,
        });
    }

    /// Breaks something that is whole.
    pub(crate) async fn cause(&self, fault: Fault) -> Result<ActiveFault, Cause> {
        let mut active = self.active.lock().await;
        self.forget_ended(&mut active);
        if let Some((other, _)) = active.faults.values().find(|(it, _)| it.fault.clashes(&fault)) {
            let (id, other) = (other.id, &other.fault);
            return Err(
                format!("that is broken already, heal it first: fault {id}, {other}").into()
            );
        }
        let going = self.begin(&fault).await?;
        active.last += 1;
        let caused = ActiveFault { id: active.last, since: Timestamp::now(), fault };
        tracing::info!(id = caused.id, fault = %caused.fault, "broken on purpose");
        active.faults.insert(caused.id, (caused.clone(), going));
        Ok(caused)
    }

    /// Heals one fault, or all. Returns which were healed.
    pub(crate) async fn heal(&self, id: Option<u64>) -> Result<Vec<ActiveFault>, Cause> {
        let mut active = self.active.lock().await;
        let ids: Vec<u64> = match id {
            Some(id) if active.faults.contains_key(&id) => vec![id],
            Some(id) => return Err(format!("there is no fault {id}").into()),
            None => active.faults.keys().copied().collect(),
        };
        let (mut healed, mut failed) = (Vec::new(), None);
        for id in ids {
            let Some((fault, mut going)) = active.faults.remove(&id) else { continue };
            if let Going::Slowing(slowing) = going {
                slowing.end().await;
                going = Going::Nothing;
            }
            match self.end(&fault.fault, &going).await {
                Ok(()) => healed.push(fault),
                Err(error) => {
                    // The others are healed nevertheless.
                    active.faults.insert(id, (fault, going));
                    failed = failed.or(Some(error));
                }
            }
        }
        failed.map_or(Ok(healed), Err)
    }

    /// Lets processes that stand still go on, so that they can be stopped.
    pub(super) async fn heal_processes(&self) {
        let mut active = self.active.lock().await;
        for (active, going) in std::mem::take(&mut active.faults).into_values() {
            if let Going::Slowing(slowing) = going {
                slowing.end().await;
            }
            let (Fault::Freeze { zone } | Fault::Slow { zone, .. }) = active.fault else {
                continue;
            };
            if let Err(error) = self.zones.thaw_zone(zone).await {
                tracing::warn!(%zone, %error, "cannot let a zone go on");
            }
        }
    }

    pub(super) async fn stop_zookeeper(&self) {
        self.zookeeper.lock().await.stop().await;
    }

    pub(super) async fn kill_zookeeper(&self) {
        self.zookeeper.lock().await.kill().await;
    }

    async fn begin(&self, fault: &Fault) -> Result<Going, Cause> {
        match fault {
            Fault::Kill { zone } => {
                if self.zones.status(*zone)?.state != ZoneState::Running {
                    return Err(format!("zone {zone} does not run").into());
                }
                self.zones.kill_zone(*zone).await?;
            }
            Fault::Freeze { zone } => self.zones.freeze_zone(*zone).await?,
            Fault::Slow { zone, percent } => {
                self.zones.status(*zone)?;
                let still = PERIOD * u32::from(*percent).clamp(1, 99) / 100;
                return Ok(Going::Slowing(Slowing::begin(self.zones.clone(), *zone, still)));
            }
            Fault::DiskFull { zone } => self.zones.set_disk_full(*zone, true).await?,
            Fault::Lag { zone } => self.replay(*zone, "SELECT pg_wal_replay_pause()").await?,
            Fault::ZooKeeper => self.zookeeper.lock().await.kill().await,
            Fault::Server { server } => self.cnapi.set_silent(*server, true),
            Fault::Power { server } => return self.cut_power(*server).await.map(Going::Down),
            Fault::Api { api, how } => self.apis.set(*api, how.clone()),
            Fault::Image { image } => flip(&self.imgapi.file(*image))?,
            Fault::Job(job) => self.vmapi.fail_next(job.clone()),
            Fault::JobDelay { task, seconds } => {
                self.vmapi.delay(*task, Some(Duration::from_secs((*seconds).into())));
            }
        }
        Ok(Going::Nothing)
    }

    /// Kills the zones of a compute node that run. Returns which.
    async fn cut_power(&self, server: Uuid) -> Result<Vec<Uuid>, Cause> {
        if !self.zones.layout().servers.iter().any(|known| known.uuid == server) {
            return Err(format!("there is no compute node {server}").into());
        }
        let running =
            |zone: &ZoneStatus| zone.spec.server == server && zone.state == ZoneState::Running;
        let zones: Vec<Uuid> = self
            .zones
            .list()
            .iter()
            .filter(|zone| running(zone))
            .map(|zone| zone.spec.uuid)
            .collect();
        let killed = zones.iter().map(|zone| self.zones.kill_zone(*zone));
        for killed in futures_util::future::join_all(killed).await {
            killed?;
        }
        self.cnapi.set_silent(server, true);
        Ok(zones)
    }

    async fn restore_power(&self, server: Uuid, zones: &[Uuid]) -> Result<(), Cause> {
        self.cnapi.set_silent(server, false);
        let known = zones.iter().filter(|zone| self.zones.status(**zone).is_ok());
        let booted = known.map(|zone| self.zones.boot(*zone));
        for booted in futures_util::future::join_all(booted).await {
            booted?;
        }
        Ok(())
    }

    async fn end(&self, fault: &Fault, going: &Going) -> Result<(), Cause> {
        if fault.zone().is_some_and(|zone| self.zones.status(zone).is_err()) {
            // It was destroyed meanwhile, and its fault with it.
            return Ok(());
        }
        match fault {
            Fault::Kill { zone } => self.zones.boot(*zone).await?,
            Fault::Freeze { zone } | Fault::Slow { zone, .. } => {
                self.zones.thaw_zone(*zone).await?;
            }
            Fault::DiskFull { zone } => self.zones.set_disk_full(*zone, false).await?,
            Fault::Lag { zone } => self.resume(*zone).await?,
            Fault::ZooKeeper => self.zookeeper.lock().await.resume().await?,
            Fault::Server { server } => self.cnapi.set_silent(*server, false),
            Fault::Power { server } => {
                let zones = if let Going::Down(zones) = going { zones.as_slice() } else { &[] };
                self.restore_power(*server, zones).await?;
            }
            Fault::Api { api, .. } => self.apis.clear(*api),
            Fault::Image { image } => flip(&self.imgapi.file(*image))?,
            Fault::Job(job) => self.vmapi.forgive(job),
            Fault::JobDelay { task, .. } => self.vmapi.delay(*task, None),
        }
        Ok(())
    }

    /// A server that was started again or promoted since replays already.
    async fn resume(&self, zone: Uuid) -> Result<(), Cause> {
        if self.zones.status(zone)?.state != ZoneState::Running {
            return Ok(());
        }
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume() END";
        self.replay(zone, sql).await
    }

    async fn replay(&self, zone: Uuid, sql: &str) -> Result<(), Cause> {
        let address = self.zones.status(zone)?.spec.address;
        let endpoint =
            Endpoint { server: std::net::SocketAddrV4::new(address, 5432), source: address };
        endpoint.value(sql).await?;
        Ok(())
    }
}

/// Stops and continues a zone's processes in turn, until it is to end.
async fn slow(zones: Zones, zone: Uuid, still: Duration, ended: watch::Receiver<bool>) {
    while !*ended.borrow() {
        let stopped = zones.freeze_zone(zone).await;
        tokio::time::sleep(still).await;
        let gone_on = zones.thaw_zone(zone).await;
        if let Err(error) = stopped.and(gone_on) {
            tracing::warn!(%zone, %error, "cannot slow a zone down any more");
            return;
        }
        tokio::time::sleep(PERIOD.saturating_sub(still)).await;
    }
}

/// Flips bits in the middle of a file, or back.
fn flip(path: &Path) -> io::Result<()> {
    let mut bytes = fs::read(path)?;
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle).take(16) {
        *byte ^= FLIP;
    }
    fs::write(path, bytes)
}

//! The life of whole zones: they are provisioned, boot, halt, are reprovisioned, destroyed, and broken on purpose.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::ZoneError;
use super::owner::{Inner, Zones};
use super::services::Preparation;
use super::setup::SENTINEL;
use super::skeleton::Root;
use super::smf::Event;
use super::zone::{Enabled, Zone, belonging};
use crate::host::{Belonging, freeze_all, kill_all, quit_postgres, thaw_all};
use crate::layout::ZoneSpec;
use crate::messages::ZoneState;
use crate::process::supervised;
use crate::role::Role;

impl Zones {
    /// Makes a zone and boots it. When that fails the zone stays, as failed.
    ///
    /// # Errors
    /// There is such a zone already, or it cannot be made or set up.
    pub(crate) async fn provision(&self, spec: ZoneSpec) -> Result<(), ZoneError> {
        let inner = &self.inner;
        let uuid = spec.uuid;
        let zone = Arc::new(Zone::new(inner, spec, ZoneState::Provisioning, &Enabled::new()));
        {
            let mut zones = inner.lock();
            if zones.contains_key(&uuid) {
                return Err(ZoneError::Exists { zone: uuid });
            }
            zones.insert(uuid, Arc::clone(&zone));
        }
        tracing::info!(zone = %uuid, alias = zone.spec().alias, "provisioning");
        let _operation = zone.operation.lock().await;
        let made = inner.make(&zone).and_then(|()| inner.lay_out(&zone.spec()));
        let booted = match made {
            Ok(()) => inner.bring_up(&zone).await,
            Err(error) => Err(error),
        };
        inner.failed_unless(booted, &zone)
    }

    /// Boots a zone. One that runs is left alone.
    ///
    /// # Errors
    /// There is no such zone, or its setup fails.
    pub(crate) async fn boot(&self, zone: Uuid) -> Result<(), ZoneError> {
        let zone = self.inner.zone(zone)?;
        let _operation = zone.operation.lock().await;
        if zone.state() == ZoneState::Running {
            return Ok(());
        }
        self.inner.bring_up(&zone).await
    }

    /// Boots all zones that ran when their state was last written down, all at the same time.
    ///
    /// # Errors
    /// Of the first that does not boot, after all others have.
    pub(crate) async fn boot_all(&self) -> Result<(), ZoneError> {
        let zones: Vec<_> = self.inner.lock().values().cloned().collect();
        let mut boots = tokio::task::JoinSet::new();
        for zone in zones.into_iter().filter(|zone| zone.state() == ZoneState::Running) {
            let inner = Arc::clone(&self.inner);
            boots.spawn(async move {
                let _operation = zone.operation.lock().await;
                inner.bring_up(&zone).await
            });
        }
        boots.join_all().await.into_iter().collect()
    }

    /// Shuts a zone down: its services end in order, then whatever is left of it is killed.
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) async fn halt(&self, zone: Uuid) -> Result<(), ZoneError> {
        let zone = self.inner.zone(zone)?;
        let _operation = zone.operation.lock().await;
        self.inner.bring_down(&zone).await?;
        self.inner.record_state(&zone, ZoneState::Stopped)
    }

    /// Ends the processes of all zones at the same time. What was running boots with the lab's next start.
    pub(crate) async fn shut_down(&self) {
        let zones: Vec<_> = self.inner.lock().values().cloned().collect();
        let mut ends = tokio::task::JoinSet::new();
        for zone in zones {
            let inner = Arc::clone(&self.inner);
            ends.spawn(async move { inner.bring_down(&zone).await });
        }
        for failed in ends.join_all().await.into_iter().filter_map(Result::err) {
            tracing::warn!(error = &failed as &dyn std::error::Error, "a zone did not shut down");
        }
        for server in &self.inner.layout.servers {
            let marks = vec![format!("LAB_ZONE=server:{}", server.uuid)];
            self.inner.blocking(Belonging { marks, ..Belonging::default() }, kill_all).await;
        }
    }

    /// Kills the processes of all zones at once. Nobody wants their data any more.
    pub(crate) async fn discard(&self) {
        let inner = &self.inner;
        let zones: Vec<_> = inner.lock().values().cloned().collect();
        for kept in zones.iter().flat_map(|zone| &zone.services) {
            kept.runner.send(Event::Abandon).await;
        }
        let belonging = Belonging::of_lab(inner.directory.path());
        let works: [fn(&Belonging) -> std::io::Result<()>; 3] = [thaw_all, quit_postgres, kill_all];
        for work in works {
            inner.blocking(belonging.clone(), work).await;
        }
    }

    /// Halts a zone and boots it.
    ///
    /// # Errors
    /// There is no such zone, or it does not boot.
    pub(crate) async fn reboot(&self, zone: Uuid) -> Result<(), ZoneError> {
        let zone = self.inner.zone(zone)?;
        let _operation = zone.operation.lock().await;
        self.inner.bring_down(&zone).await?;
        self.inner.record_state(&zone, ZoneState::Stopped)?;
        self.inner.bring_up(&zone).await
    }

    /// Halts a zone, makes its root directory anew from another image, and boots it, with all of a first boot's setup. The
    /// database of a postgres zone stays: it is on a delegated dataset.
    ///
    /// # Errors
    /// There is no such zone, or it cannot be made or set up again.
    pub(crate) async fn reprovision(&self, zone: Uuid, image: Uuid) -> Result<(), ZoneError> {
        let inner = &self.inner;
        let zone = inner.zone(zone)?;
        let _operation = zone.operation.lock().await;
        inner.bring_down(&zone).await?;
        let spec = zone.change_spec(|spec| spec.image = image);
        inner.record_spec(&spec)?;
        inner.record_state(&zone, ZoneState::Provisioning)?;
        let kept: &[&str] = if spec.role == Role::Postgres { &["manatee"] } else { &[] };
        let root = Root::new(inner.directory.zone_root(spec.uuid), inner.account.as_ref());
        let made = root.clear(kept).and_then(|()| inner.lay_out(&spec));
        // A new root has all services enabled, as a new zone has.
        for kept in &zone.services {
            kept.runner.send(Event::Enable).await;
        }
        let booted = match made {
            Ok(()) => inner.bring_up(&zone).await,
            Err(error) => Err(error),
        };
        inner.failed_unless(booted, &zone)
    }

    /// Halts a zone and removes it.
    ///
    /// # Errors
    /// There is no such zone, or it cannot be removed.
    pub(crate) async fn destroy(&self, uuid: Uuid) -> Result<(), ZoneError> {
        let zone = self.inner.zone(uuid)?;
        let _operation = zone.operation.lock().await;
        self.inner.bring_down(&zone).await?;
        zone.set_state(ZoneState::Destroyed);
        let path = self.inner.directory.zone(uuid);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ZoneError::file("remove", path)(error));
            }
            _ => {}
        }
        self.inner.lock().remove(&uuid);
        Ok(())
    }

    /// Kills all processes of a zone at once. Nothing runs in it until it is booted.
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) async fn kill_zone(&self, zone: Uuid) -> Result<(), ZoneError> {
        let zone = self.inner.zone(zone)?;
        for kept in &zone.services {
            kept.runner.send(Event::Abandon).await;
        }
        self.inner.blocking(belonging(&self.inner, zone.spec().uuid), kill_all).await;
        for kept in &zone.services {
            kept.settle(zone.spec().uuid).await?;
        }
        self.inner.record_state(&zone, ZoneState::Stopped)
    }

    /// Stops all processes of a zone where they are (SIGSTOP), until [`Zones::thaw_zone`].
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) async fn freeze_zone(&self, zone: Uuid) -> Result<(), ZoneError> {
        self.inner.zone(zone)?;
        self.inner.blocking(belonging(&self.inner, zone), freeze_all).await;
        Ok(())
    }

    /// Lets the processes of a zone go on.
    ///
    /// # Errors
    /// There is no such zone.
    pub(crate) async fn thaw_zone(&self, zone: Uuid) -> Result<(), ZoneError> {
        self.inner.zone(zone)?;
        self.inner.blocking(belonging(&self.inner, zone), thaw_all).await;
        Ok(())
    }

    /// Has all writes of a zone's processes to files fail, or no longer: those that run, and those that will be started.
    /// They see "File too large" where a full disk has "No space left on device". As on a full ZFS dataset
    /// overwriting fails too.
    ///
    /// # Errors
    /// There is no such zone, or its processes cannot be listed.
    pub(crate) async fn set_disk_full(&self, zone: Uuid, full: bool) -> Result<(), ZoneError> {
        let found = self.inner.zone(zone)?;
        found.disk_full.store(full, Ordering::Relaxed);
        let belonging = belonging(&self.inner, zone);
        let processes = belonging
            .find()
            .map_err(ZoneError::file("list the processes of", self.inner.directory.zone(zone)))?;
        let limit = if full { "--fsize=0:" } else { "--fsize=unlimited:" };
        for process in processes {
            // As their own user: for another one's processes root may lack the capability, as in containers.
            let limited = supervised("prlimit", self.inner.layout.run_as.as_deref())
                .args([limit, "--pid", &process.pid.to_string()])
                .output();
            match limited.await {
                Ok(output) if output.status.success() => {}
                // It may be gone.
                Ok(_) => tracing::debug!(%zone, pid = process.pid, "no limit was set"),
                Err(source) => {
                    return Err(ZoneError::Enter { place: zone.to_string(), source });
                }
            }
        }
        Ok(())
    }
}

impl Inner {
    /// The directory of a new zone, and what is written down about it.
    fn make(&self, zone: &Zone) -> Result<(), ZoneError> {
        let spec = zone.spec();
        let log = self.directory.zone_log(spec.uuid);
        fs::create_dir_all(&log).map_err(ZoneError::file("make", log))?;
        self.record_spec(&spec)?;
        self.record_state(zone, ZoneState::Provisioning)
    }

    async fn bring_up(&self, zone: &Zone) -> Result<(), ZoneError> {
        let spec = zone.spec();
        if !self.directory.zone_root(spec.uuid).join(SENTINEL).exists() {
            self.set_up(&spec).await?;
        }
        for kept in &zone.services {
            kept.runner.send(Event::Boot).await;
            if kept.service.preparation != Preparation::None {
                kept.settle(spec.uuid).await?;
            }
        }
        tracing::info!(zone = %spec.uuid, alias = spec.alias, "booted");
        self.record_state(zone, ZoneState::Running)
    }

    async fn bring_down(&self, zone: &Zone) -> Result<(), ZoneError> {
        let uuid = zone.spec().uuid;
        // Processes that are frozen would not hear that they are to end.
        self.blocking(belonging(self, uuid), thaw_all).await;
        for kept in &zone.services {
            kept.runner.send(Event::Shutdown).await;
        }
        let mut settled = Ok(());
        for kept in &zone.services {
            settled = settled.and(kept.settle(uuid).await);
        }
        self.blocking(belonging(self, uuid), kill_all).await;
        settled
    }

    /// Signals processes, on a thread that may wait.
    async fn blocking(&self, belonging: Belonging, work: fn(&Belonging) -> std::io::Result<()>) {
        let done = tokio::task::spawn_blocking(move || work(&belonging)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(%error, lab = %self.directory.path().display(), "cannot signal all processes");
        }
    }

    fn failed_unless(&self, outcome: Result<(), ZoneError>, zone: &Zone) -> Result<(), ZoneError> {
        if outcome.is_err() {
            self.record_state(zone, ZoneState::Failed)?;
        }
        outcome
    }
}

//! A lab as a whole: started, looked at, stopped.

mod block;
mod builder;
mod error;
mod faults;
mod home;
mod host;
mod images;
mod proof;
mod reach;
mod ready;
mod remains;
mod ring;
mod start;
mod summary;

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tokio::sync::watch;

pub use self::builder::LabBuilder;
pub use self::error::LabError;
use self::faults::Faults;
pub use self::proof::{ProofError, prove, rings_served};
pub use self::ready::primary;
use self::remains::TempLab;
use self::start::Apis;
use crate::address::AddressBlock;
use crate::directory::LabDirectory;
use crate::host::{Entrance, shell};
use crate::layout::{Layout, ZoneSpec};
use crate::messages::ZoneStatus;
use crate::role::Role;
use crate::triton::http::ApiServer;
use crate::zones::Zones;

/// A running lab. It ends with [`Lab::stop`]; dropping it kills it.
///
/// ```no_run
/// # async fn example() -> Result<(), lab::LabError> {
/// let lab = lab::Lab::builder().start().await?;
/// println!("{}", lab.summary());
/// lab.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Lab {
    layout: Arc<Layout>,
    directory: LabDirectory,
    zones: Zones,
    faults: Arc<Faults>,
    apis: Apis,
    control: ApiServer,
    stop: watch::Receiver<bool>,
    // The last to be dropped, in this order.
    temporary: Option<TempLab>,
    _lock: File,
}

impl Lab {
    /// A lab that is going to be started.
    pub fn builder() -> LabBuilder {
        LabBuilder::new()
    }

    /// The layout that it was made with.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The directory in which it keeps everything.
    pub fn directory(&self) -> &LabDirectory {
        &self.directory
    }

    /// Its zones as they are now.
    pub fn zones(&self) -> Vec<ZoneStatus> {
        self.zones.list()
    }

    /// The addresses that clients of Manta's metadata tier use: port 2020 of every zone of electric-moray.
    pub fn routers(&self) -> Vec<SocketAddr> {
        let zones = self.zones.list().into_iter();
        zones
            .filter(|zone| zone.spec.role == Role::ElectricMoray)
            .map(|zone| SocketAddr::from((zone.spec.address, crate::moray::PORT)))
            .collect()
    }

    /// The file of its configuration for `reshard`.
    pub fn configuration(&self) -> PathBuf {
        self.directory.path().join("reshard.toml")
    }

    /// Tells where everything is and how to get at it, for people.
    pub fn summary(&self) -> String {
        summary::summary(self)
    }

    /// Returns when the control API was told to stop the lab.
    pub async fn stop_asked_for(&self) {
        let mut stop = self.stop.clone();
        // The lab itself keeps the sender: it cannot be gone.
        drop(stop.wait_for(|stop| *stop).await);
    }

    /// Stops everything, and removes the directory if it was not the caller's. The control API answers until that is done.
    ///
    /// In a directory of the caller's the databases are shut down as they should be. Those that are removed are not.
    pub async fn stop(self) {
        let Self { zones, faults, apis, control, temporary, _lock: lock, .. } = self;
        faults.heal_processes().await;
        if temporary.is_some() {
            zones.discard().await;
            faults.kill_zookeeper().await;
        } else {
            zones.shut_down().await;
            faults.stop_zookeeper().await;
        }
        apis.stop().await;
        if let Err(error) = tokio::task::spawn_blocking(move || drop((temporary, lock))).await {
            tracing::warn!(%error, "the lab's directory is not removed");
        }
        control.stop().await;
    }
}

/// ZooKeeper's own command line, for the ZooKeeper of a lab. Without arguments it reads commands.
pub fn zookeeper_shell(layout: &Layout, arguments: &[String]) -> Command {
    crate::tools::programs::zookeeper_shell(Some(&layout.zookeeper()), arguments)
}

/// A login shell in a zone of a lab, on the terminal of whoever runs it. `terminal`: the kind of terminal, `TERM`.
pub fn zone_shell(layout: &Layout, zone: &ZoneSpec, terminal: &str) -> Command {
    let directory = LabDirectory::new(&layout.directory);
    let user = layout.run_as.clone();
    let entrance = Entrance { user, ..Entrance::of_zone(layout, &directory, zone.uuid) };
    let uuid = entrance.zone.clone();
    let short = uuid.split('-').next().unwrap_or_default();
    shell(&entrance, &format!("{short} ({})", zone.role.service()), terminal)
}

/// The blocks of the labs that run on this machine.
pub async fn running() -> Vec<AddressBlock> {
    let mut found = Vec::new();
    for block in (0..=u8::MAX).map(AddressBlock::new) {
        if tokio::net::TcpStream::connect(block.control()).await.is_ok() {
            found.push(block);
        }
    }
    found
}

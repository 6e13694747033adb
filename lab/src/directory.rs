//! Where a lab keeps what.

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The directory of a lab, and the names of what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabDirectory(PathBuf);

impl LabDirectory {
    /// The lab at a path. Nothing is read or made.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The layout of the lab, as JSON.
    pub fn layout(&self) -> PathBuf {
        self.0.join("lab.json")
    }

    /// The file that is there when the lab has been made with all that belongs to it.
    pub(crate) fn made(&self) -> PathBuf {
        self.0.join("made")
    }

    /// The file that a running lab holds locked.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// What lies over this machine's `/usr` in zones.
    pub fn tools(&self) -> PathBuf {
        self.0.join("tools")
    }

    /// The program that stands for node-fash in zones, if there is one.
    pub fn fash(&self) -> PathBuf {
        self.0.join("fash")
    }

    /// ZooKeeper's directory.
    pub fn zookeeper(&self) -> PathBuf {
        self.0.join("zookeeper")
    }

    /// Where the emulated API `name` keeps its state.
    pub fn triton(&self, name: &str) -> PathBuf {
        self.0.join("triton").join(name)
    }

    /// Where routers write down which rings they serve, and when.
    pub fn rings(&self) -> PathBuf {
        self.0.join("rings")
    }

    /// Where all zones are.
    pub fn zones(&self) -> PathBuf {
        self.0.join("zones")
    }

    /// What the lab knows of a zone, and its file system.
    pub fn zone(&self, zone: Uuid) -> PathBuf {
        self.zones().join(zone.to_string())
    }

    /// A zone's [`crate::ZoneSpec`], as JSON.
    pub fn zone_spec(&self, zone: Uuid) -> PathBuf {
        self.zone(zone).join("zone.json")
    }

    /// The directory that a zone sees as `/`.
    pub fn zone_root(&self, zone: Uuid) -> PathBuf {
        self.zone(zone).join("root")
    }

    /// A path of a zone, as the lab sees it. `path` is absolute in the zone.
    pub fn in_zone(&self, zone: Uuid, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.zone_root(zone).join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Where a zone's services write what they have to say.
    pub fn zone_log(&self, zone: Uuid) -> PathBuf {
        self.zone(zone).join("log")
    }

    /// The directory that a compute node's global zone sees as `/`.
    pub fn server_root(&self, server: Uuid) -> PathBuf {
        self.0.join("servers").join(server.to_string()).join("root")
    }
}

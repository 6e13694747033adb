//! The paths of all that a lab keeps.

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

    /// The directory that lies over this machine's `/usr` in zones.
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

    /// The directory in which the emulated API `name` keeps its state.
    pub fn triton(&self, name: &str) -> PathBuf {
        self.0.join("triton").join(name)
    }

    /// The directory in which Morays write down whose database they serve out of, and when.
    pub fn databases(&self) -> PathBuf {
        self.0.join("databases")
    }

    /// The directory in which routers write down which rings they serve, and when.
    pub fn rings(&self) -> PathBuf {
        self.0.join("rings")
    }

    /// The directory of all zones.
    pub fn zones(&self) -> PathBuf {
        self.0.join("zones")
    }

    /// The directory of a zone: what the lab knows of it, and its file system.
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

    /// The directory to which a zone's services write what they have to say.
    pub fn zone_log(&self, zone: Uuid) -> PathBuf {
        self.zone(zone).join("log")
    }

    /// The directory that a compute node's global zone sees as `/`.
    pub fn server_root(&self, server: Uuid) -> PathBuf {
        self.0.join("servers").join(server.to_string()).join("root")
    }
}

//! Reading a ring where it lies: [`RingReader`].

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::header::{Header, Marks, bad_value, parse};
use super::layout::{self, VnodeList};
use super::notice::{Notice, Notices};
use crate::leveldb::{Batch, DirectoryLock, Getter, LostTail, View};
use crate::{Algorithm, HashOutOfRange, Interval, Pnode, UnknownVnode, Vnode, VnodeData};

/// A ring in a LevelDB directory, open for reading.
///
/// Opening reads the ring's header and nothing else of its contents; each call then reads what it needs. Nothing in
/// the directory is changed, and what is read is one moment of the ring, even when another process changes it
/// meanwhile: a reader is a snapshot.
pub struct RingReader {
    path: PathBuf,
    view: View,
    header: Header,
    notices: Notices,
}

/// A vnode with its owner and its data, as read from a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedNode {
    /// The vnode's owner.
    pub pnode: Pnode,
    /// The vnode.
    pub vnode: Vnode,
    /// The vnode's data.
    pub data: VnodeData,
}

impl RingReader {
    /// Opens the ring in the directory `path`, unless a process holds it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the directory holds no ring, or one that is incomplete, of an unknown version, damaged where it
    /// was read, or in use (then [`StoreError::holder`] tells by whom: see [`Self::open_live`]).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::from_view(path, View::open_free(path)?)
    }

    /// Opens the ring in the directory `path` even if a process holds it, such as a running electric-moray.
    ///
    /// A process that is just changing the ring is no obstacle: the snapshot ends with its last finished change.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for [`Self::open`], except for a ring in use.
    pub fn open_live(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::from_view(path, View::open(path, LostTail::Tolerate)?)
    }

    pub(super) fn from_view(path: &Path, view: View) -> Result<Self, StoreError> {
        let header = Header::read(&view, path, Marks::Required)?;
        let notices = Notices::default();
        for loss in view.losses() {
            notices.add(Notice::LostWrites(loss.to_string()));
        }
        Ok(Self { path: path.to_owned(), view, header, notices })
    }

    /// The ring's directory, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The algorithm that hashes keys.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The number of vnodes.
    pub fn vnode_count(&self) -> u32 {
        self.header.vnode_count
    }

    /// The interval that the ring carries.
    pub fn interval(&self) -> &Interval {
        &self.header.interval
    }

    /// The version that the ring states.
    pub fn version(&self) -> &str {
        &self.header.version
    }

    /// The unusual things about what has been read so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.all()
    }

    /// The pnodes, in the order in which the ring has them.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be read.
    pub fn pnodes(&self) -> Result<Vec<Pnode>, StoreError> {
        let json = self.required(layout::PNODES)?;
        let names: Vec<String> = parse(&json, &self.path, layout::PNODES)?;
        names
            .iter()
            .map(|name| name.parse().map_err(|error| bad_value(&self.path, layout::PNODES, error)))
            .collect()
    }

    /// The vnode that a key belongs to.
    ///
    /// # Errors
    ///
    /// [`HashOutOfRange`] if the key's hash is beyond the ring's last vnode.
    pub fn vnode_of(&self, key: &[u8]) -> Result<Vnode, HashOutOfRange> {
        self.header.interval.vnode_of(key, self.header.vnode_count)
    }

    /// The vnode that a key belongs to, with its owner and data.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the key hashes beyond the last vnode, or the ring cannot be read.
    pub fn lookup(&self, key: &[u8]) -> Result<OwnedNode, StoreError> {
        let vnode = self
            .vnode_of(key)
            .map_err(|source| StoreError::Hash { path: self.path.clone(), source })?;
        self.node(vnode)
    }

    /// A vnode with its owner and data.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the ring has no such vnode, or cannot be read.
    pub fn node(&self, vnode: Vnode) -> Result<OwnedNode, StoreError> {
        self.nodes().read(vnode)
    }

    /// As [`Self::node`], for many vnodes, best in the order of their keys.
    pub(super) fn nodes(&self) -> Nodes<'_> {
        Nodes { reader: self, getter: Getter::new(&self.view), owner: None }
    }

    /// The vnodes of a pnode, in the order in which the ring lists them.
    ///
    /// If the list is missing or unreadable, the owner of every vnode is read instead, and [`Self::notices`]
    /// says so.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the ring has no such pnode, or cannot be read.
    pub fn vnodes_of(&self, pnode: &Pnode) -> Result<Vec<Vnode>, StoreError> {
        if !self.pnodes()?.contains(pnode) {
            let path = self.path.clone();
            return Err(StoreError::UnknownPnode { path, pnode: pnode.clone() });
        }
        let json = self.view.get(layout::list_key(pnode).as_bytes())?;
        let list = json.and_then(|json| VnodeList::parse(&json).ok());
        match list {
            Some(list) if list.vnodes.iter().all(|v| v.number() < self.header.vnode_count) => {
                Ok(list.vnodes)
            }
            _ => {
                self.notices.add(Notice::NoList(pnode.clone()));
                let owner = layout::json_text(pnode.as_str());
                let mut vnodes = Vec::new();
                self.for_each_owner(|vnode, json| {
                    if json == owner.as_bytes() {
                        vnodes.push(vnode);
                    }
                    Ok(())
                })?;
                vnodes.sort_unstable();
                Ok(vnodes)
            }
        }
    }

    /// The vnodes that have data, in the order in which the ring lists them.
    ///
    /// If the ring has no such list (node-fash before 2.0.2 made none), the data of every vnode is read, and
    /// [`Self::notices`] says so.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if they cannot be read.
    pub fn vnodes_with_data(&self) -> Result<Vec<Vnode>, StoreError> {
        match self.listed_vnodes_with_data()? {
            Some(list) => {
                let mut seen = std::collections::HashSet::new();
                Ok(list.vnodes.into_iter().filter(|vnode| seen.insert(*vnode)).collect())
            }
            None => {
                self.notices.add(Notice::NoVnodeData);
                Ok(self.load()?.vnodes_with_data().collect())
            }
        }
    }

    /// The list `VNODE_DATA`, if the ring has one.
    pub(super) fn listed_vnodes_with_data(&self) -> Result<Option<VnodeList>, StoreError> {
        let key = layout::VNODE_DATA;
        let Some(json) = self.view.get(key.as_bytes())? else { return Ok(None) };
        let list = VnodeList::parse(&json).map_err(|error| bad_value(&self.path, key, error))?;
        match list.vnodes.iter().find(|vnode| vnode.number() >= self.header.vnode_count) {
            Some(vnode) => {
                let problem = format!("vnode {vnode} does not exist");
                Err(bad_value(&self.path, key, problem))
            }
            None => Ok(Some(list)),
        }
    }

    /// Calls `visit` with every key of the ring's database and its value, in key order.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the database cannot be read to its end.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.view.for_each_with_prefix(b"", |key, value| {
            visit(key, value);
            Ok(())
        })
    }

    /// Calls `visit` with every vnode and the JSON of its owner, in key order: 0, 1, 10, 100, …
    pub(super) fn for_each_owner(
        &self,
        mut visit: impl FnMut(Vnode, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let prefix = layout::VNODE_PREFIX.as_bytes();
        self.view.for_each_with_prefix(prefix, |key, json| {
            let digits = key.strip_prefix(prefix).unwrap_or_default();
            match layout::vnode_of_digits(digits) {
                Some(vnode) if vnode.number() < self.header.vnode_count => visit(vnode, json),
                _ => Err(StoreError::Damaged {
                    path: self.path.clone(),
                    problem: format!("the key {} names no vnode", String::from_utf8_lossy(key)),
                }),
            }
        })
    }

    pub(super) fn parse_owner(&self, json: &[u8], key: &str) -> Result<Pnode, StoreError> {
        let name: String = parse(json, &self.path, key)?;
        name.parse().map_err(|error| bad_value(&self.path, key, error))
    }

    /// Writes a batch; the reader then shows the ring as it is after that.
    pub(super) fn write(&mut self, lock: &DirectoryLock, batch: Batch) -> Result<(), StoreError> {
        Ok(self.view.write(lock, batch)?)
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn notice(&self, notice: Notice) {
        self.notices.add(notice);
    }

    pub(super) fn missing(&self, key: &str) -> StoreError {
        StoreError::MissingKey { path: self.path.clone(), key: key.to_owned() }
    }

    pub(super) fn required(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        self.view.get(key.as_bytes())?.ok_or_else(|| self.missing(key))
    }
}

impl std::fmt::Debug for RingReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingReader")
            .field("path", &self.path)
            .field("algorithm", &self.header.algorithm)
            .field("vnode_count", &self.header.vnode_count)
            .finish_non_exhaustive()
    }
}

/// Reads vnodes one after the other.
pub(super) struct Nodes<'a> {
    reader: &'a RingReader,
    getter: Getter<'a>,
    /// The owner read last: its JSON, and the pnode. Owners repeat, so one name serves many vnodes.
    owner: Option<(Vec<u8>, Pnode)>,
}

impl Nodes<'_> {
    /// A vnode with its owner and data.
    pub(super) fn read(&mut self, vnode: Vnode) -> Result<OwnedNode, StoreError> {
        let vnode_count = self.reader.header.vnode_count;
        if vnode.number() >= vnode_count {
            let (path, source) = (self.reader.path.clone(), UnknownVnode { vnode, vnode_count });
            return Err(StoreError::UnknownVnode { path, source });
        }
        let key = layout::owner_key(vnode);
        let json = self.required(&key)?;
        let pnode = match &self.owner {
            Some((known, pnode)) if *known == json => pnode.clone(),
            _ => {
                let pnode = self.reader.parse_owner(&json, &key)?;
                self.owner = Some((json, pnode.clone()));
                pnode
            }
        };
        let key = layout::data_key(&pnode, vnode);
        let json = self.required(&key)?;
        let data =
            layout::parse_data(&json).map_err(|error| bad_value(&self.reader.path, &key, error))?;
        Ok(OwnedNode { pnode, vnode, data })
    }

    fn required(&mut self, key: &str) -> Result<Vec<u8>, StoreError> {
        self.getter.get(key.as_bytes())?.ok_or_else(|| self.reader.missing(key))
    }
}

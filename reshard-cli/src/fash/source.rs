//! The ring that a command reads: topology JSON in memory, or a LevelDB directory.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use fash::{Pnode, Ring, RingReader, Vnode, VnodeData};

use super::error::{Error, Result};
use super::notice::notice;

/// A backend, which keeps a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Topology JSON, read from a file or from standard input; never changed
    Memory,
    /// A LevelDB directory
    Leveldb,
}

/// The options that name a ring to read.
#[derive(clap::Args, Debug)]
pub(crate) struct RingArgs {
    /// Backend that keeps the ring
    #[arg(short, long, value_name = "BACKEND", allow_hyphen_values = true)]
    backend: Backend,

    /// Place of the ring: the LevelDB directory, or the file with the topology JSON [memory default: standard input]
    #[arg(short, long, value_name = "PATH", allow_hyphen_values = true)]
    location: Option<PathBuf>,

    #[command(flatten)]
    live: LiveArgs,
}

/// The options that name a LevelDB ring to read.
#[derive(clap::Args, Debug)]
pub(crate) struct StoreArgs {
    /// The ring's LevelDB directory
    #[arg(short, long, value_name = "DIR", allow_hyphen_values = true)]
    pub(crate) location: PathBuf,

    #[command(flatten)]
    live: LiveArgs,
}

#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct LiveArgs {
    /// Read a consistent snapshot of a LevelDB ring even if a process such as electric-moray holds it
    #[arg(long)]
    pub(crate) live: bool,
}

/// A ring that is open for reading.
pub(crate) enum Source {
    Memory(Box<Ring>),
    Store(Box<RingReader>),
}

impl RingArgs {
    pub(crate) fn open(&self) -> Result<Source> {
        open(self.backend, self.location.as_deref(), self.live)
    }

    /// The LevelDB directory, for an option that changes the ring.
    pub(crate) fn directory_to_change(&self, option: &str) -> Result<&Path> {
        if self.backend == Backend::Memory || self.live.live {
            let why = format!("{option} needs the leveldb backend and does not go with --live");
            return Err(Error::Usage(why));
        }
        store_location(self.location.as_deref())
    }
}

impl StoreArgs {
    pub(crate) fn open(&self) -> Result<RingReader> {
        open_store(&self.location, self.live)
    }
}

/// Opens the ring of a backend; the memory backend's default location is standard input.
pub(crate) fn open(backend: Backend, location: Option<&Path>, live: LiveArgs) -> Result<Source> {
    match backend {
        Backend::Memory if live.live => {
            Err(Error::Usage("--live needs the leveldb backend".to_owned()))
        }
        Backend::Memory => Ok(Source::Memory(Box::new(read_topology(location)?.canonical()))),
        Backend::Leveldb => {
            Ok(Source::Store(Box::new(open_store(store_location(location)?, live)?)))
        }
    }
}

/// The directory of the leveldb backend.
pub(crate) fn store_location(location: Option<&Path>) -> Result<&Path> {
    location.ok_or_else(|| Error::Usage("the leveldb backend requires a location (-l)".to_owned()))
}

fn open_store(location: &Path, LiveArgs { live }: LiveArgs) -> Result<RingReader> {
    Ok(if live { RingReader::open_live(location)? } else { RingReader::open(location)? })
}

/// Reads topology JSON as it is, from a file or from standard input.
pub(crate) fn read_topology(location: Option<&Path>) -> Result<Ring> {
    let from =
        location.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
    let mut json = Vec::new();
    let read = match location {
        Some(path) => fs::read(path).map(|content| json = content),
        None => io::stdin().lock().read_to_end(&mut json).map(drop),
    };
    read.map_err(|source| Error::Read { what: "a ring", from: from.clone(), source })?;
    Ring::from_json(&json).map_err(|source| Error::Topology { from, source })
}

impl Source {
    /// The whole ring, in memory.
    pub(crate) fn load(self) -> Result<Ring> {
        match self {
            Self::Memory(ring) => Ok(*ring),
            Self::Store(reader) => noticing(&reader, RingReader::load),
        }
    }

    /// The pnodes, in the backend's order.
    pub(crate) fn pnodes(&self) -> Result<Vec<Pnode>> {
        match self {
            Self::Memory(ring) => Ok(ring.pnodes().to_vec()),
            Self::Store(reader) => noticing(reader, RingReader::pnodes),
        }
    }

    /// The vnodes of a pnode: ascending in memory, in stored order in LevelDB.
    pub(crate) fn vnodes_of(&self, pnode: &Pnode) -> Result<Vec<Vnode>> {
        match self {
            Self::Memory(ring) => Ok(ring.vnodes_of(pnode)?),
            Self::Store(reader) => noticing(reader, |reader| reader.vnodes_of(pnode)),
        }
    }

    /// Finds the pnode and the vnode of a key.
    pub(crate) fn lookup(&self, key: &[u8]) -> Result<(Pnode, Vnode, VnodeData)> {
        match self {
            Self::Memory(ring) => {
                let node = ring.lookup(key)?;
                Ok((node.pnode.clone(), node.vnode, node.data.clone()))
            }
            Self::Store(reader) => {
                let node = noticing(reader, |reader| reader.lookup(key))?;
                Ok((node.pnode, node.vnode, node.data))
            }
        }
    }
}

/// Reads from a LevelDB ring and then says what was unusual about it. To be called once for a ring.
pub(crate) fn noticing<T, E>(
    reader: &RingReader,
    read: impl FnOnce(&RingReader) -> std::result::Result<T, E>,
) -> Result<T>
where
    Error: From<E>,
{
    let result = read(reader);
    reader.notices().iter().for_each(notice);
    Ok(result?)
}

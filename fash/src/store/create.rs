//! New rings.

use std::path::Path;

use super::error::StoreError;
use super::header::algorithm_value;
use super::layout;
use super::progress::{Counter, Progress};
use crate::durable::StagedDirectory;
use crate::leveldb::{self, DatabaseError};
use crate::{Pnode, Ring, Vnode};

/// Writes `ring` as a new LevelDB directory at `path`, which must not exist or be an empty directory.
///
/// The ring is written beside `path` and renamed into place when it is whole and on disk: a crash leaves nothing at
/// `path`. Besides the order of the pnodes, which is kept, the ring looks as node-fash writes it.
///
/// # Errors
///
/// [`StoreError`] if there is something at `path`, or the ring cannot be written there.
pub fn create_ring(path: impl AsRef<Path>, ring: &Ring) -> Result<(), StoreError> {
    create_ring_with_progress(path, ring, &mut |_| ())
}

/// As [`create_ring`], and calls `progress` now and then.
///
/// # Errors
///
/// [`StoreError`] as for [`create_ring`].
pub fn create_ring_with_progress(
    path: impl AsRef<Path>,
    ring: &Ring,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), StoreError> {
    let mut counter = Counter::new(ring.vnode_count(), progress);
    write_beside(path.as_ref(), |directory| {
        leveldb::create(directory, |add| {
            fill(ring, &mut |key, value| {
                counter.count();
                add(key.as_bytes(), value.as_bytes())
            })
        })
    })
}

/// Lets `write` fill a directory beside `path` and then puts it there.
pub(super) fn write_beside(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let taken = || DatabaseError::AlreadyExists { path: path.to_owned() };
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(taken().into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(taken().into());
        }
        Err(error) => return Err(DatabaseError::io("list", path)(error).into()),
    }
    let staged = StagedDirectory::beside(path).map_err(DatabaseError::io("write beside", path))?;
    write(staged.path())?;
    Ok(staged.install(path).map_err(DatabaseError::io("make", path))?)
}

type Add<'a> = dyn FnMut(&str, &str) -> Result<(), DatabaseError> + 'a;

/// Adds every key of the ring in ascending order.
fn fill(ring: &Ring, add: &mut Add<'_>) -> Result<(), StoreError> {
    let mut pnodes: Vec<(&Pnode, Vec<Vnode>)> =
        ring.pnodes().iter().zip(ring.vnodes_by_pnode()).collect();
    pnodes.sort();
    add(layout::PNODES, &layout::json_pnodes(ring.pnodes()))?;
    if separable(&pnodes) {
        for (pnode, vnodes) in &pnodes {
            fill_pnode(ring, pnode, vnodes, add)?;
        }
    } else {
        // The keys of one pnode stand among those of another: bring them into order.
        let mut entries = Vec::new();
        for (pnode, vnodes) in &pnodes {
            fill_pnode(ring, pnode, vnodes, &mut |key, value| {
                entries.push((key.to_owned(), value.to_owned()));
                Ok(())
            })?;
        }
        entries.sort();
        entries.iter().try_for_each(|(key, value)| add(key, value))?;
    }

    let names: Vec<String> =
        ring.pnodes().iter().map(|pnode| layout::json_text(pnode.as_str())).collect();
    let mut vnodes: Vec<Vnode> = (0..ring.vnode_count()).map(Vnode::new).collect();
    vnodes.sort_by_key(|&vnode| layout::key_order(vnode));
    for vnode in vnodes {
        let name = ring.owner_index(vnode).and_then(|index| names.get(index));
        add(&layout::owner_key(vnode), name.map_or("", String::as_str))?;
    }

    add(layout::ALGORITHM, &algorithm_value(ring))?;
    add(layout::COMPLETE, "1")?;
    add(layout::VERSION, &layout::json_text(crate::RING_VERSION))?;
    add(layout::VNODE_COUNT, &ring.vnode_count().to_string())?;
    // As node-fash's deserialize-ring has it: by pnode in the ring's order, then ascending.
    let with_data =
        ring.vnodes_by_pnode().into_iter().flatten().filter(|&vnode| !ring.data(vnode).is_none());
    add(layout::VNODE_DATA, &layout::json_vnodes(with_data))?;
    Ok(())
}

fn fill_pnode(
    ring: &Ring,
    pnode: &Pnode,
    vnodes: &[Vnode],
    add: &mut Add<'_>,
) -> Result<(), DatabaseError> {
    add(&layout::list_key(pnode), &layout::json_vnodes(vnodes.iter().copied()))?;
    let mut sorted = vnodes.to_vec();
    sorted.sort_by_key(|&vnode| layout::key_order(vnode));
    for vnode in sorted {
        let data = ring.data(vnode);
        let key = layout::data_key(pnode, vnode);
        if data.is_none() { add(&key, "1")? } else { add(&key, &data.to_string())? }
    }
    Ok(())
}

/// Tells whether all keys of one pnode come before those of the next: so unless a name begins with another one.
fn separable(sorted: &[(&Pnode, Vec<Vnode>)]) -> bool {
    sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .all(|((a, _), (b, _))| !b.as_str().starts_with(a.as_str()))
}

//! From a ring's directory to an image.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use rustix::fs::OFlags;
use tar::{EntryType, Header};

use super::digest::Digested;
use super::member::{self, Kind};
use super::{ImageDigest, ImageError};
use crate::durable;
use crate::stamp::Stamp;

/// The compression level of [`pack`], which is gzip's default.
pub const DEFAULT_LEVEL: u32 = 6;

/// Packs the ring in the directory `ring` into the new file `image`.
///
/// A stamp that is given takes the place of the ring's own; without one that is packed as it is.
///
/// The same ring and stamp give the same bytes: owners, modes and times are constants. The image appears under its
/// name only when it is complete and on disk; a process that is killed leaves a hidden file `.<name>.XXXXXX`.
///
/// That the directory holds a consistent ring is for the caller to see to: nothing may have it open for writing.
/// Files that change meanwhile are noticed by their size and modification time.
///
/// # Errors
/// `image` exists, `ring` has no file `CURRENT`, a file of the ring is not a regular file or changed meanwhile, or
/// reading or writing fails.
pub fn pack(ring: &Path, image: &Path, stamp: Option<&Stamp>) -> Result<ImageDigest, ImageError> {
    pack_at_level(ring, image, stamp, DEFAULT_LEVEL)
}

/// [`pack`] with a compression level from 0 (none) to 9 (best, slow); what is higher counts as 9.
///
/// # Errors
/// As [`pack`].
pub fn pack_at_level(
    ring: &Path,
    image: &Path,
    stamp: Option<&Stamp>,
    level: u32,
) -> Result<ImageDigest, ImageError> {
    let unwritable = |source| ImageError::Write { path: image.to_owned(), source };
    if fs::symlink_metadata(image).is_ok() {
        return Err(ImageError::Exists { path: image.to_owned() });
    }
    let before = list(ring)?;
    if !before.contains_key("CURRENT") {
        return Err(ImageError::NotARing { ring: ring.to_owned() });
    }

    let file = durable::hidden_prefix(image)
        .and_then(|prefix| {
            tempfile::Builder::new()
                .prefix(&prefix)
                .permissions(fs::Permissions::from_mode(0o644))
                .tempfile_in(durable::parent(image))
        })
        .map_err(unwritable)?;
    let gzip = GzBuilder::new().write(Digested::new(file), Compression::new(level.min(9)));
    let mut tar = tar::Builder::new(gzip);
    let mut add = |name: &str, size, contents: &mut dyn Read| {
        header(name, size).and_then(|header| tar.append(&header, contents)).map_err(|source| {
            ImageError::Pack { image: image.to_owned(), path: ring.join(name), source }
        })
    };
    add("", 0, &mut io::empty())?;
    for (name, seen) in &before {
        if stamp.is_none() || name != Stamp::FILE_NAME {
            add(name, seen.size, &mut open(ring, name, seen)?.take(seen.size))?;
        }
    }
    if let Some(stamp) = stamp {
        let json = stamp.to_json();
        add(Stamp::FILE_NAME, json.len() as u64, &mut json.as_bytes())?;
    }
    require_unchanged(ring, &before)?;

    let digested = tar.into_inner().and_then(GzEncoder::finish).map_err(unwritable)?;
    let (file, digest) = digested.finish();
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist_noclobber(image).map_err(|err| match err.error {
        err if err.kind() == io::ErrorKind::AlreadyExists => {
            ImageError::Exists { path: image.to_owned() }
        }
        err => unwritable(err),
    })?;
    durable::sync_directory(durable::parent(image)).map_err(unwritable)?;
    Ok(digest)
}

/// The facts seen of a file that must not change.
#[derive(PartialEq, Eq)]
struct Seen {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// The ring's files by name. Nothing else in the directory is looked at.
fn list(ring: &Path) -> Result<BTreeMap<String, Seen>, ImageError> {
    let unreadable = |source| ImageError::Read { path: ring.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(ring).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if member::kind(&name) != Some(Kind::Ring) {
            continue;
        }
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(ImageError::NotAFile { path }),
            Err(source) => return Err(ImageError::Read { path, source }),
        };
        files.insert(name, Seen::of(&metadata));
    }
    Ok(files)
}

/// Opens the file that was seen, and no other.
fn open(ring: &Path, name: &str, seen: &Seen) -> Result<File, ImageError> {
    let path = ring.join(name);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(&path)
        .and_then(|file| Ok((file.metadata()?, file)));
    match opened {
        Ok((metadata, file)) if Seen::of(&metadata) == *seen => Ok(file),
        Ok(_) => Err(ImageError::RingChanged { path }),
        Err(source) => Err(ImageError::Read { path, source }),
    }
}

fn require_unchanged(ring: &Path, before: &BTreeMap<String, Seen>) -> Result<(), ImageError> {
    let after = list(ring)?;
    let changed =
        before.keys().chain(after.keys()).find(|name| before.get(*name) != after.get(*name));
    match changed {
        Some(name) => Err(ImageError::RingChanged { path: ring.join(name) }),
        None => Ok(()),
    }
}

/// The header of a file in the image's directory, or with an empty name of the directory itself.
fn header(name: &str, size: u64) -> io::Result<Header> {
    let (kind, mode) =
        if name.is_empty() { (EntryType::Directory, 0o755) } else { (EntryType::Regular, 0o644) };
    let mut header = Header::new_ustar();
    header.set_path(format!("{}/{name}", member::ROOT))?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with the names of a ring's files.
    fn ring() -> tempfile::TempDir {
        let ring = tempfile::tempdir().unwrap();
        for (name, contents) in [
            ("CURRENT", "MANIFEST-000002\n"),
            ("MANIFEST-000002", "manifest"),
            ("000003.log", "log"),
            ("LOCK", ""),
            ("LOG", "talk"),
            ("LOG.old", "old talk"),
            ("000004.dbtmp", "temporary"),
            ("notes.txt", "mine"),
            (Stamp::FILE_NAME, "{}"),
        ] {
            fs::write(ring.path().join(name), contents).unwrap();
        }
        ring
    }

    fn members(image: &Path) -> Vec<(String, Vec<u8>)> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(File::open(image).unwrap()));
        let entries = tar.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().uid().unwrap(), entry.header().mtime().unwrap()), (0, 0));
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).unwrap();
            (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), contents)
        });
        entries.collect()
    }

    #[test]
    fn only_files_of_the_ring_are_packed_in_a_fixed_order() {
        let (ring, out) = (ring(), tempfile::tempdir().unwrap());
        let image = out.path().join("image");
        pack(ring.path(), &image, None).unwrap();
        let names: Vec<_> = members(&image).into_iter().map(|(name, _)| name).collect();
        let expected = [
            "hash_ring/",
            "hash_ring/000003.log",
            "hash_ring/CURRENT",
            "hash_ring/MANIFEST-000002",
            "hash_ring/manta_hash_ring_stamp.json",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_given_stamp_takes_the_place_of_the_rings_own() {
        let (ring, out) = (ring(), tempfile::tempdir().unwrap());
        let image = out.path().join("image");
        let stamp =
            Stamp { image_uuid: "i".to_owned(), date: "d".to_owned(), source_zone: "z".to_owned() };
        pack(ring.path(), &image, Some(&stamp)).unwrap();
        let stamps: Vec<_> = members(&image)
            .into_iter()
            .filter(|(name, _)| name.ends_with(Stamp::FILE_NAME))
            .collect();
        assert_eq!(stamps.len(), 1);
        assert_eq!(stamps[0].1, stamp.to_json().into_bytes());
    }

    #[test]
    fn what_exists_is_not_replaced_and_nothing_is_left_behind() {
        let (ring, out) = (ring(), tempfile::tempdir().unwrap());
        let image = out.path().join("image");
        fs::write(&image, "mine").unwrap();
        assert!(matches!(pack(ring.path(), &image, None), Err(ImageError::Exists { .. })));
        assert_eq!(fs::read(&image).unwrap(), b"mine");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_ring_has_regular_files_and_a_current() {
        let (ring, out) = (ring(), tempfile::tempdir().unwrap());
        let image = out.path().join("image");
        symlink("/etc/passwd", ring.path().join("000009.ldb")).unwrap();
        let err = pack(ring.path(), &image, None).unwrap_err();
        assert!(matches!(err, ImageError::NotAFile { path } if path.ends_with("000009.ldb")));

        let err = pack(out.path(), &image, None).unwrap_err();
        assert!(matches!(err, ImageError::NotARing { .. }));
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_change_is_noticed() {
        let ring = ring();
        let before = list(ring.path()).unwrap();
        require_unchanged(ring.path(), &before).unwrap();
        fs::write(ring.path().join("000005.ldb"), "new").unwrap();
        let err = require_unchanged(ring.path(), &before).unwrap_err();
        assert!(matches!(err, ImageError::RingChanged { path } if path.ends_with("000005.ldb")));

        let before = list(ring.path()).unwrap();
        fs::write(ring.path().join("000003.log"), "longer").unwrap();
        let seen = before.get("000003.log").unwrap();
        assert!(matches!(
            open(ring.path(), "000003.log", seen),
            Err(ImageError::RingChanged { .. })
        ));
        fs::remove_file(ring.path().join("000005.ldb")).unwrap();
        assert!(require_unchanged(ring.path(), &before).is_err());
    }
}

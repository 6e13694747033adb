//! From an image to a ring's directory.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek};
use std::path::Path;

use super::digest::Digested;
use super::{ImageDigest, ImageError, extract};
use crate::durable::StagedDirectory;
use crate::{RingReader, Severity};

/// A check of the ring in a directory.
pub type VerifyRing<'a> = dyn Fn(&Path) -> Result<(), Box<dyn Error + Send + Sync>> + 'a;

/// The demands that [`unpack`] makes on an image.
#[derive(Clone)]
pub struct UnpackOptions<'a> {
    /// The SHA-1 that the image's file must have, as hexadecimal digits. Default: any.
    pub expected_sha1: Option<String>,
    /// The size in bytes that the image's file must have. Default: any.
    pub expected_size: Option<u64>,
    /// The most bytes that the image may unpack to, tar headers included. Default: 2 GiB, three times a ring of 10,000,000
    /// vnodes.
    pub max_bytes: u64,
    /// The most entries that the image may have. Default: 10,000; LevelDB's tables have 2 MiB each.
    pub max_entries: usize,
    /// Called with the unpacked directory before it appears under its name; an error keeps it from that.
    /// Default: the directory must hold a ring in which an audit finds no [damage](Severity::Damage).
    pub verify: &'a VerifyRing<'a>,
}

impl Default for UnpackOptions<'_> {
    fn default() -> Self {
        Self {
            expected_sha1: None,
            expected_size: None,
            max_bytes: 2 << 30,
            max_entries: 10_000,
            verify: &sound_ring,
        }
    }
}

/// Unpacks the image into the directory `ring`, which must not exist or be empty.
///
/// The image is not trusted: it may hold the directory `hash_ring` and in it the regular files of a ring, each once,
/// and nothing else. LevelDB's `LOCK`, `LOG`, `LOG.old` and temporary files are left out. Owners, modes and times
/// in the image are ignored.
///
/// The directory appears only when it is complete, checked and on disk. A process that is killed leaves nothing but a
/// hidden directory `.<name>.XXXXXX.fash-partial` beside it, which the next unpacking to the same place removes.
///
/// # Errors
/// There is something at `ring`, the image is not the expected one, holds something else than a ring, is cut off or
/// too large, or the ring fails the check.
pub fn unpack(
    image: &Path,
    ring: &Path,
    options: &UnpackOptions<'_>,
) -> Result<ImageDigest, ImageError> {
    let unreadable = |source| ImageError::Read { path: image.to_owned(), source };
    let unwritable = |source| ImageError::Write { path: ring.to_owned(), source };
    require_free(ring)?;
    let mut file = File::open(image).map_err(unreadable)?;
    let digest = ImageDigest::of(&file).map_err(unreadable)?;
    require_expected(image, &digest, options)?;
    file.rewind().map_err(unreadable)?;

    let staged = StagedDirectory::beside(ring).map_err(unwritable)?;
    // Digested once more, lest another file be unpacked than was checked.
    let mut gzip = BufReader::new(Digested::new(file));
    if !gzip.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]) {
        return Err(ImageError::NotGzip { image: image.to_owned() });
    }
    extract::extract(image, &mut gzip, staged.path(), options)?;
    if gzip.into_inner().finish().1 != digest {
        return Err(ImageError::ImageChanged { image: image.to_owned() });
    }
    (options.verify)(staged.path())
        .map_err(|source| ImageError::Unsound { image: image.to_owned(), source })?;
    staged.install(ring).map_err(unwritable)?;
    Ok(digest)
}

/// The default check: every key is read, and nothing is missing or contradicts the rest.
fn sound_ring(ring: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let audit = RingReader::open_live(ring)?.audit()?;
    let mut damage = audit.findings.iter().filter(|finding| finding.severity() == Severity::Damage);
    match (damage.next(), damage.count()) {
        (None, _) => Ok(()),
        (Some(finding), 0) => Err(finding.to_string().into()),
        (Some(finding), more) => Err(format!("{finding} (and {more} more findings)").into()),
    }
}

fn require_free(ring: &Path) -> Result<(), ImageError> {
    match fs::read_dir(ring).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) if err.kind() != io::ErrorKind::NotADirectory => {
            Err(ImageError::Read { path: ring.to_owned(), source: err })
        }
        Ok(false) | Err(_) => Err(ImageError::Exists { path: ring.to_owned() }),
    }
}

fn require_expected(
    image: &Path,
    actual: &ImageDigest,
    options: &UnpackOptions<'_>,
) -> Result<(), ImageError> {
    if let Some(expected) = options.expected_size.filter(|&expected| expected != actual.size) {
        return Err(ImageError::WrongSize {
            image: image.to_owned(),
            expected,
            actual: actual.size,
        });
    }
    match &options.expected_sha1 {
        Some(expected) if !expected.eq_ignore_ascii_case(&actual.sha1) => {
            Err(ImageError::WrongSha1 {
                image: image.to_owned(),
                expected: expected.clone(),
                actual: actual.sha1.clone(),
            })
        }
        Some(_) | None => Ok(()),
    }
}

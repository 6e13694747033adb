//! The errors of packing and unpacking an image.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A ring could not be packed into an image, or an image not unpacked. Nothing was put in place.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file or directory could not be read.
    #[error("cannot read {path}", path = .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {path}", path = .path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is something at the place of the new image or ring.
    #[error("{path} exists already and is left as it is: choose another place or remove it", path = .path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// The stamp is not the JSON object that it should be.
    #[error("the stamp {path} is not an object with image_uuid, date and source_zone", path = .path.display())]
    Stamp {
        /// The stamp's file.
        path: PathBuf,
        /// The problem.
        source: serde_json::Error,
    },

    /// The directory to be packed has no `CURRENT`, with which every LevelDB ring begins.
    #[error("{ring} is no ring: it has no file CURRENT", ring = .ring.display())]
    NotARing {
        /// The directory.
        ring: PathBuf,
    },
    /// A file of the ring to be packed is a link, a directory or something else.
    #[error("{path} is not a regular file, so the ring cannot be packed", path = .path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// A file of the ring came, went or changed while the ring was packed.
    #[error("{path} changed while the ring was packed: pack a copy, or stop what writes to the ring", path = .path.display())]
    RingChanged {
        /// The file.
        path: PathBuf,
    },
    /// A file of the ring could not be added to the image.
    #[error("cannot pack {path} into {image}", path = .path.display(), image = .image.display())]
    Pack {
        /// The image.
        image: PathBuf,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },

    /// The image's file has another size than it should have.
    #[error("the image {image} has {actual} bytes, not {expected}: fetch it again", image = .image.display())]
    WrongSize {
        /// The image.
        image: PathBuf,
        /// The size that was asked for.
        expected: u64,
        /// The size of the file.
        actual: u64,
    },
    /// The image's file has another checksum than it should have.
    #[error("the image {image} has SHA-1 {actual}, not {expected}: fetch it again", image = .image.display())]
    WrongSha1 {
        /// The image.
        image: PathBuf,
        /// The checksum that was asked for.
        expected: String,
        /// The checksum of the file.
        actual: String,
    },
    /// The image's file changed while it was unpacked.
    #[error("the image {image} changed while it was unpacked", image = .image.display())]
    ImageChanged {
        /// The image.
        image: PathBuf,
    },
    /// The file is not a gzip file at all.
    #[error("{image} is no ring image: it is not a gzip file", image = .image.display())]
    NotGzip {
        /// The image.
        image: PathBuf,
    },
    /// The image is cut off or damaged.
    #[error("the image {image} is cut off or damaged at or after {entry}", image = .image.display())]
    Damaged {
        /// The image.
        image: PathBuf,
        /// The last entry that began, in quotes, or `its start`.
        entry: String,
        /// The problem.
        source: io::Error,
    },
    /// The image has an entry that no ring image has.
    #[error("the image {image} is refused: {entry} {refusal}", image = .image.display())]
    Refused {
        /// The image.
        image: PathBuf,
        /// The entry's path, in quotes.
        entry: String,
        /// The reason.
        refusal: Refusal,
    },
    /// The image unpacks to more than is allowed.
    #[error("the image {image} is refused: it unpacks to more than the limit of {max} bytes (at {entry})", image = .image.display())]
    TooManyBytes {
        /// The image.
        image: PathBuf,
        /// The entry that went beyond, in quotes.
        entry: String,
        /// The most bytes that are allowed.
        max: u64,
    },
    /// The image has more entries than are allowed.
    #[error("the image {image} is refused: it has more than the limit of {max} entries (at {entry})", image = .image.display())]
    TooManyEntries {
        /// The image.
        image: PathBuf,
        /// The last entry that was allowed, in quotes.
        entry: String,
        /// The most entries that are allowed.
        max: usize,
    },
    /// Something follows the end of the tar file in the image.
    #[error("the image {image} is refused: data follows its end (after {entry})", image = .image.display())]
    TrailingData {
        /// The image.
        image: PathBuf,
        /// The last entry, in quotes.
        entry: String,
    },
    /// The image has no `CURRENT`, with which every LevelDB ring begins.
    #[error("the image {image} holds no ring: it has no file hash_ring/CURRENT", image = .image.display())]
    NoRing {
        /// The image.
        image: PathBuf,
    },
    /// The ring in the image failed the check ([`UnpackOptions::verify`](super::UnpackOptions::verify)).
    #[error("the image {image} holds no sound ring", image = .image.display())]
    Unsound {
        /// The image.
        image: PathBuf,
        /// The check's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The reason for which an image's entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The path starts with `/`.
    #[error("is an absolute path")]
    AbsolutePath,
    /// The path has a part `..`.
    #[error("leads through '..'")]
    ParentDirectory,
    /// The path is not in `hash_ring`.
    #[error("is not in the directory hash_ring")]
    OutsideRoot,
    /// The path is in a directory below `hash_ring`.
    #[error("is in a directory below hash_ring, where a ring has none")]
    Nested,
    /// No file of a ring has this name.
    #[error("is not the name of a file of a ring")]
    UnknownName,
    /// The path is there twice, or the entry is given two paths.
    #[error("is there twice, or has two names")]
    Duplicate,
    /// A link, device, pipe or sparse file, a directory that is not the root, or a root that is not a directory.
    #[error("is neither a regular file nor the directory hash_ring (tar type {0:?})")]
    WrongType(char),
    /// The entry's extended header contradicts or reinterprets its header.
    #[error("has an extended header that changes its size or contents")]
    ExtendedHeader,
}

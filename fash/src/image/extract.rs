//! The inside of an image, read without trust.
//!
//! The tar crate's own extraction writes whatever an archive asks for, and its iterator reads long names of any
//! length into memory. So only its parsing of headers is used, and everything else is decided here.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use tar::{Archive, Entry, PaxExtensions};

use super::member::{Kind, Member};
use super::unpack::UnpackOptions;
use super::{ImageError, Refusal};

/// The longest extended header or long name. A path that is allowed has some 40 bytes.
const MAX_EXTENSION_BYTES: u64 = 64 * 1024;

/// A tar file ends in two blocks of zeros, the first of which the tar crate reads.
const BLOCK_BYTES: u64 = 512;

/// Unpacks the files of the ring into the directory `into` and makes them durable.
pub(super) fn extract(
    image: &Path,
    gzip: impl BufRead,
    into: &Path,
    options: &UnpackOptions<'_>,
) -> Result<(), ImageError> {
    let bytes = Cell::new(0);
    let limited =
        Limited { inner: MultiGzDecoder::new(gzip), bytes: &bytes, max: options.max_bytes };
    let mut extraction = Extraction {
        image,
        into,
        max_bytes: options.max_bytes,
        bytes: &bytes,
        entry: "its start".to_owned(),
        seen: BTreeSet::new(),
        long_path: None,
    };
    let mut archive = Archive::new(limited);
    let entries = archive.entries().map_err(|err| extraction.damaged(err))?;
    for (index, entry) in entries.raw(true).enumerate() {
        if index >= options.max_entries {
            return Err(ImageError::TooManyEntries {
                image: image.to_owned(),
                entry: extraction.entry,
                max: options.max_entries,
            });
        }
        extraction.take(entry.map_err(|err| extraction.damaged(err))?)?;
    }
    extraction.finish(archive.into_inner())
}

/// Counts what is really read, whatever headers say, and fails beyond the limit.
struct Limited<'a, R> {
    inner: R,
    bytes: &'a Cell<u64>,
    max: u64,
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + length as u64);
        if self.bytes.get() > self.max {
            return Err(io::Error::other("too many bytes"));
        }
        Ok(length)
    }
}

/// An image being unpacked.
struct Extraction<'a> {
    image: &'a Path,
    into: &'a Path,
    max_bytes: u64,
    /// Bytes read so far, after decompression.
    bytes: &'a Cell<u64>,
    /// The last entry that began, in quotes, for error messages.
    entry: String,
    seen: BTreeSet<String>,
    /// The next entry's path, where an entry of its own says it.
    long_path: Option<Vec<u8>>,
}

impl Extraction<'_> {
    fn take<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), ImageError> {
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            let mut path = self.extension(&mut entry)?;
            while path.pop_if(|byte| *byte == 0).is_some() {}
            return self.set_long_path(path);
        }
        if kind.is_pax_local_extensions() {
            return self.extended_header(&mut entry);
        }
        let path =
            self.long_path.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
        self.entry = quoted(&path);
        match Member::parse(&path).map_err(|refusal| self.refused(refusal))? {
            Member::Root if kind.is_dir() => self.first_time(String::new()),
            Member::File { name, kind: Kind::Scratch } if kind.is_file() => self.first_time(name),
            Member::File { name, kind: Kind::Ring } if kind.is_file() => {
                self.first_time(name.clone())?;
                self.file(&name, &mut entry)
            }
            Member::Root | Member::File { .. } => {
                Err(self.refused(Refusal::WrongType(char::from(kind.as_byte()))))
            }
        }
    }

    /// POSIX extended headers. They may say the path and, without effect, times, owners and the like.
    fn extended_header<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<(), ImageError> {
        let records = self.extension(entry)?;
        for record in PaxExtensions::new(&records) {
            let record = record.map_err(|err| self.damaged(err))?;
            match record.key_bytes() {
                b"path" => self.set_long_path(record.value_bytes().to_vec())?,
                b"size" => return Err(self.refused(Refusal::ExtendedHeader)),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(self.refused(Refusal::ExtendedHeader));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The contents of an entry that tells something about the next one.
    fn extension<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<Vec<u8>, ImageError> {
        self.entry = quoted(&entry.header().path_bytes());
        let size = entry.size();
        if size > MAX_EXTENSION_BYTES {
            return Err(self.refused(Refusal::ExtendedHeader));
        }
        let mut contents = Vec::new();
        let read = entry.read_to_end(&mut contents).map_err(|err| self.damaged(err))?;
        self.require_whole(read as u64, size)?;
        Ok(contents)
    }

    fn set_long_path(&mut self, path: Vec<u8>) -> Result<(), ImageError> {
        match self.long_path.replace(path) {
            Some(_) => Err(self.refused(Refusal::Duplicate)),
            None => Ok(()),
        }
    }

    fn first_time(&mut self, name: String) -> Result<(), ImageError> {
        if self.seen.insert(name) { Ok(()) } else { Err(self.refused(Refusal::Duplicate)) }
    }

    fn file<R: Read>(&self, name: &str, entry: &mut Entry<'_, R>) -> Result<(), ImageError> {
        let path = self.into.join(name);
        let unwritable = |source| ImageError::Write { path: path.clone(), source };
        let mut file = File::create_new(&path).map_err(unwritable)?;
        let mut buffer = vec![0; 64 * 1024];
        let mut written = 0;
        loop {
            let length = entry.read(&mut buffer).map_err(|err| self.damaged(err))?;
            match buffer.get(..length) {
                Some([]) | None => break,
                Some(bytes) => file.write_all(bytes).map_err(unwritable)?,
            }
            written += length as u64;
        }
        self.require_whole(written, entry.size())?;
        file.sync_all().map_err(unwritable)
    }

    /// After the last entry: nothing but zeros, and the file that a ring cannot be without.
    fn finish(self, mut rest: impl Read) -> Result<(), ImageError> {
        if self.long_path.is_some() {
            return Err(self.damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut buffer = vec![0; 64 * 1024];
        let mut read = 0;
        loop {
            let length = rest.read(&mut buffer).map_err(|err| self.damaged(err))?;
            match buffer.get(..length) {
                Some([]) | None => break,
                Some(bytes) if bytes.iter().all(|byte| *byte == 0) => read += length as u64,
                Some(_) => {
                    return Err(ImageError::TrailingData {
                        image: self.image.to_owned(),
                        entry: self.entry,
                    });
                }
            }
        }
        self.require_whole(read.min(BLOCK_BYTES), BLOCK_BYTES)?;
        if !self.seen.contains("CURRENT") {
            return Err(ImageError::NoRing { image: self.image.to_owned() });
        }
        Ok(())
    }

    fn require_whole(&self, read: u64, size: u64) -> Result<(), ImageError> {
        if read == size { Ok(()) } else { Err(self.damaged(io::ErrorKind::UnexpectedEof.into())) }
    }

    fn refused(&self, refusal: Refusal) -> ImageError {
        ImageError::Refused { image: self.image.to_owned(), entry: self.entry.clone(), refusal }
    }

    /// The image cannot be read on, because it is damaged or because the limit is reached.
    fn damaged(&self, source: io::Error) -> ImageError {
        let (image, entry) = (self.image.to_owned(), self.entry.clone());
        if self.bytes.get() > self.max_bytes {
            ImageError::TooManyBytes { image, entry, max: self.max_bytes }
        } else {
            ImageError::Damaged { image, entry, source }
        }
    }
}

/// A path for a message, control characters escaped.
fn quoted(path: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(path))
}

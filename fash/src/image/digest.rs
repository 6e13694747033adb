//! The facts that IMGAPI wants to know of an image's file.

use std::io::{self, Read, Write};

use sha1::{Digest, Sha1};

/// The checksum and size of an image's file, as an IMGAPI manifest lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDigest {
    /// SHA-1 of the file, 40 lower-case hexadecimal digits.
    pub sha1: String,
    /// Bytes in the file.
    pub size: u64,
}

impl ImageDigest {
    /// Reads to the end.
    pub(super) fn of(file: impl Read) -> io::Result<Self> {
        let mut file = Digested::new(file);
        io::copy(&mut file, &mut io::sink())?;
        Ok(file.finish().1)
    }
}

/// Digests what is read or written through it.
pub(super) struct Digested<T> {
    inner: T,
    sha1: Sha1,
    size: u64,
}

impl<T> Digested<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, sha1: Sha1::new(), size: 0 }
    }

    pub(super) fn finish(self) -> (T, ImageDigest) {
        let sha1 = self.sha1.finalize();
        let sha1 = sha1.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        (self.inner, ImageDigest { sha1, size: self.size })
    }

    fn count(&mut self, bytes: Option<&[u8]>) {
        let bytes = bytes.unwrap_or_default();
        self.sha1.update(bytes);
        self.size += bytes.len() as u64;
    }
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count(buffer.get(..length));
        Ok(length)
    }
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(buffer)?;
        self.count(buffer.get(..length));
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_writing_digest_alike() {
        let mut written = Digested::new(Vec::new());
        written.write_all(b"abc").unwrap();
        let (bytes, digest) = written.finish();
        assert_eq!(digest.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(digest.size, 3);
        assert_eq!(ImageDigest::of(bytes.as_slice()).unwrap(), digest);
    }
}

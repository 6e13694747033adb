//! Reading the [`Stamp`] of a ring's directory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::ImageError;
use crate::stamp::Stamp;

/// A stamp has some 150 bytes; what is far longer is none.
const MAX_BYTES: u64 = 64 * 1024;

impl Stamp {
    /// Reads the stamp of the ring in this directory, if it has one.
    ///
    /// # Errors
    /// The file cannot be read, or is no stamp.
    pub fn read(ring: &Path) -> Result<Option<Self>, ImageError> {
        let path = ring.join(Self::FILE_NAME);
        let mut json = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut json)) {
            Ok(_) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ImageError::Read { path, source }),
        }
        serde_json::from_slice(&json).map(Some).map_err(|source| ImageError::Stamp { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_has_the_stamp_that_its_file_holds_or_none() {
        let stamp =
            Stamp { image_uuid: "i".to_owned(), date: "d".to_owned(), source_zone: "z".to_owned() };
        let ring = tempfile::tempdir().unwrap();
        assert_eq!(Stamp::read(ring.path()).unwrap(), None);
        std::fs::write(ring.path().join(Stamp::FILE_NAME), stamp.to_json()).unwrap();
        assert_eq!(Stamp::read(ring.path()).unwrap(), Some(stamp));
        std::fs::write(ring.path().join(Stamp::FILE_NAME), "{}").unwrap();
        assert!(matches!(Stamp::read(ring.path()), Err(ImageError::Stamp { .. })));
    }
}

//! Puts the ring that SAPI names into a zone of electric-moray, as the zone's setup does.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fash::{ImageError, UnpackOptions, unpack};
use thiserror::Error;

use super::services::ring_location;
use crate::config_agent::{Sapi, SapiError};

/// The reason for which a zone got no ring.
#[derive(Debug, Error)]
pub(super) enum RingError {
    /// SAPI did not answer as it should.
    #[error("cannot ask SAPI for the application manta")]
    Sapi(#[source] SapiError),
    /// A key of the application's metadata is missing or no text.
    #[error("the metadata of the application manta has no {key}")]
    Metadata { key: &'static str },
    /// The image's file could not be got.
    #[error("cannot download the ring image {image}")]
    Download {
        image: String,
        #[source]
        source: SapiError,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The image is none.
    #[error("cannot unpack the ring image {image}")]
    Unpack {
        image: String,
        #[source]
        source: ImageError,
    },
}

/// The image of the ring, downloaded to `file`. Returns its name.
pub(super) async fn download(sapi: &Sapi, file: &Path) -> Result<String, RingError> {
    let metadata = sapi.application_metadata("manta").await.map_err(RingError::Sapi)?;
    let text = |key: &'static str| {
        let value = metadata.get(key).and_then(|value| value.as_str());
        value.map(ToOwned::to_owned).ok_or(RingError::Metadata { key })
    };
    let image = text("HASH_RING_IMAGE")?;
    let imgapi = text("HASH_RING_IMGAPI_SERVICE")?;
    let url = format!("{}/images/{image}/file", imgapi.trim_end_matches('/'));
    let failed = |source| RingError::Download { image: image.clone(), source };
    let unwritten = |source| RingError::Write { path: file.to_owned(), source };
    let mut response = sapi.get(&url).await.map_err(failed)?;
    let mut out = File::create(file).map_err(unwritten)?;
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(error.into()))? {
        out.write_all(&chunk).map_err(unwritten)?;
    }
    Ok(image)
}

/// Destroys the rings that are there, and unpacks the image for each of `instances` router processes.
pub(super) fn install(
    image: &str,
    file: &Path,
    root: &Path,
    instances: u32,
) -> Result<(), RingError> {
    let ring = |number| root.join(ring_location(number).trim_start_matches('/'));
    let first = ring(1);
    let parent = first.parent().unwrap_or(root);
    let unwritten = |source| RingError::Write { path: parent.to_owned(), source };
    // The zone may have put a link in the place of a directory: it is not followed, but goes.
    let mut above: Vec<&Path> = parent.ancestors().take_while(|path| *path != root).collect();
    while let Some(path) = above.pop() {
        if path.is_symlink() {
            fs::remove_file(path).map_err(unwritten)?;
        }
    }
    match fs::remove_dir_all(parent) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritten(error)),
        _ => fs::create_dir_all(parent).map_err(unwritten)?,
    }
    unpack(file, &first, &UnpackOptions::default())
        .map_err(|source| RingError::Unpack { image: image.to_owned(), source })?;
    for number in 2..=instances {
        let copy = ring(number);
        copy_directory(&first, &copy).map_err(|source| RingError::Write { path: copy, source })?;
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Pnode, Ring, RingReader, create_ring, pack};

    use super::*;

    #[test]
    fn every_process_gets_a_ring_of_its_own_and_old_ones_go() {
        let directory = tempfile::tempdir().unwrap();
        let pnode: Pnode = "tcp://1.moray.lab.example.net:2020".parse().unwrap();
        let ring = Ring::create(Algorithm::Sha256, 64, vec![pnode]).unwrap();
        let source = directory.path().join("hash_ring");
        create_ring(&source, &ring).unwrap();
        let image = directory.path().join("ring.tgz");
        pack(&source, &image, None).unwrap();
        let root = directory.path().join("root");
        let stale = root.join("electric-moray/chash/leveldb-2021.old");
        fs::create_dir_all(&stale).unwrap();
        let other = directory.path().join("other/chash");
        fs::create_dir_all(&other).unwrap();
        install("x", &image, &root, 2).unwrap();
        assert!(!stale.exists());
        fs::remove_dir_all(root.join("electric-moray")).unwrap();
        std::os::unix::fs::symlink(directory.path().join("other"), root.join("electric-moray"))
            .unwrap();
        install("x", &image, &root, 2).unwrap();
        assert_eq!(fs::read_dir(&other).unwrap().count(), 0, "a link was followed");
        for number in [1, 2] {
            let ring = root.join(ring_location(number).trim_start_matches('/'));
            let reader = RingReader::open(&ring).unwrap();
            assert_eq!(reader.load().unwrap().vnode_count(), 64);
        }
    }
}

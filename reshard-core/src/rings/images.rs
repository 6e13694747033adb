//! Rings as images: fetched from IMGAPI, packed, imported.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fash::{Ring, RingReader, Stamp, UnpackOptions, create_ring, pack, unpack};
use jiff::Timestamp;
use sapi_client::imgapi::{Image, ImageState, Imgapi, ImportOptions, LocalFile, NewImage, Sha1Hex};
use sapi_client::{AccountUuid, ImageUuid};

use super::RingError;
use crate::deployment::AnyTransport;
use crate::plan::PlanUuid;
use crate::private::{create_private_directory, keep_private};
use crate::zones::PLAN_TAG;

/// The tag that says what in the plan an image is for.
const TRANSITION: &str = "manta_reshard_transition";

/// A ring that came from IMGAPI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedRing {
    /// The ring.
    pub ring: Ring,
    /// Its stamp; the images that `manta-adm` makes have none.
    pub stamp: Option<Stamp>,
    /// The image file's SHA-1.
    pub sha1: Sha1Hex,
    /// The image file's size in bytes.
    pub size: u64,
}

/// A ring image that is to be made.
#[derive(Clone, Debug)]
pub struct NewRingImage {
    /// Its UUID.
    pub image: ImageUuid,
    /// Its owner, `poseidon`.
    pub owner: AccountUuid,
    /// The plan that makes it.
    pub plan: PlanUuid,
    /// Its purpose in the plan: `read-only` or `target`.
    pub transition: &'static str,
    /// The time at which it is made; the same whenever it is tried again.
    pub date: Timestamp,
}

/// Fetches a ring: downloads the image into the directory unless it is there, checks it against its manifest, unpacks it,
/// audits it, and reads it.
///
/// # Errors
///
/// [`RingError`]
pub async fn fetch_ring(
    imgapi: &Imgapi<AnyTransport>,
    image: ImageUuid,
    directory: &Path,
) -> Result<FetchedRing, RingError> {
    let manifest = imgapi.get_image(image).await?;
    make_directory(directory)?;
    let file = directory.join(format!("{image}.tgz"));
    let (sha1, size) = file_of(&manifest)?;
    let there = match LocalFile::open(&file).await {
        Ok(there) => *there.sha1() == sha1,
        Err(_) => false,
    };
    if !there {
        imgapi.download_image_file(&manifest, &file).await?;
    }
    let ring = directory.join(format!("{image}.ring"));
    let expected = sha1.to_string();
    let (ring, stamp) =
        tokio::task::spawn_blocking(move || read_image(&file, &ring, Some((expected, size))))
            .await??;
    Ok(FetchedRing { ring, stamp, sha1, size })
}

/// Has an image with this ring in IMGAPI, active, wherever an earlier try ended. Returns its file's SHA-1.
///
/// A ring that is made is read back from the packed image before it is sent, and one already there is fetched and read: either
/// way the image is proven to hold the ring.
///
/// # Errors
///
/// [`RingError::WrongImage`] if there is an image of this UUID with another ring; [`RingError`]
pub async fn ensure_ring_image(
    imgapi: &Imgapi<AnyTransport>,
    new: &NewRingImage,
    ring: &Ring,
    directory: &Path,
) -> Result<Sha1Hex, RingError> {
    let image = new.image;
    match imgapi.get_image(image).await {
        Ok(there) if there.state == Some(ImageState::Active) => {
            let wrong =
                |problem: &str| RingError::WrongImage { image, problem: problem.to_owned() };
            let plan = there.tags.as_ref().and_then(|tags| tags.text(PLAN_TAG));
            if plan != Some(new.plan.to_string().as_str()) {
                return Err(wrong("was not made by this plan"));
            }
            let fetched = fetch_ring(imgapi, image, directory).await?;
            let stamped = fetched.stamp.is_some_and(|stamp| stamp.image_uuid == image.to_string());
            if fetched.ring != *ring || !stamped {
                return Err(wrong("has the plan's name and not its ring"));
            }
            return Ok(fetched.sha1);
        }
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    make_directory(directory)?;
    let stamp = Stamp {
        image_uuid: image.to_string(),
        date: new.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        source_zone: format!("reshard plan {}", new.plan),
    };
    let (packing, into) = (ring.clone(), directory.to_owned());
    let file = tokio::task::spawn_blocking(move || make_image(&packing, &stamp, &into)).await??;
    let version = new.date.strftime("%Y%m%dT%H%M%SZ").to_string();
    let manifest = NewImage::ring(image, new.owner, &version)?
        .tag(PLAN_TAG, new.plan.to_string())
        .tag(TRANSITION, new.transition);
    let unreadable = |source| RingError::File { path: file.clone(), source };
    let file = LocalFile::open(&file).await.map_err(unreadable)?;
    imgapi.import_image(&manifest, &file, ImportOptions::default()).await?;
    Ok(file.sha1().clone())
}

/// Removes an image that the plan made, if it is there.
///
/// # Errors
///
/// [`RingError::WrongImage`] if the plan did not make it; [`RingError`]
pub async fn delete_ring_image(
    imgapi: &Imgapi<AnyTransport>,
    image: ImageUuid,
    plan: PlanUuid,
) -> Result<(), RingError> {
    let there = match imgapi.get_image(image).await {
        Ok(there) => there,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if there.tags.as_ref().and_then(|tags| tags.text(PLAN_TAG)) != Some(plan.to_string().as_str()) {
        let problem = "was not made by this plan, so it is not removed".to_owned();
        return Err(RingError::WrongImage { image, problem });
    }
    match imgapi.delete_image(image).await {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes a directory in which rings were made, if it is there.
///
/// # Errors
///
/// [`RingError::File`]
pub fn remove_work(directory: &Path) -> Result<(), RingError> {
    remove(directory)
}

pub(super) fn file_of(manifest: &Image) -> Result<(Sha1Hex, u64), RingError> {
    let file = manifest.files.first().ok_or_else(|| RingError::WrongImage {
        image: manifest.uuid,
        problem: "has no file".to_owned(),
    })?;
    Ok((file.sha1.clone(), file.size))
}

/// Unpacks an image anew and reads the ring. The unpacking audits it: every vnode once, nothing missing.
pub(super) fn read_image(
    file: &Path,
    directory: &Path,
    expected: Option<(String, u64)>,
) -> Result<(Ring, Option<Stamp>), RingError> {
    remove(directory)?;
    let (sha1, size) = expected.unzip();
    let options =
        UnpackOptions { expected_sha1: sha1, expected_size: size, ..UnpackOptions::default() };
    unpack(file, directory, &options)?;
    let ring = RingReader::open(directory)?.load()?;
    let stamp = Stamp::read(directory)?;
    remove(directory)?;
    Ok((ring, stamp))
}

fn make_image(ring: &Ring, stamp: &Stamp, directory: &Path) -> Result<PathBuf, RingError> {
    let place = |end: &str| directory.join(format!("{}.{end}", stamp.image_uuid));
    let (made, file) = (place("made"), place("tgz"));
    remove(&made)?;
    remove(&file)?;
    create_ring(&made, ring)?;
    pack(&made, &file, Some(stamp))?;
    keep_private(&file).map_err(|source| RingError::File { path: file.clone(), source })?;
    remove(&made)?;
    let (packed, packed_stamp) = read_image(&file, &place("ring"), None)?;
    if packed != *ring || packed_stamp.as_ref() != Some(stamp) {
        return Err(RingError::File {
            path: file,
            source: std::io::Error::new(
                ErrorKind::InvalidData,
                "what was packed is not what is in it",
            ),
        });
    }
    Ok(file)
}

fn make_directory(directory: &Path) -> Result<(), RingError> {
    create_private_directory(directory)
        .map_err(|source| RingError::File { path: directory.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), RingError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(RingError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

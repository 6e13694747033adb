//! Rings as directories and files of one's own, for those who go by hand.

use std::path::Path;

use fash::{Ring, RingReader, Stamp, UnpackOptions, unpack};
use jiff::Timestamp;
use manatee_client::ShardName;
use sapi_client::imgapi::{Image, Imgapi, ImportOptions, LocalFile, NewImage};
use sapi_client::{AccountUuid, ImageUuid};
use uuid::Uuid;

use super::images::{file_of, read_image};
use super::{FetchedRing, PlanRings, RingError};
use crate::VnodeSet;
use crate::deployment::AnyTransport;
use crate::inventory::{RingFacts, pnode_name};
use crate::keys::KeyHash;
use crate::plan::ValidPlan;

/// Fetches a ring into a directory that must not be there yet, or be empty: downloads the image, checks it against its manifest,
/// and unpacks it. The directory appears when all of this is done, and is a LevelDB ring that `fash` reads.
///
/// # Errors
///
/// [`RingError`]; then there is no directory.
pub async fn fetch_ring_directory(
    imgapi: &Imgapi<AnyTransport>,
    image: ImageUuid,
    directory: &Path,
) -> Result<FetchedRing, RingError> {
    let manifest = imgapi.get_image(image).await?;
    let (sha1, size) = file_of(&manifest)?;
    let beside = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    let work = tempfile::tempdir_in(beside)
        .map_err(|source| RingError::File { path: beside.to_owned(), source })?;
    let file = work.path().join("image.tgz");
    imgapi.download_image_file(&manifest, &file).await?;
    let (directory, expected) = (directory.to_owned(), sha1.to_string());
    let read = move || {
        let options = UnpackOptions {
            expected_sha1: Some(expected),
            expected_size: Some(size),
            ..UnpackOptions::default()
        };
        unpack(&file, &directory, &options)?;
        read_directory(&directory)
    };
    let (ring, stamp) = tokio::task::spawn_blocking(read).await??;
    Ok(FetchedRing { ring, stamp, sha1, size })
}

/// Reads a ring in a directory, and its stamp.
///
/// # Errors
///
/// [`RingError`]
pub fn read_directory(directory: &Path) -> Result<(Ring, Option<Stamp>), RingError> {
    let ring = RingReader::open(directory)?.load()?;
    Ok((ring, Stamp::read(directory)?))
}

impl ValidPlan {
    /// The rings that the plan needs, made of the ring that it was made from, or of one in which other plans have changed other
    /// shards since.
    ///
    /// # Errors
    ///
    /// [`RingError::OtherRing`] if the source is another in `base`; [`RingError::Mismatch`]
    pub fn rings(&self, base: &Ring) -> Result<PlanRings, RingError> {
        if let Some(difference) = difference(&self.inventory.ring, self.source(), base) {
            return Err(RingError::OtherRing { plan: self.uuid, difference });
        }
        Ok(PlanRings::build(base, &self.source_pnode()?, &self.ring_moves()?)?)
    }
}

/// In what a ring is another than the one that was inventoried, as far as it concerns the source.
fn difference(facts: &RingFacts, source: &ShardName, ring: &Ring) -> Option<String> {
    if facts.hashing != KeyHash::of(ring) {
        return Some("it hashes keys otherwise, or has another number of vnodes".to_owned());
    }
    let there = pnode_name(source).parse().ok().and_then(|pnode| ring.vnodes_of(&pnode).ok());
    let Some(there) = there else { return Some(format!("it does not have {source}")) };
    let known = facts.vnodes_of(source).into_iter().flat_map(VnodeSet::iter);
    (!known.eq(there)).then(|| format!("{source} has other vnodes in it"))
}

/// The namespace for the names of images whose files have no stamp.
const UNSTAMPED: Uuid = Uuid::from_u128(0x6d61_6e74_612d_4861_b368_2d72_696e_6773);

/// A file with a ring's image, which was unpacked, audited and read.
#[derive(Clone, Debug)]
pub struct RingFile {
    /// The file.
    pub file: LocalFile,
    /// The ring in it.
    pub ring: Ring,
    /// Its stamp.
    pub stamp: Option<Stamp>,
    /// The name of its image: as the stamp says, for routers tell by the stamp which image they have; or as the file's SHA-1
    /// says, so that the same file is the same image.
    pub image: ImageUuid,
}

impl RingFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`RingError`]; [`RingError::BadStamp`] if the stamp names no image.
    pub async fn read(path: &Path) -> Result<Self, RingError> {
        let unusable = |source| RingError::File { path: path.to_owned(), source };
        let work = tempfile::tempdir().map_err(unusable)?;
        let file = LocalFile::open(path).await.map_err(unusable)?;
        let known = (file.sha1().to_string(), file.size());
        let (from, place) = (path.to_owned(), work.path().join("ring"));
        let read = move || read_image(&from, &place, Some(known));
        let (ring, stamp) = tokio::task::spawn_blocking(read).await??;
        let image = match &stamp {
            None => Uuid::new_v5(&UNSTAMPED, file.sha1().as_str().as_bytes()).into(),
            Some(stamp) => stamp.image_uuid.parse().map_err(|_| RingError::BadStamp {
                path: path.to_owned(),
                names: stamp.image_uuid.clone(),
            })?,
        };
        Ok(Self { file, ring, stamp, image })
    }

    /// Imports it as a ring's image and activates it, wherever an earlier try ended. SAPI does not name it by that.
    ///
    /// # Errors
    ///
    /// [`RingError::Import`]: another image of this UUID is left alone; [`RingError`]
    pub async fn import(
        &self,
        imgapi: &Imgapi<AnyTransport>,
        owner: AccountUuid,
        now: Timestamp,
    ) -> Result<Image, RingError> {
        let version = self.version(imgapi, now).await?;
        let manifest = NewImage::ring(self.image, owner, &version)?;
        Ok(imgapi.import_image(&manifest, &self.file, ImportOptions::default()).await?)
    }

    /// The version as the stamp has it or as an earlier try made it, so that trying again is the same.
    async fn version(
        &self,
        imgapi: &Imgapi<AnyTransport>,
        now: Timestamp,
    ) -> Result<String, RingError> {
        let of = |date: Timestamp| date.strftime("%Y%m%dT%H%M%SZ").to_string();
        let stamped = self.stamp.as_ref().and_then(|stamp| stamp.date.parse().ok());
        if let Some(date) = stamped {
            return Ok(of(date));
        }
        match imgapi.get_image(self.image).await {
            Ok(Image { version: Some(version), .. }) => Ok(version),
            Ok(_) => Ok(of(now)),
            Err(error) if error.is_not_found() => Ok(of(now)),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Move, Vnode, VnodeData, create_ring, pack};

    use super::*;
    use crate::inventory::PnodeFacts;

    fn ring() -> Ring {
        let pnodes = ["tcp://1.moray.a.b:2020", "tcp://2.moray.a.b:2020"];
        Ring::create(Algorithm::Sha256, 64, pnodes.map(|pnode| pnode.parse().unwrap())).unwrap()
    }

    fn facts(ring: &Ring) -> RingFacts {
        let pnodes = ring.pnodes().iter().map(|pnode| PnodeFacts {
            pnode: pnode.to_string(),
            vnodes: ring.vnodes_of(pnode).unwrap().into_iter().collect(),
        });
        RingFacts {
            image: Uuid::nil().into(),
            sha1: String::new(),
            size: 0,
            imgapi: String::new(),
            vnode_count: ring.vnode_count(),
            hashing: KeyHash::of(ring),
            pnodes: pnodes.collect(),
        }
    }

    #[test]
    fn another_ring_than_the_plans_is_noticed() {
        let facts = facts(&ring());
        let [one, two] = ["1.moray.a.b", "2.moray.a.b"].map(|name| name.parse().unwrap());
        let difference = |ring: &Ring, source| super::difference(&facts, source, ring);
        assert_eq!(difference(&ring(), &one), None);
        let mut marked = ring();
        marked.set_data(&[Vnode::new(3)], VnodeData::read_only()).unwrap();
        assert_eq!(difference(&marked, &one), None, "who owns what is the same");
        let mut moved = ring();
        let to = "tcp://3.moray.a.b:2020".parse().unwrap();
        moved.remap(&[Move { vnodes: vec![Vnode::new(0)], to }]).unwrap();
        let found = difference(&moved, &one).unwrap();
        assert_eq!(found, "1.moray.a.b has other vnodes in it");
        assert_eq!(difference(&moved, &two), None, "another shard was changed");
        let other = Ring::create(Algorithm::Sha256, 32, ["a".parse().unwrap()]).unwrap();
        assert!(difference(&other, &one).unwrap().contains("hashes"));
    }

    #[tokio::test]
    async fn the_stamp_names_the_image() {
        let work = tempfile::tempdir().unwrap();
        let at = work.path().join("ring");
        create_ring(&at, &ring()).unwrap();
        let packed = |name: &str, stamp: Option<&Stamp>| {
            let file = work.path().join(name);
            pack(&at, &file, stamp).unwrap();
            file
        };
        let mut stamp = Stamp {
            image_uuid: "f3a8a7c2-0b5d-4e64-9c3e-3d8a1f2b4c5d".to_owned(),
            date: "2024-05-06T07:08:09Z".to_owned(),
            source_zone: "a zone".to_owned(),
        };
        let read = RingFile::read(&packed("stamped", Some(&stamp))).await.unwrap();
        assert_eq!((read.ring, read.image.to_string()), (ring(), stamp.image_uuid));
        let bare = packed("bare", None);
        let [once, twice] =
            [RingFile::read(&bare).await.unwrap(), RingFile::read(&bare).await.unwrap()];
        assert_eq!(
            (once.stamp, once.image),
            (None, twice.image),
            "the same file is the same image"
        );
        stamp.image_uuid = "none".to_owned();
        let error = RingFile::read(&packed("wrong", Some(&stamp))).await.unwrap_err();
        assert!(matches!(error, RingError::BadStamp { .. }), "{error}");
    }
}

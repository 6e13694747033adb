//! Images that mean harm, or met with it, against [`unpack`].

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use tempfile::TempDir;

use super::*;

/// Builds tar files that no tar would write.
#[derive(Clone, Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// A ring's files, without the end.
    fn ring() -> Self {
        Self::default()
            .entry(EntryType::Directory, b"hash_ring/", b"")
            .file("hash_ring/CURRENT", b"MANIFEST-000002\n")
            .file("hash_ring/MANIFEST-000002", b"manifest")
    }

    fn file(self, path: &str, contents: &[u8]) -> Self {
        self.entry(EntryType::Regular, path.as_bytes(), contents)
    }

    fn entry(self, kind: EntryType, path: &[u8], contents: &[u8]) -> Self {
        self.sized(kind, path, contents, contents.len() as u64)
    }

    /// An entry whose header may lie about its size.
    fn sized(mut self, kind: EntryType, path: &[u8], contents: &[u8], size: u64) -> Self {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path);
        header.set_entry_type(kind);
        header.set_mode(0o777);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.raw(contents)
    }

    /// An extended header that says these things of the next entry.
    fn extended(self, records: &[(&str, &str)]) -> Self {
        let record = |(key, value): &(&str, &str)| {
            let rest = format!(" {key}={value}\n");
            let digits = if rest.len() < 9 { 1 } else { 2 };
            format!("{}{rest}", rest.len() + digits)
        };
        let records: String = records.iter().map(record).collect();
        self.entry(EntryType::XHeader, b"PaxHeader", records.as_bytes())
    }

    fn raw(mut self, contents: &[u8]) -> Self {
        self.0.extend_from_slice(contents);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

/// The files are not looked into here: they hold nothing.
fn options() -> UnpackOptions<'static> {
    UnpackOptions { verify: &|_| Ok(()), ..UnpackOptions::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// Unpacks the image to `ring` in a directory of its own; a failure must leave nothing there.
fn try_unpack(image: &[u8], options: &UnpackOptions<'_>) -> Result<TempDir, ImageError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    fs::write(&path, image).unwrap();
    let result = unpack(&path, &directory.path().join("ring"), options);
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, if result.is_ok() { 2 } else { 1 }, "only the image and the ring are left");
    result.map(|_| directory)
}

fn error(tar: Tar) -> ImageError {
    try_unpack(&gzip(&tar.end()), &options()).unwrap_err()
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path().join("ring")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_ring_is_unpacked_without_locks_and_logs() {
    let tar = Tar::ring()
        .file("hash_ring/LOCK", b"")
        .file("./hash_ring/LOG", b"talk")
        .file("hash_ring/LOG.old", b"talk")
        .file("hash_ring/000004.dbtmp", b"temporary")
        .file("./hash_ring/000003.log", b"log");
    let directory = try_unpack(&gzip(&tar.end()), &options()).unwrap();
    assert_eq!(names(&directory), ["000003.log", "CURRENT", "MANIFEST-000002"]);
    assert_eq!(fs::read(directory.path().join("ring/000003.log")).unwrap(), b"log");
    let modes = fs::metadata(directory.path().join("ring/CURRENT")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&modes) & 0o111, 0);
}

#[test]
fn the_root_directory_needs_no_entry() {
    let tar = Tar::default()
        .file("hash_ring/CURRENT", b"MANIFEST-000002\n")
        .file("hash_ring/MANIFEST-000002", b"manifest");
    try_unpack(&gzip(&tar.end()), &options()).unwrap();
}

#[test]
fn paths_that_lead_elsewhere_are_refused_by_name() {
    for (path, expected) in [
        ("/hash_ring/000003.log", Refusal::AbsolutePath),
        ("hash_ring/../../000003.log", Refusal::ParentDirectory),
        ("elsewhere/000003.log", Refusal::OutsideRoot),
        ("000003.log", Refusal::OutsideRoot),
        ("hash_ring/sub/000003.log", Refusal::Nested),
        ("hash_ring/authorized_keys", Refusal::UnknownName),
        ("hash_ring/\u{1b}[2J", Refusal::UnknownName),
        ("hash_ring/CURRENT", Refusal::Duplicate),
    ] {
        // Said in the header, in a GNU long name, or in an extended header.
        let short = Tar::ring().file(path, b"");
        let long = Tar::ring().entry(EntryType::GNULongName, b"././@LongLink", path.as_bytes());
        let extended = Tar::ring().extended(&[("path", path)]);
        for tar in [
            short,
            long.file("hash_ring/000003.log", b""),
            extended.file("hash_ring/000003.log", b""),
        ] {
            let err = error(tar);
            assert!(!err.to_string().contains('\u{1b}'), "{err}");
            assert!(
                matches!(&err, ImageError::Refused { entry, refusal, .. }
                    if *refusal == expected && *entry == format!("{path:?}")),
                "{path}: {err}"
            );
        }
    }
}

#[test]
fn only_files_and_the_root_directory_are_unpacked() {
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::Directory,
        EntryType::GNULongLink,
        EntryType::XGlobalHeader,
        EntryType::new(b'V'),
    ] {
        let err = error(Tar::ring().entry(kind, b"hash_ring/000003.log", b""));
        let expected = Refusal::WrongType(char::from(kind.as_byte()));
        assert!(
            matches!(&err, ImageError::Refused { entry, refusal, .. }
                if *refusal == expected && entry == "\"hash_ring/000003.log\""),
            "{kind:?}: {err}"
        );
    }
    let root = Tar::default().entry(EntryType::Symlink, b"hash_ring", b"");
    assert!(matches!(error(root), ImageError::Refused { refusal: Refusal::WrongType('2'), .. }));
}

#[test]
fn extended_headers_may_name_but_not_reshape() {
    let long = Tar::ring()
        .entry(EntryType::GNULongName, b"././@LongLink", b"hash_ring/000003.log\0")
        .file("short", b"log")
        .extended(&[("mtime", "1.5"), ("path", "hash_ring/000004.log"), ("comment", "x")])
        .file("short", b"log");
    let directory = try_unpack(&gzip(&long.end()), &options()).unwrap();
    assert_eq!(names(&directory), ["000003.log", "000004.log", "CURRENT", "MANIFEST-000002"]);

    for records in [[("size", "0")], [("GNU.sparse.major", "1")]] {
        let tar = Tar::ring().extended(&records).file("hash_ring/000003.log", b"log");
        assert!(matches!(error(tar), ImageError::Refused { refusal: Refusal::ExtendedHeader, .. }));
    }
    let two =
        Tar::ring().extended(&[("path", "a"), ("path", "b")]).file("hash_ring/000003.log", b"");
    assert!(matches!(error(two), ImageError::Refused { refusal: Refusal::Duplicate, .. }));
    let huge = Tar::ring().entry(EntryType::GNULongName, b"long", &vec![b'a'; 1 << 20]);
    assert!(matches!(error(huge), ImageError::Refused { refusal: Refusal::ExtendedHeader, .. }));
    let malformed = Tar::ring().entry(EntryType::XHeader, b"PaxHeader", b"99 path=a\n");
    assert!(matches!(error(malformed), ImageError::Damaged { .. }));
    let dangling = Tar::ring().extended(&[("path", "hash_ring/000003.log")]);
    assert!(matches!(error(dangling), ImageError::Damaged { .. }));
}

#[test]
fn a_bomb_is_stopped_by_what_it_really_unpacks_to() {
    let options = UnpackOptions { max_bytes: 1 << 20, ..options() };
    let zeros = vec![0; 8 << 20];
    let bombs = [
        Tar::ring().file("hash_ring/000003.log", &zeros).end(),
        Tar::ring().file("hash_ring/LOG", &zeros).end(),
        [Tar::ring().end(), zeros].concat(),
    ];
    for bomb in bombs {
        let err = try_unpack(&gzip(&bomb), &options).unwrap_err();
        assert!(matches!(err, ImageError::TooManyBytes { max: 1_048_576, .. }), "{err}");
    }
    // A header that promises much and holds little is only a damaged file.
    for size in [1 << 40, u64::MAX] {
        let lie = Tar::ring().sized(EntryType::Regular, b"hash_ring/000003.log", b"log", size);
        assert!(matches!(error(lie), ImageError::Damaged { .. }));
    }
}

#[test]
fn entries_are_counted() {
    let options = UnpackOptions { max_entries: 3, ..options() };
    try_unpack(&gzip(&Tar::ring().end()), &options).unwrap();
    let tar = Tar::ring().file("hash_ring/LOG", b"");
    let err = try_unpack(&gzip(&tar.end()), &options).unwrap_err();
    assert!(matches!(err, ImageError::TooManyEntries { max: 3, .. }));
}

#[test]
fn an_image_cut_off_anywhere_is_damaged() {
    let tar = Tar::ring().file("hash_ring/000003.log", b"log").end();
    let image = gzip(&tar);
    for length in 2..image.len() {
        let err = try_unpack(&image[..length], &options()).unwrap_err();
        assert!(matches!(err, ImageError::Damaged { .. }), "{length}: {err}");
    }
    // A whole gzip file of half a tar file, down to one end block of two.
    for length in (0..tar.len()).step_by(256) {
        let err = try_unpack(&gzip(&tar[..length]), &options()).unwrap_err();
        assert!(matches!(err, ImageError::Damaged { .. }), "{length}: {err}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_or_without_effect() {
    let image = gzip(&Tar::ring().end());
    for index in 0..image.len() {
        let mut image = image.clone();
        image[index] ^= 1;
        // Gzip's own header has bytes that mean nothing, and the compressed data ends in the middle of a byte.
        if let Ok(directory) = try_unpack(&image, &options()) {
            assert_eq!(names(&directory), ["CURRENT", "MANIFEST-000002"], "{index}");
            let manifest = fs::read(directory.path().join("ring/MANIFEST-000002")).unwrap();
            assert_eq!(manifest, b"manifest", "{index}");
        }
    }
}

#[test]
fn nothing_may_follow_the_end() {
    let more = [Tar::ring().end(), b"more".to_vec()].concat();
    let err = try_unpack(&gzip(&more), &options()).unwrap_err();
    assert!(
        matches!(&err, ImageError::TrailingData { entry, .. } if entry.contains("MANIFEST")),
        "{err}"
    );
    for garbage in [&b"x"[..], b"garbage and more garbage"] {
        let image = [gzip(&Tar::ring().end()), garbage.to_vec()].concat();
        let err = try_unpack(&image, &options()).unwrap_err();
        assert!(matches!(err, ImageError::Damaged { .. }), "{err}");
    }
}

#[test]
fn gzip_files_may_have_several_members() {
    let tar = Tar::ring().end();
    let image = [gzip(&tar[..700]), gzip(&tar[700..])].concat();
    try_unpack(&image, &options()).unwrap();
}

#[test]
fn what_is_no_image_is_told_so() {
    for bytes in [&b""[..], b"\x1f", b"{\"vnodes\":1}", &Tar::ring().end()] {
        let err = try_unpack(bytes, &options()).unwrap_err();
        assert!(matches!(err, ImageError::NotGzip { .. }), "{err}");
    }
    let err = error(Tar::default().entry(EntryType::Directory, b"hash_ring/", b""));
    assert!(matches!(err, ImageError::NoRing { .. }), "{err}");
}

#[test]
fn the_expected_checksum_and_size_come_first() {
    let image = b"not even gzip";
    let sha1 = "2d0c8af807ef45ac17cafb2973d866ba8f38caa9".to_owned();
    let wrong = UnpackOptions { expected_sha1: Some(sha1), ..options() };
    assert!(matches!(try_unpack(image, &wrong), Err(ImageError::WrongSha1 { .. })));
    let wrong = UnpackOptions { expected_size: Some(1), ..options() };
    assert!(matches!(try_unpack(image, &wrong), Err(ImageError::WrongSize { actual: 13, .. })));

    let image = gzip(&Tar::ring().end());
    let digest = ImageDigest::of(image.as_slice()).unwrap();
    let right = UnpackOptions {
        expected_sha1: Some(digest.sha1.to_uppercase()),
        expected_size: Some(digest.size),
        ..options()
    };
    try_unpack(&image, &right).unwrap();
}

#[test]
fn the_check_sees_the_ring_before_it_appears() {
    let seen = RefCell::new(PathBuf::new());
    let verify = |ring: &std::path::Path| {
        assert!(ring.join("CURRENT").is_file());
        ring.clone_into(&mut seen.borrow_mut());
        Err("no".into())
    };
    let options = UnpackOptions { verify: &verify, ..options() };
    let err = try_unpack(&gzip(&Tar::ring().end()), &options).unwrap_err();
    assert!(matches!(err, ImageError::Unsound { source, .. } if source.to_string() == "no"));
    assert!(seen.borrow().to_string_lossy().ends_with(".fash-partial"));
}

#[test]
fn a_ring_takes_the_place_of_an_empty_directory_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    fs::write(&path, gzip(&Tar::ring().end())).unwrap();
    let ring = directory.path().join("ring");
    fs::create_dir(&ring).unwrap();
    unpack(&path, &ring, &options()).unwrap();
    for occupied in [&ring, &path] {
        let err = unpack(&path, occupied, &options()).unwrap_err();
        assert!(matches!(err, ImageError::Exists { .. }), "{err}");
    }
}

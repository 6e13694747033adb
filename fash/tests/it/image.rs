//! Images against node-fash's own, the system's tar and sha1sum, and kill -9.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use fash::{ImageError, Stamp, UnpackOptions, pack, pack_at_level, unpack};

/// Tells [`unpack_until_killed`] where to work.
const WORKPLACE: &str = "FASH_TEST_UNPACK_UNTIL_KILLED";

fn rings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/rings")
}

/// Some of the images are of damaged rings: what is in them is not looked at here.
fn any_ring() -> UnpackOptions<'static> {
    UnpackOptions { verify: &|_| Ok(()), ..UnpackOptions::default() }
}

fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

/// Runs a command in a directory and returns what it prints.
fn run(directory: &Path, line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The files that tar unpacks of an image, but for those that we leave out.
fn unpacked_by_tar(image: &Path) -> BTreeMap<String, Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), &format!("tar -xzf '{}'", image.display()));
    let mut files = files(&directory.path().join("hash_ring"));
    files.retain(|name, _| !matches!(name.as_str(), "LOCK" | "LOG" | "LOG.old"));
    files
}

#[test]
fn images_of_node_fash_unpack_as_tar_unpacks_them_and_survive_a_round_trip() {
    let mut count = 0;
    for entry in fs::read_dir(rings()).unwrap() {
        let image = entry.unwrap().path();
        if image.extension() != Some("gz".as_ref()) {
            continue;
        }
        count += 1;
        let directory = tempfile::tempdir().unwrap();
        let ring = directory.path().join("ring");
        unpack(&image, &ring, &any_ring()).unwrap();
        let expected = unpacked_by_tar(&image);
        assert_eq!(files(&ring), expected, "{}", image.display());

        let again = directory.path().join("again.tar.gz");
        pack(&ring, &again, None).unwrap();
        assert_eq!(unpacked_by_tar(&again), expected, "{}", image.display());
    }
    assert_eq!(count, 14);
}

#[test]
fn only_sound_rings_appear_unless_the_caller_knows_better() {
    for (image, sound) in [
        ("01-created", true),
        ("03-remapped.sdc-manta-style", true),
        ("09-tables-snappy", true),
        ("10-no-VNODE_DATA-v2.0.0", true),
        ("11-missing-PNODE-key", false),
        ("12-no-COMPLETE", false),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = rings().join(format!("{image}.tar.gz"));
        let result = unpack(&path, &directory.path().join("ring"), &UnpackOptions::default());
        assert_eq!(result.is_ok(), sound, "{image}: {result:?}");
        assert!(sound || matches!(result, Err(ImageError::Unsound { .. })), "{image}");
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, usize::from(sound), "{image}");
    }
}

#[test]
fn a_stamp_of_manta_reshard_is_read_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    unpack(&rings().join("02-ro-data.tar.gz"), &ring, &any_ring()).unwrap();
    let stamp = Stamp::read(&ring).unwrap().unwrap();
    assert_eq!(stamp.date, "2018-11-20T21:04:05Z");
    let file = ring.join("manta_hash_ring_stamp.json");
    assert_eq!(stamp.to_json(), fs::read_to_string(file).unwrap());
}

#[test]
fn the_systems_tools_agree_about_what_is_packed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    unpack(&rings().join("08-tables-uncompressed.tar.gz"), &path.join("ring"), &any_ring())
        .unwrap();
    let image = path.join("image.tar.gz");
    let digest = pack(&path.join("ring"), &image, None).unwrap();

    run(
        path,
        "mkdir stripped && tar --strip-components=1 -x -z -f image.tar.gz -C stripped hash_ring",
    );
    assert_eq!(files(&path.join("stripped")), files(&path.join("ring")));
    let printed = run(path, "sha1sum < image.tar.gz; wc -c < image.tar.gz");
    let printed: Vec<_> = printed.split_whitespace().collect();
    assert_eq!(printed, [&digest.sha1, "-", &digest.size.to_string()]);
    let listed = run(path, "tar -tvz --numeric-owner --utc -f image.tar.gz");
    for line in listed.lines() {
        let mode = if line.ends_with('/') { "drwxr-xr-x 0/0" } else { "-rw-r--r-- 0/0" };
        assert!(line.starts_with(mode) && line.contains("1970-01-01 00:00"), "{line}");
    }

    let checked = UnpackOptions {
        expected_sha1: Some(digest.sha1.clone()),
        expected_size: Some(digest.size),
        ..UnpackOptions::default()
    };
    assert_eq!(unpack(&image, &path.join("again"), &checked).unwrap(), digest);
}

#[test]
fn the_same_ring_is_packed_into_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut digests = Vec::new();
    for copy in ["first", "second"] {
        let ring = path.join(copy);
        unpack(&rings().join("09-tables-snappy.tar.gz"), &ring, &any_ring()).unwrap();
        run(&ring, "chmod 600 CURRENT; touch -d 2001-01-01 CURRENT; echo talk > LOG");
        digests.push(pack(&ring, &path.join(format!("{copy}.tar.gz")), None).unwrap());
    }
    assert_eq!(digests.first(), digests.last());

    let [none, fast, default, best] = [0, 1, 6, 9].map(|level| {
        let image = path.join(format!("level-{level}.tar.gz"));
        pack_at_level(&path.join("first"), &image, None, level).unwrap()
    });
    assert!(none.size > fast.size && fast.size > best.size, "levels compress differently");
    assert_eq!(digests.first(), Some(&default));
}

#[test]
fn images_of_tar_are_unpacked_whatever_their_format() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    unpack(&rings().join("01-created.tar.gz"), &path.join("hash_ring"), &any_ring()).unwrap();
    for format in ["gnu", "oldgnu", "pax", "ustar", "v7"] {
        for what in ["hash_ring", "./hash_ring", "hash_ring/*"] {
            run(path, &format!("tar --format={format} -czf image.tar.gz {what}; rm -rf ring"));
            unpack(&path.join("image.tar.gz"), &path.join("ring"), &any_ring()).unwrap();
            assert_eq!(
                files(&path.join("ring")),
                files(&path.join("hash_ring")),
                "{format} {what}"
            );
        }
    }
    run(path, "ln -s /etc/passwd hash_ring/000009.ldb && tar -czf links.tar.gz hash_ring");
    let err = unpack(&path.join("links.tar.gz"), &path.join("links"), &any_ring()).unwrap_err();
    assert!(
        matches!(err, ImageError::Refused { entry, .. } if entry == "\"hash_ring/000009.ldb\"")
    );
}

/// Not a test but the process that [`killed_processes_leave_whole_rings`] kills: unpacks until then.
#[test]
#[ignore = "run by another test"]
fn unpack_until_killed() {
    let workplace = PathBuf::from(env::var_os(WORKPLACE).unwrap());
    let image = rings().join("08-tables-uncompressed.tar.gz");
    for number in 0.. {
        unpack(&image, &workplace.join(format!("ring-{number}")), &any_ring()).unwrap();
        println!("unpacked");
    }
}

#[test]
fn killed_processes_leave_whole_rings() {
    let expected = unpacked_by_tar(&rings().join("08-tables-uncompressed.tar.gz"));
    let mut interrupted = 0;
    for round in 0..25 {
        let workplace = tempfile::tempdir().unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "image::unpack_until_killed", "--ignored", "--nocapture"])
            .env(WORKPLACE, workplace.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(lines.filter(|line| line.ends_with("unpacked")).take(2).count(), 2);
        // Only spreads the moments of the kills; any moment is a fair test.
        thread::sleep(Duration::from_micros(round * 400));
        child.kill().unwrap();
        child.wait().unwrap();

        let names = || {
            let names =
                fs::read_dir(workplace.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
        };
        for name in names().into_iter().filter(|name| name.starts_with("ring-")) {
            assert_eq!(files(&workplace.path().join(&name)), expected, "{name}");
        }
        // What was being unpacked is unpacked again, and takes its leavings away.
        if let Some(stale) = names().into_iter().find(|name| name.starts_with('.')) {
            interrupted += 1;
            let target = workplace.path().join(stale.split('.').nth(1).unwrap());
            unpack(&rings().join("08-tables-uncompressed.tar.gz"), &target, &any_ring()).unwrap();
            assert_eq!(files(&target), expected);
            assert!(!names().iter().any(|name| name.starts_with('.')), "{:?}", names());
        }
    }
    assert!(interrupted > 0, "no kill came while a ring was unpacked");
}

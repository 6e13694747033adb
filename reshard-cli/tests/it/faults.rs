//! The ring after a command is killed, the disk is full or permission is missing: the old one or the new one.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use fash::RingReader;

use crate::fixtures::dump;
use crate::sealed::Sealed;

/// The number of times that each command is killed. It is killed later each time, until it is done before that.
const ROUNDS: u32 = 24;

/// A ring whose edits take some time.
const VNODES: u32 = 60_000;

/// Runs `line` over and over, each time killed at another moment, in a world that `prepare` makes; `check` looks at
/// what is left, and is told whether the command had ended by itself.
fn kill_again_and_again(line: &str, prepare: impl Fn(&Sealed), check: impl Fn(&Sealed, bool)) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let run = |sealed: &Sealed, killed_after: Option<Duration>| {
        let mut command = sealed.command(env!("CARGO_BIN_EXE_fash"));
        command.args(&words).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let mut child = command.spawn().unwrap();
        if let Some(moment) = killed_after {
            while start.elapsed() < moment && child.try_wait().unwrap().is_none() {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
        }
        (child.wait().unwrap().success(), start.elapsed())
    };
    let whole = Sealed::new();
    prepare(&whole);
    let (done, duration) = run(&whole, None);
    assert!(done, "{line}");

    let mut killed = 0;
    for round in 0..ROUNDS {
        let sealed = Sealed::new();
        prepare(&sealed);
        let (done, _) = run(&sealed, Some(duration * round / (ROUNDS - 2)));
        killed += u32::from(!done);
        check(&sealed, done);
    }
    assert!(killed > ROUNDS / 4, "{line}: killed only {killed} times of {ROUNDS}");
}

fn is_sound(ring: &Path) -> bool {
    RingReader::open(ring).unwrap().audit().unwrap().is_sound()
}

fn create(sealed: &Sealed) {
    let created = sealed.fash(&format!("create -v {VNODES} -p a,b -b leveldb -l r --json"));
    assert_eq!(created.status, 0, "{}", created.stderr);
}

#[test]
fn a_create_that_is_killed_leaves_no_ring_or_a_whole_one() {
    kill_again_and_again(
        &format!("create -v {VNODES} -p a,b -b leveldb -l r"),
        |_| (),
        |sealed, done| {
            let ring = sealed.path().join("r");
            assert!(ring.exists() || !done);
            assert!(!ring.exists() || is_sound(&ring));
            // Whatever the dead process left behind is in nobody's way.
            fs::remove_dir_all(&ring).ok();
            create(sealed);
            assert!(is_sound(&ring));
            let left: Vec<_> = fs::read_dir(sealed.path()).unwrap().collect();
            assert_eq!(left.len(), 1, "{left:?}");
        },
    );
}

#[test]
fn an_edit_that_is_killed_leaves_the_old_ring_or_the_new_one() {
    let vnodes: Vec<String> = (0..VNODES).step_by(4).map(|vnode| vnode.to_string()).collect();
    for line in [
        "remap-vnode -b leveldb -l r -p c --vnode-file vnodes",
        "add-data -b leveldb -l r -d ro --vnode-file vnodes",
    ] {
        let prepare = |sealed: &Sealed| {
            create(sealed);
            sealed.write("vnodes", &vnodes.join("\n"));
        };
        let sealed = Sealed::new();
        prepare(&sealed);
        let before = dump(&sealed.path().join("r"));
        assert_eq!(sealed.fash(line).status, 0);
        let after = dump(&sealed.path().join("r"));
        assert!(before != after);
        kill_again_and_again(line, prepare, |sealed, done| {
            let ring = sealed.path().join("r");
            assert!(is_sound(&ring));
            let left = dump(&ring);
            assert!(left == after || (left == before && !done), "neither the old ring nor the new");
            if left == before {
                assert_eq!(sealed.fash(line).status, 0, "the edit can be made again");
                assert!(dump(&ring) == after);
            }
        });
    }
}

/// A limit on the size of files stands in for a full disk: writing fails, if with another error.
#[test]
fn on_a_full_disk_nothing_changes() {
    let sealed = Sealed::new();
    create(&sealed);
    let ring = sealed.path().join("r");
    let before = dump(&ring);
    let list: Vec<String> = (0..VNODES).step_by(2).map(|vnode| vnode.to_string()).collect();
    sealed.write("vnodes", &list.join("\n"));
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(&ring).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "LOCK");
        names.sort();
        names
    };
    let files = names();
    for kilobytes in [0, 1, 16, 64] {
        for line in [
            "create -v 60000 -p a,b -b leveldb -l new",
            "remap-vnode -b leveldb -l r -p c --vnode-file vnodes",
            "pack r image.tar.gz",
            "copy r new",
        ] {
            let run =
                sealed.bash(&format!("trap '' XFSZ; ulimit -f {kilobytes}; exec fash {line}"));
            assert_eq!(run.status, 1, "{line} with {kilobytes} kB: {}", run.stderr);
            assert!(run.stderr.contains("File too large"), "{line}: {}", run.stderr);
            assert!(dump(&ring) == before, "{line}");
            assert_eq!(names(), files, "{line}");
            let mut left: Vec<_> = fs::read_dir(sealed.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            left.sort();
            assert_eq!(left, ["r", "vnodes"], "{line}");
        }
    }
}

#[test]
fn without_permission_the_path_is_named_and_nothing_changes() {
    let sealed = Sealed::new();
    create(&sealed);
    let ring = sealed.path().join("r");
    assert_eq!(sealed.fash("add-data -b leveldb -l r -v 1 -d ro").status, 0); // Makes the file LOCK.
    let before = dump(&ring);
    // Root may do everything, so the command runs as somebody else, who may read.
    let readable = sealed.bash("chmod -R a+rX . && chmod a+rx . && id -u");
    let unprivileged = |line: &str| {
        let program = env!("CARGO_BIN_EXE_fash");
        if readable.stdout.trim() == "0" {
            // The binary may lie where only root may look.
            sealed.bash(&format!(
                "cp {program} ./fash-copy && chmod a+rx ./fash-copy && \
                 setpriv --reuid 65534 --regid 65534 --clear-groups ./fash-copy {line}"
            ))
        } else {
            sealed.bash(&format!(
                "chmod -R a-w r . ; fash {line}; status=$?; chmod -R u+w r . ; exit $status"
            ))
        }
    };
    let found = unprivileged("get-node -b leveldb -l r yunong");
    assert_eq!(found.status, 0, "reading needs no more than to read: {}", found.stderr);
    for (line, path) in [
        ("add-data -b leveldb -l r -v 2 -d ro", "r/LOCK"),
        ("create -v 3 -p a -b leveldb -l new", "new"),
        ("pack r image.tar.gz", "image.tar.gz"),
    ] {
        let run = unprivileged(line);
        assert_eq!(run.status, 1, "{line}");
        assert!(
            run.stderr.contains(path) && run.stderr.contains("Permission denied"),
            "{line}: {}",
            run.stderr
        );
    }
    assert!(dump(&ring) == before);
}

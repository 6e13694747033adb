//! The mistakes of LevelDB engines with rings: each of these was seen with rusty-leveldb 4.0.2, which is here to show
//! it, or with LevelDB itself.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fash::{
    Algorithm, DatabaseError, Holder, Ring, RingEditor, RingReader, StoreError, create_ring,
};
use rusty_leveldb::{DB, LdbIterator, Options};

use crate::support::{dump, files, fixture, pnode};

fn open_with_rusty_leveldb(ring: &Path) -> rusty_leveldb::Result<DB> {
    DB::open(ring, Options { create_if_missing: false, ..Options::default() })
}

fn count_with_rusty_leveldb(ring: &Path) -> usize {
    let mut database = open_with_rusty_leveldb(ring).unwrap();
    let mut iterator = database.new_iter().unwrap();
    std::iter::from_fn(|| iterator.next()).count()
}

/// Gives every table the name that LevelDB before 1.14 gave it.
fn name_tables_sst(ring: &Path) {
    for path in files(ring).into_keys().filter(|path| path.extension() == Some("ldb".as_ref())) {
        fs::rename(&path, path.with_extension("sst")).unwrap();
    }
}

#[test]
fn tables_named_sst_are_read() {
    for name in ["08-tables-uncompressed", "09-tables-snappy"] {
        let (_directory, ring) = fixture(name);
        let expected = dump(&ring);
        name_tables_sst(&ring);
        assert_eq!(dump(&ring), expected, "{name}");
        assert!(RingReader::open(&ring).unwrap().audit().unwrap().is_sound(), "{name}");
        // The peer opens the ring without an error and misses what is in those tables.
        assert!(count_with_rusty_leveldb(&ring) < expected.lines().count(), "{name}");
    }
}

#[test]
fn a_missing_table_is_an_error_and_no_shorter_ring() {
    let (_directory, ring) = fixture("08-tables-uncompressed");
    let table = files(&ring).into_keys().find(|p| p.extension() == Some("ldb".as_ref())).unwrap();
    fs::remove_file(&table).unwrap();
    let error = RingReader::open(&ring).unwrap_err();
    assert!(error.to_string().contains(&*table.to_string_lossy()), "{error}");
}

#[test]
fn preallocated_files_are_read_to_where_they_were_written() {
    let (_directory, ring) = fixture("01-created");
    let expected = dump(&ring);
    for (path, (_, mut bytes)) in files(&ring) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("MANIFEST") || path.extension() == Some("log".as_ref()) {
            bytes.resize(bytes.len().next_multiple_of(65_536), 0);
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_eq!(dump(&ring), expected);
    RingReader::open(&ring).unwrap();
}

#[test]
fn a_log_that_was_cut_is_an_error_and_what_is_left_can_be_had() {
    let (_directory, ring) = fixture("02-ro-data");
    let whole = dump(&ring);
    let log = files(&ring)
        .into_iter()
        .find(|(path, (_, bytes))| path.extension() == Some("log".as_ref()) && !bytes.is_empty());
    let (log, (_, bytes)) = log.unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    let error = RingReader::open(&ring).unwrap_err();
    assert!(matches!(error, StoreError::Database(DatabaseError::TornLog { .. })), "{error}");
    assert!(RingEditor::open(&ring).is_err());

    let reader = RingReader::open_live(&ring).unwrap();
    assert_eq!(reader.notices().len(), 1);
    let audit = reader.audit().unwrap();
    assert!(!audit.is_sound(), "{audit:?}");
    assert_ne!(dump(&ring), whole, "the last change is gone");

    fash::repair_ring(&ring, fash::RepairMode::Apply).unwrap();
    assert!(RingReader::open(&ring).unwrap().audit().unwrap().is_sound());
}

fn small_ring(ring: &Path) {
    let pnodes = ["a", "b"].map(pnode);
    create_ring(ring, &Ring::create(Algorithm::Sha256, 12, pnodes).unwrap()).unwrap();
}

#[test]
fn opening_creates_nothing_where_there_is_no_ring() {
    let directory = tempfile::tempdir().unwrap();
    for missing in ["nothing", "a/b"] {
        let path = directory.path().join(missing);
        assert!(RingReader::open(&path).is_err());
        assert!(RingReader::open_live(&path).is_err());
        assert!(RingEditor::open(&path).is_err());
        assert!(!path.exists());
    }
    assert!(RingEditor::open(directory.path()).is_err());
    assert!(files(directory.path()).is_empty());

    let file = directory.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for error in [RingReader::open(&file).unwrap_err(), RingEditor::open(&file).unwrap_err()] {
        assert!(
            matches!(error, StoreError::Database(DatabaseError::NotADatabase { .. })),
            "{error}"
        );
    }
}

#[test]
fn nothing_is_ever_created_over_something() {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    small_ring(&ring);
    let before = files(&ring);
    let again = Ring::create(Algorithm::Sha256, 3, [pnode("c")]).unwrap();
    let error = create_ring(&ring, &again).unwrap_err();
    assert!(matches!(error, StoreError::Database(DatabaseError::AlreadyExists { .. })), "{error}");
    assert!(files(&ring) == before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// Another process that takes the lock as LevelDB in C++ takes it, with fcntl.
struct OtherProcess(Child);

impl OtherProcess {
    fn locking(ring: &Path) -> Self {
        let script = "import fcntl, sys\n\
                      lock = open(sys.argv[1], 'r+')\n\
                      fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n\
                      print('locked', flush=True)\n\
                      sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(ring.join("LOCK"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        assert_eq!(line, "locked\n");
        Self(child)
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_ring_that_another_process_holds_is_refused_by_name_and_can_be_read_live() {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    small_ring(&ring);
    drop(RingEditor::open(&ring).unwrap()); // Makes the file LOCK.
    let other = OtherProcess::locking(&ring);
    let before = files(&ring);
    for error in [RingReader::open(&ring).unwrap_err(), RingEditor::open(&ring).unwrap_err()] {
        assert_eq!(error.holder(), Some(Holder::Process(other.0.id())), "{error}");
        assert!(error.to_string().contains(&format!("process {}", other.0.id())), "{error}");
    }
    assert_eq!(RingReader::open_live(&ring).unwrap().load().unwrap().vnode_count(), 12);
    let copy = directory.path().join("copy");
    fash::copy_ring(&ring, &copy).unwrap();
    assert_eq!(dump(&copy), dump(&ring));
    assert!(files(&ring) == before);
    drop(other);
    RingEditor::open(&ring).unwrap();
}

#[test]
fn while_we_hold_a_ring_a_process_that_locks_as_leveldb_does_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    small_ring(&ring);
    let try_lock = || {
        let script = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)";
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(ring.join("LOCK")).stderr(Stdio::null());
        python.status().unwrap().success()
    };
    let editor = RingEditor::open(&ring).unwrap();
    assert!(!try_lock());
    // Readers and refused editors of this process must not drop the lock: POSIX drops it with any descriptor.
    RingReader::open_live(&ring).unwrap();
    assert_eq!(RingReader::open(&ring).unwrap_err().holder(), Some(Holder::ThisProcess));
    assert_eq!(RingEditor::open(&ring).unwrap_err().holder(), Some(Holder::ThisProcess));
    assert!(!try_lock());
    // The peer locks with flock, which LevelDB in C++ does not see, nor it LevelDB's lock.
    assert!(open_with_rusty_leveldb(&ring).is_ok());
    drop(editor);
    assert!(try_lock());
}

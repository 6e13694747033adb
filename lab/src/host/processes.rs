//! The processes of a zone: which they are, and signals to all of them.
//!
//! Process groups and sessions do not tell: servers make their own. A process belongs to a zone when its environment
//! says so, when it works in a directory of the zone, or when a process that belongs to the zone started it. (The
//! environment is not enough: PostgreSQL's backends overwrite theirs.)

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::messages::ZoneProcess;

/// The rounds in which [`signal_until_none`] looks for processes that appeared meanwhile, and the pause between them.
const ROUNDS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    group: i32,
    /// The letter of `ps`: `T` is stopped, `Z` is dead.
    state: char,
    environment: Vec<u8>,
    directory: Option<PathBuf>,
    name: String,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let path = PathBuf::from(format!("/proc/{pid}"));
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let (parent, group, state) = parse_stat(&stat)?;
        let name = stat.split_once('(')?.1.rsplit_once(')')?.0.to_owned();
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        let directory = fs::read_link(path.join("cwd")).ok();
        Some(Self { pid, parent, group, state, environment, directory, name })
    }

    /// As the control API shows it.
    pub(crate) fn shown(&self) -> ZoneProcess {
        let command = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
        let command = if command.is_empty() { format!("[{}]", self.name) } else { command };
        let (pid, parent) = (self.pid.unsigned_abs(), self.parent.unsigned_abs());
        ZoneProcess { pid, parent, name: self.name.clone(), command }
    }

    fn has(&self, mark: &str) -> bool {
        self.environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    }
}

/// Parent, process group and state of a line of `/proc/PID/stat`. The name in it can hold anything.
fn parse_stat(stat: &str) -> Option<(i32, i32, char)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, state))
}

/// The variable that all processes of a lab have: the lab's directory.
pub(crate) const LAB_DIRECTORY: &str = "LAB_DIRECTORY";

/// The marks that the processes that are meant have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belonging {
    /// Variables with their values, any of which is in the environment.
    pub(crate) marks: Vec<String>,
    /// The directory that they work in, or below.
    pub(crate) directory: Option<PathBuf>,
    /// The process group.
    pub(crate) group: Option<u32>,
}

impl Belonging {
    /// The processes of a lab.
    pub(crate) fn of_lab(directory: &Path) -> Self {
        let marks = vec![format!("{LAB_DIRECTORY}={}", directory.display())];
        Self { marks, ..Self::default() }
    }

    fn includes(&self, process: &Process) -> bool {
        let group = self.group.and_then(|group| i32::try_from(group).ok());
        self.marks.iter().any(|mark| process.has(mark))
            || (group.is_some() && group == Some(process.group))
            || within(self.directory.as_deref(), process.directory.as_deref())
    }

    /// The live processes that are meant, with all that they started.
    pub(crate) fn find(&self) -> io::Result<Vec<Process>> {
        Ok(self.select(all()?))
    }

    fn select(&self, processes: Vec<Process>) -> Vec<Process> {
        let spared = ancestors_of_this(&processes);
        let mut chosen: BTreeSet<i32> = processes
            .iter()
            .filter(|process| self.includes(process))
            .map(|process| process.pid)
            .filter(|pid| !spared.contains(pid))
            .collect();
        loop {
            let before = chosen.len();
            for process in &processes {
                if chosen.contains(&process.parent) && !spared.contains(&process.pid) {
                    chosen.insert(process.pid);
                }
            }
            if chosen.len() == before {
                break;
            }
        }
        processes
            .into_iter()
            .filter(|process| chosen.contains(&process.pid) && !matches!(process.state, 'Z' | 'X'))
            .collect()
    }
}

fn within(directory: Option<&Path>, place: Option<&Path>) -> bool {
    matches!((directory, place), (Some(directory), Some(place)) if place.starts_with(directory))
}

/// This process and those that it comes from: a lab does not signal itself.
fn ancestors_of_this(processes: &[Process]) -> BTreeSet<i32> {
    let mut ancestors = BTreeSet::from([1]);
    let mut next = i32::try_from(std::process::id()).ok();
    while let Some(pid) = next {
        if !ancestors.insert(pid) {
            break;
        }
        next = processes.iter().find(|process| process.pid == pid).map(|process| process.parent);
    }
    ancestors
}

fn all() -> io::Result<Vec<Process>> {
    let pids = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    Ok(pids.filter_map(Process::read).collect())
}

/// Signals a process. One that is gone already is no error.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    if let Err(error) = kill_process(pid, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(pid = pid.as_raw_nonzero().get(), ?signal, %error, "cannot signal a process");
    }
}

/// Kills all the processes that are meant, and those that they start meanwhile. Blocks until they are gone.
pub(crate) fn kill_all(belonging: &Belonging) -> io::Result<()> {
    signal_until_none(belonging, Signal::KILL, |_| true)
}

/// Stops all the processes that are meant, so that they do nothing until [`thaw_all`].
pub(crate) fn freeze_all(belonging: &Belonging) -> io::Result<()> {
    signal_until_none(belonging, Signal::STOP, |process| process.state != 'T')
}

/// Lets all the processes that are meant go on.
pub(crate) fn thaw_all(belonging: &Belonging) -> io::Result<()> {
    signal_until_none(belonging, Signal::CONT, |process| process.state == 'T')
}

/// Ends PostgreSQL's servers at once, without a checkpoint. Killed they would leave segments of shared memory behind.
pub(crate) fn quit_postgres(belonging: &Belonging) -> io::Result<()> {
    signal_until_none(belonging, Signal::QUIT, |process| process.name == "postgres")
}

fn signal_until_none(
    belonging: &Belonging,
    kind: Signal,
    concerned: impl Fn(&Process) -> bool,
) -> io::Result<()> {
    for _ in 0..ROUNDS {
        let found: Vec<Process> = belonging.find()?.into_iter().filter(&concerned).collect();
        if found.is_empty() {
            return Ok(());
        }
        for process in found {
            signal(process.pid.unsigned_abs(), kind);
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "processes remain after being signalled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, environment: &str, directory: &str) -> Process {
        Process {
            pid,
            parent,
            group: pid,
            state: 'S',
            environment: environment.as_bytes().to_vec(),
            directory: Some(directory.into()),
            name: "x".to_owned(),
        }
    }

    #[test]
    fn a_name_may_hold_parentheses_and_spaces() {
        let stat = "77 (a) b (c)) S 12 70 70 0 -1";
        assert_eq!(parse_stat(stat), Some((12, 70, 'S')));
    }

    #[test]
    fn marked_processes_and_all_that_they_started() {
        let processes = vec![
            process(10, 1, "A=1\0LAB_ZONE=x\0", "/"),
            process(11, 10, "postgres: idle", "/"),
            process(12, 11, "", "/"),
            process(13, 1, "LAB_ZONE=xy\0", "/"),
            process(14, 1, "", "/lab/zones/x/root/manatee"),
            process(15, 1, "", "/lab/zones/xx/root"),
        ];
        let belonging = Belonging {
            marks: vec!["LAB_ZONE=x".to_owned()],
            directory: Some("/lab/zones/x".into()),
            group: None,
        };
        let found: Vec<i32> =
            belonging.select(processes).into_iter().map(|process| process.pid).collect();
        assert_eq!(found, [10, 11, 12, 14]);
    }

    #[test]
    fn a_lab_does_not_find_itself() {
        let this = i32::try_from(std::process::id()).unwrap();
        let processes =
            vec![process(this, 5, "LAB_ZONE=x\0", "/"), process(5, 1, "LAB_ZONE=x\0", "/")];
        let belonging = Belonging { marks: vec!["LAB_ZONE=x".to_owned()], ..Belonging::default() };
        assert!(belonging.select(processes).is_empty());
    }
}

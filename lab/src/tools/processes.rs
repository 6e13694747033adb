//! The processes of a zone, as far as `/proc` tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: u32,
    /// Its parent's number.
    pub(super) parent: u32,
    /// The name of its program.
    pub(super) name: String,
    /// Its program and arguments.
    pub(super) command: String,
    /// True if its environment, or the directory that is its root, says that it belongs to the zone.
    pub(super) of_zone: bool,
}

/// All processes that there are now.
///
/// `zone`: the value of `LAB_ZONE` that marks a zone's processes. The environment of a process in another user namespace, as
/// that of another command in the same zone, cannot be read; what is mounted at its root can.
pub(super) fn all(zone: &str) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let names =
        entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).filter_map(|pid| one(pid, zone)).collect()
}

/// A process that ends meanwhile is none.
fn one(pid: u32, zone: &str) -> Option<Process> {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}"));
    let (parent, name) = parse_stat(&String::from_utf8_lossy(&read("stat").ok()?))?;
    let words = read("cmdline").unwrap_or_default();
    let words: Vec<_> = words.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let command = words.join(" ").trim_end().to_owned();
    let command = if command.is_empty() { format!("[{name}]") } else { command };
    let mark = format!("LAB_ZONE={zone}");
    let environment = read("environ").unwrap_or_default();
    let marked = environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes());
    let mounts = read("mountinfo").unwrap_or_default();
    let of_zone = marked || has_root(&String::from_utf8_lossy(&mounts), zone);
    Some(Process { pid, parent, name, command, of_zone })
}

/// Tells whether the directory mounted at `/` is a zone's. A line of mounts: number, parent, device, directory, mount point.
fn has_root(mounts: &str, zone: &str) -> bool {
    let end = format!("/{zone}/root");
    mounts.lines().any(|line| {
        let mut fields = line.split(' ').skip(3);
        fields.next().is_some_and(|directory| directory.ends_with(&end))
            && fields.next() == Some("/")
    })
}

/// Parent and name: `1234 (name) S 1 …`. The name can have anything in it.
fn parse_stat(stat: &str) -> Option<(u32, String)> {
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    Some((tail.split(' ').nth(1)?.parse().ok()?, name.to_owned()))
}

/// The processes of a zone: those that its environment marks, its services', and all that these started.
pub(super) fn of_zone(all: &[Process], services: &BTreeSet<u32>) -> Vec<Process> {
    let parents: BTreeMap<u32, u32> =
        all.iter().map(|process| (process.pid, process.parent)).collect();
    let of_zone: BTreeSet<u32> = all
        .iter()
        .filter(|process| process.of_zone || services.contains(&process.pid))
        .map(|process| process.pid)
        .collect();
    let belongs = |process: &&Process| {
        // A chain longer than there are processes is a cycle of numbers used again.
        std::iter::successors(Some(process.pid), |pid| parents.get(pid).copied())
            .take(all.len())
            .any(|pid| of_zone.contains(&pid))
    };
    all.iter().filter(belongs).cloned().collect()
}

/// A process and all that it started, the parents first.
pub(super) fn below(all: &[Process], root: u32) -> Vec<&Process> {
    let mut found: Vec<&Process> = all.iter().filter(|process| process.pid == root).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        let children = all.iter().filter(|process| process.parent == parent);
        let new: Vec<_> = children.filter(|child| !found.contains(child)).collect();
        found.extend(new);
        next += 1;
    }
    found
}

/// The output of `ptree`: each process below its parent, indented by two.
pub(super) fn tree(processes: &[Process]) -> String {
    let pids: BTreeSet<u32> = processes.iter().map(|process| process.pid).collect();
    let mut text = String::new();
    for root in processes.iter().filter(|process| !pids.contains(&process.parent)) {
        branch(processes, root, 0, &mut text);
    }
    text
}

fn branch(processes: &[Process], process: &Process, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    writeln!(text, "{indent}{:<5}  {}", process.pid, process.command).unwrap_or_default();
    for child in processes.iter().filter(|child| child.parent == process.pid && depth < 64) {
        branch(processes, child, depth + 1, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, command: &str, of_zone: bool) -> Process {
        let (name, command) = (command.to_owned(), command.to_owned());
        Process { pid, parent, name, command, of_zone }
    }

    #[test]
    fn a_zone_has_its_services_and_what_they_started() {
        let all = [
            process(1, 0, "init", false),
            process(10, 1, "sitter", false),
            process(11, 10, "postgres", false),
            process(20, 1, "bash pg_dump.sh", true),
            process(21, 20, "pg_dump", false),
            process(30, 1, "another", false),
        ];
        let zone = of_zone(&all, &BTreeSet::from([10]));
        assert_eq!(
            tree(&zone),
            "10     sitter\n  11     postgres\n20     bash pg_dump.sh\n  21     pg_dump\n"
        );
        let pids: Vec<u32> = below(&all, 1).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [1, 10, 20, 30, 11, 21]);
    }

    #[test]
    fn a_name_can_have_parentheses() {
        assert_eq!(parse_stat("7 (a) b) S 3 7"), Some((3, "a) b".to_owned())));
        assert_eq!(parse_stat("junk"), None);
    }

    #[test]
    fn a_zones_root_is_known_by_its_mount() {
        let mounts = "63 42 254:0 /lab/zones/U1/root / rw - ext4 /dev/vda rw\n64 63 254:0 /usr /usr rw - ext4 /dev/vda rw\n";
        assert!(has_root(mounts, "U1"));
        assert!(!has_root(mounts, "U2") && !has_root("63 42 0:1 /lab/zones/U1/root /mnt rw", "U1"));
    }

    #[test]
    fn this_process_is_among_all() {
        assert!(all("none").iter().any(|process| process.pid == std::process::id()));
    }
}

//! A tree of nodes as a ZooKeeper server keeps it: pure, without time and without anybody who waits.

use std::collections::BTreeMap;

use crate::coordination::{Ephemeral, Node};
use crate::error::ZooKeeperError;
use crate::wire::{ANY_VERSION, Op};

/// A node and what a server counts of it.
#[derive(Clone, Debug)]
struct Stored {
    node: Node,
    /// The number of children that were ever made: numbered ones get their number from it.
    made: i32,
}

/// Nodes by path.
#[derive(Clone, Debug)]
pub(super) struct Tree(BTreeMap<String, Stored>);

/// A change of the tree, for whoever watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Created(String),
    Written(String),
    Deleted(String),
}

/// The path of the directory that a node is in; empty for the root's children.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

impl Tree {
    /// A tree with nothing but its root.
    pub(super) fn new() -> Self {
        let node = Node { data: Vec::new(), version: 0, created: 0, owner: 0 };
        Self(BTreeMap::from([(String::new(), Stored { node, made: 0 })]))
    }

    pub(super) fn get(&self, path: &str) -> Result<&Node, ZooKeeperError> {
        let stored = self.0.get(path.trim_end_matches('/'));
        stored
            .map(|stored| &stored.node)
            .ok_or_else(|| ZooKeeperError::NoNode { path: path.to_owned() })
    }

    pub(super) fn children(&self, path: &str) -> Result<Vec<String>, ZooKeeperError> {
        self.get(path)?;
        let below = format!("{}/", path.trim_end_matches('/'));
        let under = self.0.range(below.clone()..).map(|(path, _)| path.strip_prefix(&below));
        let names = under.take_while(Option::is_some).flatten();
        Ok(names
            .filter(|name| !name.is_empty() && !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    /// Makes a node. Errors name it as it was `asked` for.
    fn create(
        &mut self,
        asked: &str,
        path: &str,
        data: &[u8],
        owner: i64,
        now: i64,
    ) -> Result<Change, ZooKeeperError> {
        let missing = || ZooKeeperError::NoNode { path: asked.to_owned() };
        if self.0.contains_key(path) {
            return Err(ZooKeeperError::NodeExists { path: asked.to_owned() });
        }
        let directory = self.0.get_mut(parent(path)).ok_or_else(missing)?;
        if directory.node.owner != 0 {
            let source = "ephemeral nodes have no children".into();
            return Err(ZooKeeperError::Refused { path: asked.to_owned(), source });
        }
        directory.made += 1;
        let node = Node { data: data.to_owned(), version: 0, created: now, owner };
        self.0.insert(path.to_owned(), Stored { node, made: 0 });
        Ok(Change::Created(path.to_owned()))
    }

    /// The number that the next numbered child gets.
    fn next_number(&self, prefix: &str) -> Result<i32, ZooKeeperError> {
        let directory = self.0.get(parent(prefix));
        let directory =
            directory.ok_or_else(|| ZooKeeperError::NoNode { path: prefix.to_owned() })?;
        Ok(directory.made)
    }

    /// Makes a node that goes with its owner. Returns the number of a numbered one.
    pub(super) fn create_ephemeral(
        &mut self,
        path: &str,
        data: &[u8],
        kind: Ephemeral,
        owner: i64,
        now: i64,
    ) -> Result<(i64, Change), ZooKeeperError> {
        match kind {
            Ephemeral::Named => Ok((0, self.create(path, path, data, owner, now)?)),
            Ephemeral::Numbered => {
                let number = self.next_number(path)?;
                let change = self.create(path, &numbered(path, number), data, owner, now)?;
                Ok((number.into(), change))
            }
        }
    }

    /// Makes a directory and those above it, unless they are there.
    pub(super) fn make_directory(
        &mut self,
        path: &str,
        now: i64,
    ) -> Result<Vec<Change>, ZooKeeperError> {
        let mut changes = Vec::new();
        let ends = path.match_indices('/').map(|(end, _)| end).skip(1).chain([path.len()]);
        for directory in ends.filter_map(|end| path.get(..end)) {
            if !self.0.contains_key(directory) {
                changes.push(self.create(path, directory, &[], 0, now)?);
            }
        }
        Ok(changes)
    }

    /// Returns the version after.
    pub(super) fn set(
        &mut self,
        path: &str,
        data: &[u8],
        version: i32,
    ) -> Result<(i32, Change), ZooKeeperError> {
        self.check(path, version)?;
        let stored = self.0.get_mut(path);
        let stored = stored.ok_or_else(|| ZooKeeperError::NoNode { path: path.to_owned() })?;
        data.clone_into(&mut stored.node.data);
        stored.node.version += 1;
        Ok((stored.node.version, Change::Written(path.to_owned())))
    }

    pub(super) fn delete(&mut self, path: &str, version: i32) -> Result<Change, ZooKeeperError> {
        self.check(path, version)?;
        if !self.children(path)?.is_empty() {
            return Err(ZooKeeperError::NotEmpty { path: path.to_owned() });
        }
        self.0.remove(path);
        Ok(Change::Deleted(path.to_owned()))
    }

    fn check(&self, path: &str, version: i32) -> Result<(), ZooKeeperError> {
        let found = self.get(path)?.version;
        if version != ANY_VERSION && version != found {
            return Err(ZooKeeperError::BadVersion { path: path.to_owned() });
        }
        Ok(())
    }

    /// All or nothing; what is ephemeral goes with `owner`. Returns the version after each operation.
    pub(super) fn transaction(
        &mut self,
        ops: &[Op],
        owner: i64,
        now: i64,
    ) -> Result<(Vec<i32>, Vec<Change>), ZooKeeperError> {
        let mut draft = self.clone();
        let (mut versions, mut changes) = (Vec::new(), Vec::new());
        for op in ops {
            let (version, change) = match op {
                Op::Create { path, data, sequential: false } => {
                    (0, Some(draft.create(path, path, data, 0, now)?))
                }
                Op::Create { path, data, sequential: true } => {
                    let name = numbered(path, draft.next_number(path)?);
                    (0, Some(draft.create(path, &name, data, 0, now)?))
                }
                Op::CreateEphemeral { path, data } => {
                    (0, Some(draft.create(path, path, data, owner, now)?))
                }
                Op::Set { path, data, version } => {
                    let (version, change) = draft.set(path, data, *version)?;
                    (version, Some(change))
                }
                Op::Delete { path, version } => (-1, Some(draft.delete(path, *version)?)),
                Op::Check { path, version } => {
                    draft.check(path, *version)?;
                    (-1, None)
                }
            };
            versions.push(version);
            changes.extend(change);
        }
        *self = draft;
        Ok((versions, changes))
    }

    /// Deletes what goes with a session.
    pub(super) fn delete_owned(&mut self, owner: i64) -> Vec<Change> {
        let owned = self.0.iter().filter(|(_, stored)| stored.node.owner == owner);
        let paths: Vec<String> = owned.map(|(path, _)| path.clone()).collect();
        paths.iter().filter_map(|path| self.delete(path, ANY_VERSION).ok()).collect()
    }
}

/// The name of a numbered node, as ZooKeeper forms it.
fn numbered(prefix: &str, number: i32) -> String {
    format!("{prefix}{number:010}")
}

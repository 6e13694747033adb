//! The unprivileged user that a lab's processes run as.

use std::fs;
use std::io;
use std::os::unix::fs::lchown;
use std::path::Path;

/// A user of this machine, and its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name.
    pub(crate) name: String,
    user: u32,
    group: u32,
}

impl Account {
    /// The user of a name.
    ///
    /// # Errors
    /// There is no such user, or `/etc/passwd` cannot be read.
    pub(crate) fn named(name: &str) -> io::Result<Self> {
        let users = fs::read_to_string("/etc/passwd")?;
        Self::among(&users, name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no user {name}"))
        })
    }

    /// Its number, and its group's.
    pub(crate) fn ids(&self) -> (u32, u32) {
        (self.user, self.group)
    }

    fn among(users: &str, name: &str) -> Option<Self> {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            Some(Self { name: name.to_owned(), user, group })
        })
    }

    /// Makes a file or directory, and all in it, this user's.
    ///
    /// # Errors
    /// The owner of something cannot be changed.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        lchown(path, Some(self.user), Some(self.group))?;
        if path.symlink_metadata()?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\npost:x:1:1::/:\npostgres:x:103:104:,,,:/:/b\n";
        let account = Account::among(users, "postgres").unwrap();
        assert_eq!((account.user, account.group), (103, 104));
        assert_eq!(Account::among(users, "gres"), None);
    }
}

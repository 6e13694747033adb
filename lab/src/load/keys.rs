//! The objects of a load.

use uuid::Builder;

/// The objects that there can be.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    run: u32,
    count: usize,
    directories: usize,
    owners: usize,
}

/// One object's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) owner: String,
    pub(super) directory: String,
    pub(super) name: String,
    /// The object's key in the bucket `manta`.
    pub(super) key: String,
    /// The key of its upload's record in the bucket `manta_uploads`.
    pub(super) upload: String,
}

impl Keys {
    pub(super) fn new(run: u32, count: usize, directories: usize, owners: usize) -> Self {
        let owners = owners.clamp(1, u16::MAX.into());
        Self { run, count: count.max(1), directories: directories.max(1), owners }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn owner(&self, number: usize) -> String {
        self.uuid(1, number)
    }

    /// A UUID of this run.
    fn uuid(&self, kind: u8, number: usize) -> String {
        let mut bytes = [0; 16];
        let (of_run, rest) = bytes.split_at_mut(4);
        of_run.copy_from_slice(&self.run.to_be_bytes());
        let (head, tail) = rest.split_at_mut(4);
        head.fill(kind);
        tail.copy_from_slice(&(number as u64).to_be_bytes());
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// The texts one of which every key of this run has in it.
    pub(super) fn prefixes(&self) -> Vec<String> {
        (0..self.owners).map(|owner| format!("/{}/stor/load/", self.owner(owner))).collect()
    }

    pub(super) fn names(&self, index: usize) -> Names {
        let directory = index % self.directories;
        let owner = self.owner(directory % self.owners);
        let directory = format!("/{owner}/stor/load/dir{directory:05}");
        let name = format!("obj{index:07}");
        let key = format!("{directory}/{name}");
        let upload = format!("{}:{key}", self.uuid(2, index));
        Names { owner, directory, name, key, upload }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_object_has_its_own_key_in_its_run() {
        let keys = Keys::new(7, 1000, 30, 4);
        let names: Vec<_> = (0..1000).map(|index| keys.names(index)).collect();
        let unique = |of: fn(&Names) -> &String| names.iter().map(of).collect::<BTreeSet<_>>();
        assert_eq!(unique(|names| &names.key).len(), 1000);
        assert_eq!(unique(|names| &names.upload).len(), 1000);
        assert_eq!(unique(|names| &names.directory).len(), 30);
        assert_eq!(unique(|names| &names.owner).len(), 4);
        let prefixes = keys.prefixes();
        for Names { key, upload, .. } in &names {
            assert!(prefixes.iter().any(|prefix| key.starts_with(prefix)));
            assert!(prefixes.iter().any(|prefix| upload.contains(prefix)));
        }
        assert_ne!(keys.names(0).key, Keys::new(8, 1000, 30, 4).names(0).key);
    }
}

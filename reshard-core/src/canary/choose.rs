//! Names that land in the vnodes that one wants.

use fash::HashOutOfRange;
use sapi_client::AccountUuid;
use serde::{Deserialize, Serialize};

use crate::VnodeSet;
use crate::keys::KeyHash;

/// The bucket of Manta's objects and directories.
pub(super) const BUCKET: &str = "manta";

/// An entry of Manta that is there only to be looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its key in the bucket `manta`.
    pub key: String,
    /// The number of the vnode that the key hashes to.
    pub vnode: u32,
    /// Its kind.
    pub kind: CanaryKind,
}

/// The kind of an entry of Manta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanaryKind {
    /// A directory; it is where its parent's entries are.
    Directory,
    /// An object.
    Object,
}

/// A directory of the account whose entries belong to one of these vnodes; `None` if no name was found that does. Its name
/// begins with `tag`.
pub fn choose_directory(
    hash: &KeyHash,
    account: AccountUuid,
    tag: &str,
    wanted: &VnodeSet,
) -> Option<String> {
    // With so many names the chance to miss them all is e^-40.
    let ratio = u64::from(hash.vnode_count()) / u64::try_from(wanted.len()).ok()?.max(1);
    let names = (0..40 * (ratio + 1)).map(|n| format!("/{account}/stor/{tag}-{n}"));
    let mut fitting = names.filter(|directory| {
        hash.vnode_of_directory(directory).is_ok_and(|vnode| wanted.contains(vnode))
    });
    fitting.next().filter(|_| !wanted.is_empty())
}

/// The canaries of a directory: itself and an object in it, in the order in which they are to be created.
///
/// # Errors
///
/// [`HashOutOfRange`]: the ring has no vnode for the directory itself, which is where its account's `stor` hashes to.
pub fn canaries_of(hash: &KeyHash, directory: &str) -> Result<[Canary; 2], HashOutOfRange> {
    let canary = |key: String, kind| {
        hash.vnode_of_key(BUCKET, &key).map(|vnode| Canary { vnode: vnode.number(), key, kind })
    };
    Ok([
        canary(directory.to_owned(), CanaryKind::Directory)?,
        canary(format!("{directory}/canary"), CanaryKind::Object)?,
    ])
}

#[cfg(test)]
mod tests {
    use fash::{Algorithm, Interval, Vnode};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_name_is_found_for_any_vnodes(
            vnodes in proptest::collection::btree_set(0u32..512, 0..5),
            account in any::<u128>(),
        ) {
            let hash = KeyHash::new(Interval::new(Algorithm::Sha256, 512), 512);
            let wanted: VnodeSet = vnodes.into_iter().map(Vnode::from).collect();
            let account = AccountUuid::from(uuid::Uuid::from_u128(account));
            let found = choose_directory(&hash, account, "canary", &wanted);
            prop_assert_eq!(found.is_some(), !wanted.is_empty());
            if let Some(directory) = found {
                let [itself, object] = canaries_of(&hash, &directory).unwrap();
                prop_assert!(wanted.contains(Vnode::new(object.vnode)));
                let stor = format!("/{account}/stor");
                let parent = hash.vnode_of_directory(&stor).unwrap();
                prop_assert_eq!(itself.vnode, parent.number());
            }
        }
    }
}

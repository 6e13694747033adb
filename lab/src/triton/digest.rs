//! Digests as Etags have them.

use bytes::Bytes;
use sha1::{Digest as _, Sha1};

/// A SHA-1 in hexadecimal.
pub(crate) fn sha1(bytes: &[u8]) -> String {
    format!("{:x}", Bytes::copy_from_slice(&Sha1::digest(bytes)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_have_leading_zeros() {
        assert_eq!(super::sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}

//! The hash functions that place keys on a ring: [`Algorithm`].

use std::fmt;
use std::str::FromStr;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::uint256::Uint256;

/// The hash function that places keys on a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, what Manta's rings use.
    #[default]
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
    /// MurmurHash3, the 128-bit variant for 64-bit machines (`x64`) with seed 0; its first half is the more
    /// significant one. Several times faster than the others, but an extension of ours: node-fash cannot read a
    /// ring that uses it.
    Murmur3,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha1, Self::Md5, Self::Murmur3];

    /// The name that rings store, such as `sha256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
            Self::Murmur3 => "murmur3",
        }
    }

    /// The largest hash as rings store it (the field `MAX`): as many hexadecimal digits `F` as a digest has digits.
    pub const fn max(self) -> &'static str {
        let digits = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
        digits.split_at(2 * self.digest_len()).0
    }

    /// Tells whether node-fash knows this algorithm, and so can read a ring that uses it.
    pub const fn node_fash_reads(self) -> bool {
        !matches!(self, Self::Murmur3)
    }

    /// The length of a digest in bytes.
    pub(crate) const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha1 => 20,
            Self::Md5 | Self::Murmur3 => 16,
        }
    }

    /// The digest of `key`, left-aligned.
    pub(crate) fn digest(self, key: &[u8]) -> Uint256 {
        match self {
            Self::Sha256 => Uint256::from_bytes(&Sha256::digest(key).into()),
            Self::Sha1 => Uint256::from_leading_bytes(&Sha1::digest(key)),
            Self::Md5 => Uint256::from_leading_bytes(&Md5::digest(key)),
            Self::Murmur3 => Uint256::from_leading_bytes(&murmur3(key).to_be_bytes()),
        }
    }

    /// A left-aligned digest in lower-case hexadecimal.
    pub(crate) fn hex(self, digest: Uint256) -> String {
        let mut hex = digest.hex();
        hex.truncate(2 * self.digest_len());
        hex
    }
}

/// The 128 bits of `MurmurHash3`, first half first.
#[expect(clippy::expect_used, reason = "reading from a slice never fails")]
fn murmur3(mut key: &[u8]) -> u128 {
    let halves_swapped = murmur3::murmur3_x64_128(&mut key, 0).expect("a slice can be read");
    halves_swapped.rotate_left(64)
}

/// Prints the name that rings store.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Algorithm {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The text names no algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a hash algorithm of rings: use sha256, sha1, md5 or murmur3")]
pub struct UnknownAlgorithm(pub String);

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Knows the spellings of node-fash's `create -a`, which do not include `md-5`, and `murmur3`.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "sha256" | "sha-256" | "SHA256" | "SHA-256" => Ok(Self::Sha256),
            "sha1" | "sha-1" | "SHA1" | "SHA-1" => Ok(Self::Sha1),
            "md5" | "MD5" => Ok(Self::Md5),
            "murmur3" => Ok(Self::Murmur3),
            unknown => Err(UnknownAlgorithm(unknown.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(algorithm: Algorithm, key: &str) -> String {
        algorithm.hex(algorithm.digest(key.as_bytes()))
    }

    /// The digests of the empty key are those that node-fash's hash vectors hold; the one of `MurmurHash3` is the
    /// published example of the npm package murmurhash3js.
    #[test]
    fn digests_are_the_known_ones() {
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(Algorithm::Sha256, ""), sha256);
        assert_eq!(hex(Algorithm::Sha1, ""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(Algorithm::Md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
        let record = "I will not buy this record, it is scratched.";
        assert_eq!(hex(Algorithm::Murmur3, record), "c382657f9a06c49d4a71fdc6d9b0d48f");
    }

    #[test]
    fn names_and_maximums_are_those_that_rings_store() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.max(), "F".repeat(2 * algorithm.digest_len()));
            assert_eq!(algorithm.node_fash_reads(), algorithm != Algorithm::Murmur3);
        }
    }

    #[test]
    fn spellings_are_those_of_node_fash() {
        for name in ["sha256", "sha-256", "SHA256", "SHA-256"] {
            assert_eq!(name.parse(), Ok(Algorithm::Sha256));
        }
        for name in ["sha1", "sha-1", "SHA1", "SHA-1"] {
            assert_eq!(name.parse(), Ok(Algorithm::Sha1));
        }
        assert_eq!("MD5".parse(), Ok(Algorithm::Md5));
        for bad in ["md-5", "Sha256", "sha512", ""] {
            assert_eq!(bad.parse::<Algorithm>(), Err(UnknownAlgorithm(bad.to_owned())));
        }
    }
}

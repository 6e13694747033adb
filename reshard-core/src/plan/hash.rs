//! The plan's hash: what was previewed is what runs.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::Plan;

impl Plan {
    /// The SHA-256 of the document without its hash, in hexadecimal digits.
    pub fn computed_hash(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        // A plan is made of text, numbers and lists, which always serialize.
        let json = serde_json::to_vec(&bare).unwrap_or_default();
        Sha256::digest(json).iter().fold(String::new(), |mut text, byte| {
            // Writing to a string does not fail.
            write!(text, "{byte:02x}").ok();
            text
        })
    }

    /// Tells whether the document is as it was made.
    pub fn hash_is_right(&self) -> bool {
        self.hash == self.computed_hash()
    }
}

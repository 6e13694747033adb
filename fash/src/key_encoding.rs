//! The encoding that makes a key's text the bytes that are hashed: [`KeyEncoding`].

use std::borrow::Cow;

/// The encoding that makes a key's text the bytes that are hashed. It matters only for keys with characters beyond ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyEncoding {
    /// UTF-8: node-fash on Node 6 and later.
    #[default]
    Utf8,
    /// The low byte of each UTF-16 code unit: node-fash on Node before 6. electric-moray ran on Node 0.10 until
    /// December 2019, so rows with names beyond ASCII written before then lie where this encoding puts them.
    Latin1,
}

impl KeyEncoding {
    /// The bytes to hash for `key`.
    pub fn encode(self, key: &str) -> Cow<'_, [u8]> {
        match self {
            Self::Latin1 if !key.is_ascii() => {
                Cow::Owned(key.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect())
            }
            Self::Utf8 | Self::Latin1 => Cow::Borrowed(key.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_keeps_the_low_byte_of_each_utf_16_unit() {
        assert_eq!(*KeyEncoding::Latin1.encode("/é/日"), [0x2f, 0xe9, 0x2f, 0xe5]);
        assert_eq!(*KeyEncoding::Latin1.encode("😀"), [0x3d, 0x00]);
        assert_eq!(*KeyEncoding::Utf8.encode("é"), [0xc3, 0xa9]);
        assert!(matches!(KeyEncoding::Latin1.encode("/ascii"), Cow::Borrowed(b"/ascii")));
    }
}

//! Internal keys: a user's key followed by the sequence number and the type of the change that wrote it
//! (`db/dbformat.h` of LevelDB 1.20).

use std::cmp::Ordering;

/// Sequence numbers have 56 bits.
pub(super) const MAX_SEQUENCE: u64 = (1 << 56) - 1;

const DELETION: u64 = 0;
const VALUE: u64 = 1;
const TRAILER_SIZE: usize = 8;

/// An internal key taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ParsedKey<'a> {
    pub(super) user_key: &'a [u8],
    pub(super) sequence: u64,
    pub(super) is_deletion: bool,
}

/// Takes an internal key apart; `None` if it is none.
pub(super) fn parse(internal: &[u8]) -> Option<ParsedKey<'_>> {
    let (user_key, trailer) = split(internal)?;
    let is_deletion = match trailer & 0xff {
        DELETION => true,
        VALUE => false,
        _ => return None,
    };
    Some(ParsedKey { user_key, sequence: trailer >> 8, is_deletion })
}

/// Appends an internal key to `out`.
pub(super) fn put(out: &mut Vec<u8>, user_key: &[u8], sequence: u64, is_deletion: bool) {
    out.extend_from_slice(user_key);
    let kind = if is_deletion { DELETION } else { VALUE };
    out.extend_from_slice(&(sequence << 8 | kind).to_le_bytes());
}

/// The internal key that sorts before every version of `user_key`.
pub(super) fn seek_target(user_key: &[u8]) -> Vec<u8> {
    let mut target = Vec::with_capacity(user_key.len() + TRAILER_SIZE);
    put(&mut target, user_key, MAX_SEQUENCE, false);
    target
}

/// The user's part of an internal key; the whole of what is too short to be one.
pub(super) fn user_key(internal: &[u8]) -> &[u8] {
    split(internal).map_or(internal, |(user_key, _)| user_key)
}

/// The order of LevelDB's tables: user keys by their bytes, and of one user key the newest version first.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    match (split(a), split(b)) {
        (Some((a_key, a_trailer)), Some((b_key, b_trailer))) => {
            a_key.cmp(b_key).then(b_trailer.cmp(&a_trailer))
        }
        _ => a.cmp(b),
    }
}

fn split(internal: &[u8]) -> Option<(&[u8], u64)> {
    let (user_key, trailer) = internal.split_last_chunk()?;
    Some((user_key, u64::from_le_bytes(*trailer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn internal(user_key: &[u8], sequence: u64, is_deletion: bool) -> Vec<u8> {
        let mut key = Vec::new();
        put(&mut key, user_key, sequence, is_deletion);
        key
    }

    #[test]
    fn the_newest_version_of_a_key_comes_first() {
        let sorted = [
            seek_target(b"a"),
            internal(b"a", 9, false),
            internal(b"a", 9, true),
            internal(b"a", 2, false),
            internal(b"ab", 1, false),
            internal(b"b", 8, false),
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn keys_are_taken_apart() {
        let key = internal(b"k", 77, true);
        assert_eq!(
            parse(&key),
            Some(ParsedKey { user_key: b"k", sequence: 77, is_deletion: true })
        );
        assert_eq!(parse(b"short"), None);
        assert_eq!(parse(b"\x02\0\0\0\0\0\0\0"), None, "a type that does not exist");
    }
}

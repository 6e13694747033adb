//! LevelDB's integers and strings: little-endian fixed width, base-128 varints, length-prefixed bytes.
//!
//! Format: `util/coding.cc` of LevelDB 1.20.

/// Reads values off the front of a slice; `None` means that the slice ended too early.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of bytes that are left.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(count)?;
        self.rest = tail;
        Some(head)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, tail) = self.rest.split_first()?;
        self.rest = tail;
        Some(first)
    }

    pub(super) fn fixed16(&mut self) -> Option<u16> {
        let (head, tail) = self.rest.split_first_chunk()?;
        self.rest = tail;
        Some(u16::from_le_bytes(*head))
    }

    pub(super) fn fixed32(&mut self) -> Option<u32> {
        let (head, tail) = self.rest.split_first_chunk()?;
        self.rest = tail;
        Some(u32::from_le_bytes(*head))
    }

    pub(super) fn fixed64(&mut self) -> Option<u64> {
        let (head, tail) = self.rest.split_first_chunk()?;
        self.rest = tail;
        Some(u64::from_le_bytes(*head))
    }

    /// A varint of at most 64 bits.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A varint that counts bytes or entries in memory.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    pub(super) fn length_prefixed(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.bytes(length)
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn put_length_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The checksum that LevelDB stores: CRC-32C, rotated and shifted so that it differs from a checksum of
/// bytes that hold checksums themselves (`util/crc32c.h`).
pub(super) fn masked_checksum(parts: [&[u8]; 2]) -> u32 {
    let [first, second] = parts;
    let checksum = crc32c::crc32c_append(crc32c::crc32c(first), second);
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Tells whether a stored checksum is the one of the parts. A fuzzer, which cannot guess checksums, gets past every one.
pub(super) fn checksum_matches(stored: u32, parts: [&[u8]; 2]) -> bool {
    cfg!(fuzzing) || stored == masked_checksum(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_every_length() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                let mut decoder = Decoder::new(&out);
                assert_eq!(decoder.varint(), Some(value));
                assert!(decoder.is_empty());
            }
        }
    }

    #[test]
    fn a_varint_that_ends_early_or_runs_over_is_refused() {
        assert_eq!(Decoder::new(&[0x80]).varint(), None);
        assert_eq!(Decoder::new(&[0xff; 11]).varint(), None);
        assert_eq!(
            Decoder::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint(),
            None
        );
    }

    #[test]
    fn the_checksum_is_masked_as_leveldb_masks_it() {
        // CRC-32C of "123456789" is e3069283; masked by hand: rotate right 15, add a282ead8.
        assert_eq!(masked_checksum([b"1234", b"56789"]), 0xc78a_b0e5);
    }
}

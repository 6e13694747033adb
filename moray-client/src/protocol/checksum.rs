//! The checksums of a frame's payload.

use crc::{CRC_16_ARC, CRC_16_XMODEM, Crc};

use super::Version;

static ARC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);
static XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The checksum of a payload in a frame of this version.
///
/// Version 1 has the one that node-crc 0.3 computed: over the low byte of every UTF-16 unit of the text, instead of over
/// the bytes that are sent. For ASCII that is the same.
pub(super) fn checksum(version: Version, payload: &str) -> u16 {
    match version {
        Version::V1 if payload.is_ascii() => XMODEM.checksum(payload.as_bytes()),
        Version::V1 => {
            let mut digest = XMODEM.digest();
            for unit in payload.encode_utf16() {
                let [_, low] = unit.to_be_bytes();
                digest.update(&[low]);
            }
            digest.finalize()
        }
        Version::V2 => ARC.checksum(payload.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One bit after the other, with the polynomial as it is written in the field's tables.
    fn bit_by_bit(bytes: impl Iterator<Item = u8>, reflected: bool) -> u16 {
        let mut crc: u16 = 0;
        for byte in bytes {
            if reflected {
                crc ^= u16::from(byte);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 {
                        (crc >> 1) ^ 0x8005_u16.reverse_bits()
                    } else {
                        crc >> 1
                    };
                }
            } else {
                crc ^= u16::from(byte) << 8;
                for _ in 0..8 {
                    crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
                }
            }
        }
        crc
    }

    #[test]
    fn check_values() {
        assert_eq!(checksum(Version::V2, "123456789"), 0xBB3D);
        assert_eq!(checksum(Version::V1, "123456789"), 0x31C3);
        assert_eq!(checksum(Version::V1, ""), 0);
        assert_eq!(checksum(Version::V2, ""), 0);
    }

    proptest! {
        #[test]
        fn both_are_those_of_a_naive_computation(payload in "\\PC{0,60}|[a-z\u{80}-\u{10FFFF}]{0,20}") {
            prop_assert_eq!(checksum(Version::V2, &payload), bit_by_bit(payload.bytes(), true));
            let low_bytes = payload.encode_utf16().map(|unit| (unit & 0xFF) as u8);
            prop_assert_eq!(checksum(Version::V1, &payload), bit_by_bit(low_bytes, false));
        }
    }
}

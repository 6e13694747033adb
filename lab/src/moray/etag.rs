//! Etags of objects.

use crc::{CRC_32_ISO_HDLC, Crc};

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The etag of a value's text, as Moray's JavaScript counts it: the CRC-32 of the low byte of each UTF-16 unit, in
/// eight upper-case hexadecimal digits. It differs from that of the UTF-8 bytes where there is more than ASCII.
pub(crate) fn etag(text: &str) -> String {
    let checksum = if text.is_ascii() {
        CRC.checksum(text.as_bytes())
    } else {
        let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit.to_le_bytes()[0]).collect();
        CRC.checksum(&bytes)
    };
    format!("{checksum:08X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_by_their_low_bytes() {
        assert_eq!(etag(r#"{"a":"é"}"#), "8696A8FD");
        assert_eq!(etag("123456789"), "CBF43926");
    }
}

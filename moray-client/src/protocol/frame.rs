//! The [`Frame`]: a header of 15 bytes and a text.
//!
//! As in node-fast's `lib/fast_protocol.js`. All numbers are big-endian:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | version: 1 or 2 |
//! | 1 | 1 | type: 1, JSON |
//! | 2 | 1 | status: 1 data, 2 end, 3 error |
//! | 3 | 4 | message id: 0 to 2³¹ - 1 |
//! | 7 | 4 | CRC-16 of the payload |
//! | 11 | 4 | length of the payload in bytes |
//! | 15 | | the payload, JSON in UTF-8 |

use std::fmt;

use bytes::{Buf, BufMut, BytesMut};

use super::checksum::checksum;

const HEADER_BYTES: usize = 15;
const TYPE_JSON: u8 = 1;

/// The longest payload that is accepted unless something else is asked for: 16 MiB.
///
/// Moray's objects are far smaller, and servers send one in a message.
pub const DEFAULT_MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// The version of the protocol. They differ in the checksum only. Servers take both and answer in that of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// The one that node-fast before 3.0 sends.
    V1,
    /// The one that node-fast from 3.0 on sends, which is what Triton has.
    #[default]
    V2,
}

/// The role of a frame for its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// A request, or a part of the answer to one.
    Data,
    /// The end of an answer.
    End,
    /// The request failed. Nothing more follows.
    Error,
}

/// The number that joins answers to their request, chosen by the client. It is of one connection only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u32);

impl MessageId {
    /// The first one that clients use.
    pub const FIRST: Self = Self(1);
    /// The greatest, after which clients begin again with the first.
    pub const MAX: Self = Self((1 << 31) - 1);

    /// The id with this number, if it is one: its highest bit must be 0.
    pub const fn new(number: u32) -> Option<Self> {
        if number > Self::MAX.0 { None } else { Some(Self(number)) }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The id that a client uses after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 >= Self::MAX.0 { Self::FIRST } else { Self(self.0 + 1) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One message on the wire, whose payload is not looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The version of the protocol.
    pub version: Version,
    /// The role for its request.
    pub status: Status,
    /// The request that it belongs to.
    pub id: MessageId,
    /// JSON, normally.
    pub payload: String,
}

impl Frame {
    /// Appends the frame's bytes.
    ///
    /// # Errors
    /// The payload has 2³² bytes or more. Nothing is appended.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        let length = u32::try_from(self.payload.len()).map_err(|_| FrameError::TooLong {
            length: self.payload.len(),
            max: u32::MAX as usize,
        })?;
        out.reserve(HEADER_BYTES + self.payload.len());
        out.put_u8(match self.version {
            Version::V1 => 1,
            Version::V2 => 2,
        });
        out.put_u8(TYPE_JSON);
        out.put_u8(match self.status {
            Status::Data => 1,
            Status::End => 2,
            Status::Error => 3,
        });
        out.put_u32(self.id.0);
        out.put_u32(checksum(self.version, &self.payload).into());
        out.put_u32(length);
        out.put_slice(self.payload.as_bytes());
        Ok(())
    }
}

/// Bytes that are no frame. What follows them cannot be understood either, so the connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte is neither 1 nor 2.
    #[error("version {0} of the Fast protocol is neither 1 nor 2: is the other side a Moray?")]
    Version(u8),
    /// The second byte is not 1.
    #[error("message type {0} is not 1, JSON")]
    Type(u8),
    /// The third byte is not one of 1, 2 and 3.
    #[error("message status {0} is none of 1 (data), 2 (end) and 3 (error)")]
    Status(u8),
    /// The highest bit of the message id is set.
    #[error("message id {0} is greater than {max}", max = MessageId::MAX)]
    MessageId(u32),
    /// The payload is longer than allowed.
    #[error("a payload of {length} bytes is longer than the {max} that are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The greatest length that is allowed, in bytes.
        max: usize,
    },
    /// The payload is not UTF-8.
    #[error("the payload of message {id} is not UTF-8")]
    NotUtf8 {
        /// The message.
        id: MessageId,
    },
    /// The payload is not what was sent.
    #[error(
        "the payload of message {id} has checksum {actual:#06x}, its header says {expected:#06x}"
    )]
    Checksum {
        /// The message.
        id: MessageId,
        /// The checksum in the header.
        expected: u32,
        /// The checksum that was computed.
        actual: u16,
    },
}

/// Cuts a stream of bytes into frames.
///
/// ```
/// use bytes::BytesMut;
/// use moray_client::{Frame, FrameDecoder, MessageId, Status, Version};
///
/// let payload = r#"{"m":{"uts":1,"name":"ping"},"d":[{}]}"#.to_owned();
/// let frame =
///     Frame { version: Version::V2, status: Status::Data, id: MessageId::FIRST, payload };
/// let mut bytes = BytesMut::new();
/// frame.encode(&mut bytes)?;
/// assert_eq!(bytes.len(), 15 + frame.payload.len());
///
/// let decoder = FrameDecoder::default();
/// let mut received = bytes.split_to(20);
/// assert_eq!(decoder.decode(&mut received)?, None); // not all of it is there
/// received.unsplit(bytes);
/// assert_eq!(decoder.decode(&mut received)?, Some(frame));
/// # Ok::<(), moray_client::FrameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDecoder {
    max_payload: usize,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_PAYLOAD)
    }
}

impl FrameDecoder {
    /// A decoder that refuses payloads of more than this many bytes.
    pub const fn new(max_payload: usize) -> Self {
        Self { max_payload }
    }

    /// Takes the first frame out of what has been received, if all of it is there. A refused header is refused before
    /// its payload is waited for.
    ///
    /// # Errors
    /// The bytes received are no frame.
    pub fn decode(&self, received: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(mut header) = received.get(..HEADER_BYTES) else { return Ok(None) };
        let version = match header.get_u8() {
            1 => Version::V1,
            2 => Version::V2,
            other => return Err(FrameError::Version(other)),
        };
        match header.get_u8() {
            TYPE_JSON => {}
            other => return Err(FrameError::Type(other)),
        }
        let status = match header.get_u8() {
            1 => Status::Data,
            2 => Status::End,
            3 => Status::Error,
            other => return Err(FrameError::Status(other)),
        };
        let id = header.get_u32();
        let id = MessageId::new(id).ok_or(FrameError::MessageId(id))?;
        let expected = header.get_u32();
        let length = header.get_u32() as usize;
        if length > self.max_payload {
            return Err(FrameError::TooLong { length, max: self.max_payload });
        }
        if received.len() - HEADER_BYTES < length {
            received.reserve(HEADER_BYTES + length - received.len());
            return Ok(None);
        }
        received.advance(HEADER_BYTES);
        let payload = String::from_utf8(received.split_to(length).into())
            .map_err(|_| FrameError::NotUtf8 { id })?;
        let actual = checksum(version, &payload);
        if u32::from(actual) != expected {
            return Err(FrameError::Checksum { id, expected, actual });
        }
        Ok(Some(Frame { version, status, id, payload }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(payload: &str) -> BytesMut {
        let mut bytes = BytesMut::new();
        let payload = payload.to_owned();
        let frame =
            Frame { version: Version::V2, status: Status::Data, id: MessageId::FIRST, payload };
        frame.encode(&mut bytes).unwrap();
        bytes
    }

    fn with(at: usize, byte: u8) -> Result<Option<Frame>, FrameError> {
        let mut bytes = bytes_of("{}");
        bytes[at] = byte;
        FrameDecoder::new(1000).decode(&mut bytes)
    }

    #[test]
    fn ids_are_31_bits_and_begin_again_at_1() {
        assert_eq!(MessageId::new(0).unwrap().next(), MessageId::FIRST);
        assert_eq!(MessageId::new(0x7FFF_FFFF), Some(MessageId::MAX));
        assert_eq!(MessageId::new(0x8000_0000), None);
        assert_eq!(MessageId::MAX.next(), MessageId::FIRST);
    }

    #[test]
    fn every_wrong_byte_of_a_header_is_told() {
        assert_eq!(with(0, 0), Err(FrameError::Version(0)));
        assert_eq!(with(0, b'H'), Err(FrameError::Version(b'H')));
        assert_eq!(with(1, 2), Err(FrameError::Type(2)));
        assert_eq!(with(2, 4), Err(FrameError::Status(4)));
        assert_eq!(with(3, 0x80), Err(FrameError::MessageId(0x8000_0001)));
        assert!(matches!(with(7, 1), Err(FrameError::Checksum { expected: 0x0100_0000.., .. })));
        assert!(matches!(with(10, 1), Err(FrameError::Checksum { .. })));
        assert_eq!(with(13, 4), Err(FrameError::TooLong { length: 1026, max: 1000 }));
        assert!(matches!(with(15, b'['), Err(FrameError::Checksum { .. })));
        assert!(matches!(with(16, 0xFF), Err(FrameError::NotUtf8 { .. })));
    }

    #[test]
    fn a_length_that_is_allowed_is_waited_for_and_no_more() {
        let mut bytes = bytes_of("{}");
        bytes[14] = 3;
        let decoder = FrameDecoder::new(3);
        assert_eq!(decoder.decode(&mut bytes), Ok(None));
        assert_eq!(decoder.decode(&mut BytesMut::from(&bytes[..14])), Ok(None));
        assert_eq!(decoder.decode(&mut BytesMut::new()), Ok(None));
    }
}

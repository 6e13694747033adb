//! Bytes from a connection: the decoder takes or refuses them whatever the reads are, and what it takes is written as it
//! was. The first byte says how long the reads are, or that the rest is a payload that gets its header here: no fuzzer
//! guesses a checksum.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use moray_client::{Frame, FrameDecoder, Message, MessageId, Status, Version};

const MAX_PAYLOAD: usize = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    if how < 0x80 {
        stream(data, usize::from(how).max(1));
    } else if let Ok(payload) = str::from_utf8(data) {
        let version = if how & 1 == 0 { Version::V1 } else { Version::V2 };
        let status = [Status::Data, Status::End, Status::Error][usize::from(how >> 1) % 3];
        let id = MessageId::new(u32::from(how) << 20).expect("31 bits");
        let frame = Frame { version, status, id, payload: payload.to_owned() };
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes).expect("short");
        let decoded = FrameDecoder::new(MAX_PAYLOAD).decode(&mut bytes);
        assert_eq!(decoded, Ok(Some(frame.clone())));
        assert!(bytes.is_empty());
        message(&frame);
    }
});

fn stream(data: &[u8], read: usize) {
    let decoder = FrameDecoder::new(MAX_PAYLOAD);
    let mut received = BytesMut::new();
    let mut taken = BytesMut::new();
    for part in data.chunks(read) {
        received.extend_from_slice(part);
        loop {
            match decoder.decode(&mut received) {
                Ok(None) => break,
                Err(_) => return,
                Ok(Some(frame)) => {
                    frame.encode(&mut taken).expect("it was short enough");
                    assert!(data.starts_with(&taken));
                    message(&frame);
                }
            }
        }
    }
    assert_eq!(taken.len() + received.len(), data.len());
}

fn message(frame: &Frame) {
    let Ok(message) = Message::from_frame(frame) else { return };
    let again = message.to_frame().expect("it was JSON");
    assert_eq!(Message::from_frame(&again).expect("it is a message"), message);
}

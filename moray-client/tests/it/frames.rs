//! The frames that node-fast 3.1.3 made (`testdata/README.md`).

use bytes::BytesMut;
use moray_client::{Body, FrameDecoder, Message, Status, Version};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    frames: Vec<RecordedFrame>,
}

#[derive(Deserialize)]
pub(crate) struct RecordedFrame {
    pub(crate) what: String,
    version: u8,
    msgid: u32,
    status: u8,
    pub(crate) json: String,
    datalen: usize,
    frame_hex: String,
}

impl RecordedFrame {
    fn bytes(&self) -> BytesMut {
        let digits = self.frame_hex.as_bytes();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }
}

pub(crate) fn recorded() -> Vec<RecordedFrame> {
    let json = include_str!("../../testdata/fast-frames.json");
    serde_json::from_str::<Recorded>(json).unwrap().frames
}

#[test]
fn every_frame_decodes_and_encodes_to_the_same_bytes() {
    let frames = recorded();
    assert_eq!(frames.len(), 26);
    for recorded in frames {
        let what = format!("{}, version {}", recorded.what, recorded.version);
        let mut bytes = recorded.bytes();
        let frame = FrameDecoder::default().decode(&mut bytes).unwrap().unwrap();
        assert!(bytes.is_empty(), "{what}");
        let version = if recorded.version == 1 { Version::V1 } else { Version::V2 };
        let status = [Status::Data, Status::End, Status::Error][usize::from(recorded.status) - 1];
        assert_eq!((frame.version, frame.status), (version, status), "{what}");
        assert_eq!(
            (frame.id.get(), frame.payload.len()),
            (recorded.msgid, recorded.datalen),
            "{what}"
        );
        assert_eq!(frame.payload, recorded.json, "{what}");

        let mut again = BytesMut::new();
        frame.encode(&mut again).unwrap();
        assert_eq!(again, recorded.bytes(), "{what}");

        // What the payload says is written as node-fast writes it too, but for great numbers: the same ones, spelled
        // 1.2345678901234568e20 and 1e21 where JavaScript has 123456789012345680000 and 1e+21.
        let message = Message::from_frame(&frame).unwrap();
        let frame_again = message.to_frame().unwrap();
        assert_eq!(Message::from_frame(&frame_again).unwrap(), message, "{what}");
        let is_spelled_alike = !recorded.what.starts_with("big number");
        assert_eq!(frame_again == frame, is_spelled_alike, "{what}");
    }
}

#[test]
fn great_numbers_are_those_of_javascript() {
    for recorded in recorded().iter().filter(|frame| frame.what.starts_with("big number")) {
        let frame = FrameDecoder::default().decode(&mut recorded.bytes()).unwrap().unwrap();
        let Body::Data(values) = Message::from_frame(&frame).unwrap().body else { panic!("data") };
        let numbers: Vec<_> = values.iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(numbers, [1.234_567_890_123_456_8e20, 1e21, 18_446_744_073_709_552_000.0]);
    }
}

#[test]
fn frames_follow_one_another_whatever_the_reads_are() {
    let frames = recorded();
    let all: Vec<u8> = frames.iter().flat_map(RecordedFrame::bytes).collect();
    for size in [1, 7, 15, 16, 1000, all.len()] {
        let mut received = BytesMut::new();
        let mut payloads = Vec::new();
        for read in all.chunks(size) {
            received.extend_from_slice(read);
            while let Some(frame) = FrameDecoder::default().decode(&mut received).unwrap() {
                payloads.push(frame.payload);
            }
        }
        assert!(payloads.iter().eq(frames.iter().map(|frame| &frame.json)), "reads of {size}");
        assert!(received.is_empty());
    }
}

//! The rules that hold for any messages and any bytes.

use bytes::BytesMut;
use moray_client::{
    Body, ErrorName, FrameDecoder, Message, MessageId, ServerError, Status, Version,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Body> {
    let properties = || option::of(value().prop_filter("null is none", |v| !v.is_null()));
    prop_oneof![
        4 => vec(value(), 0..4).prop_map(Body::Data),
        2 => vec(value(), 0..2).prop_map(Body::End),
        1 => (any::<String>(), any::<String>(), properties(), properties()).prop_map(
            |(name, message, context, info)| {
                let error = ServerError::new(ErrorName::from(name), message);
                let (context, info) = (context.map(Box::new), info.map(Box::new));
                Body::Error(ServerError { context, info, ..error })
            }
        ),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let version = prop_oneof![Just(Version::V1), Just(Version::V2)];
    let id = (0..=MessageId::MAX.get()).prop_map(|id| MessageId::new(id).unwrap());
    (version, id, option::of(any::<String>()), option::of(any::<u64>()), body()).prop_map(
        |(version, id, method, sent_at, body)| Message { version, id, method, sent_at, body },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn messages_survive_any_division_into_reads(
        messages in vec(message(), 0..6),
        mut cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut sent = BytesMut::new();
        for message in &messages {
            message.to_frame().unwrap().encode(&mut sent).unwrap();
        }
        cuts.sort_by_key(|cut| cut.index(sent.len() + 1));
        let mut received = BytesMut::new();
        let mut decoded = Vec::new();
        let mut taken = 0;
        for end in cuts.iter().map(|cut| cut.index(sent.len() + 1)).chain([sent.len()]) {
            received.extend_from_slice(&sent[taken..end]);
            taken = end;
            while let Some(frame) = FrameDecoder::default().decode(&mut received).unwrap() {
                decoded.push(Message::from_frame(&frame).unwrap());
            }
        }
        prop_assert_eq!(decoded, messages);
        prop_assert!(received.is_empty());
    }

    #[test]
    fn a_changed_bit_of_a_payload_is_noticed(
        message in message(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let message = Message { version: Version::V2, ..message };
        let mut bytes = BytesMut::new();
        message.to_frame().unwrap().encode(&mut bytes).unwrap();
        let payload = bytes.len() - 15;
        bytes[15 + at.index(payload)] ^= 1 << bit;
        prop_assert!(FrameDecoder::default().decode(&mut bytes).is_err());
    }

    #[test]
    fn half_a_frame_is_waited_for(message in message(), at in any::<prop::sample::Index>()) {
        let mut bytes = BytesMut::new();
        message.to_frame().unwrap().encode(&mut bytes).unwrap();
        bytes.truncate(at.index(bytes.len()));
        let before = bytes.clone();
        prop_assert_eq!(FrameDecoder::default().decode(&mut bytes), Ok(None));
        prop_assert_eq!(bytes, before);
    }

    #[test]
    fn any_bytes_and_any_payload_are_refused_or_taken_but_do_no_harm(
        bytes in vec(any::<u8>(), 0..64), payload in "\\PC{0,40}", status in 0..3_usize,
    ) {
        let mut bytes = BytesMut::from(&bytes[..]);
        drop(FrameDecoder::new(1000).decode(&mut bytes));
        let status = [Status::Data, Status::End, Status::Error][status];
        let frame = moray_client::Frame {
            version: Version::V1, status, id: MessageId::FIRST, payload,
        };
        drop(Message::from_frame(&frame));
    }
}

//! The bytes of a transaction in ZooKeeper's protocol.
//!
//! The ZooKeeper client library writes transactions with an operation that servers know since 3.5 (`create2`), while Triton's
//! images come with 3.4.3, which refuses it. So the one request that Manatee's writers need, a transaction with a `create` in
//! it, is made here; every server since 3.4 understands it. The records are those of `zookeeper.jute` in ZooKeeper's sources.

use crate::error::ZooKeeperError;

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const SET_DATA: i32 = 5;
const CHECK: i32 = 13;
const MULTI: i32 = 14;
const CLOSE: i32 = -11;
const ERROR: i32 = -1;

/// Kinds of nodes, `CreateMode` in ZooKeeper's sources.
const PERSISTENT: i32 = 0;
const EPHEMERAL: i32 = 1;
const PERSISTENT_SEQUENTIAL: i32 = 2;

/// ZooKeeper compares no version where it is asked for this one.
pub(crate) const ANY_VERSION: i32 = -1;

/// No frame of a transaction is larger: ZooKeeper's own limit is 1 MiB.
pub(crate) const MAX_FRAME: usize = 2 << 20;

/// One operation of a transaction.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A persistent node that anybody may change, as everything of Manatee's.
    Create { path: String, data: Vec<u8>, sequential: bool },
    /// A node that goes with the session that the transaction is made in.
    CreateEphemeral { path: String, data: Vec<u8> },
    /// Data of a node at exactly this version.
    Set { path: String, data: Vec<u8>, version: i32 },
    /// Deletes a node that is at exactly this version.
    Delete { path: String, version: i32 },
    /// Nothing happens unless the node is at exactly this version.
    Check { path: String, version: i32 },
}

impl Op {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Create { path, .. }
            | Self::CreateEphemeral { path, .. }
            | Self::Set { path, .. }
            | Self::Delete { path, .. }
            | Self::Check { path, .. } => path,
        }
    }

    pub(crate) fn below(mut self, root: &str) -> Self {
        match &mut self {
            Self::Create { path, .. }
            | Self::CreateEphemeral { path, .. }
            | Self::Set { path, .. }
            | Self::Delete { path, .. }
            | Self::Check { path, .. } => {
                path.insert_str(0, root);
            }
        }
        self
    }
}

/// The outcome of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All happened, in the transaction of this number. The version after each operation: 0 of a created node, -1 where there
    /// is none.
    Done { transaction: i64, versions: Vec<i32> },
    /// Nothing happened, because of the operation at this index, for the reason of this code.
    Failed { index: usize, code: i32 },
}

/// The first request on a connection: a new session.
pub(crate) fn connect_request(timeout_ms: i32) -> Vec<u8> {
    let mut frame = Frame::new();
    frame.int(0).long(0).int(timeout_ms).long(0).buffer(&[0; 16]).byte(0);
    frame.finish()
}

/// Checks that the server opened a session. Returns its number, and the time in milliseconds that the server keeps it without
/// hearing of the client.
pub(crate) fn read_connect_response(body: &[u8]) -> Result<(i64, i32), ZooKeeperError> {
    let mut reader = Reader(body);
    let (_version, timeout, session) = (reader.int()?, reader.int()?, reader.long()?);
    if session == 0 {
        return Err(ZooKeeperError::Protocol { what: "no session was opened" });
    }
    Ok((session, timeout))
}

/// The request for a transaction.
pub(crate) fn transaction_request(xid: i32, ops: &[Op]) -> Vec<u8> {
    let mut frame = Frame::new();
    frame.int(xid).int(MULTI);
    for op in ops {
        match op {
            Op::Create { path, data, sequential } => {
                frame.create(
                    path,
                    data,
                    if *sequential { PERSISTENT_SEQUENTIAL } else { PERSISTENT },
                );
            }
            Op::CreateEphemeral { path, data } => frame.create(path, data, EPHEMERAL),
            Op::Set { path, data, version } => {
                frame.header(SET_DATA).text(path).buffer(data).int(*version);
            }
            Op::Delete { path, version } => {
                frame.header(DELETE).text(path).int(*version);
            }
            Op::Check { path, version } => {
                frame.header(CHECK).text(path).int(*version);
            }
        }
    }
    frame.int(-1).byte(1).int(-1);
    frame.finish()
}

/// The request that ends a session.
pub(crate) fn close_request(xid: i32) -> Vec<u8> {
    let mut frame = Frame::new();
    frame.int(xid).int(CLOSE);
    frame.finish()
}

/// Reads a frame that arrived: the outcome of the transaction.
pub(crate) fn read_transaction_response(xid: i32, body: &[u8]) -> Result<Outcome, ZooKeeperError> {
    let mut reader = Reader(body);
    let (answered, transaction, code) = (reader.int()?, reader.long()?, reader.int()?);
    if answered != xid {
        return Err(ZooKeeperError::Protocol { what: "the answer is for another request" });
    }
    if code != 0 && reader.0.is_empty() {
        return Ok(Outcome::Failed { index: 0, code });
    }
    let mut versions = Vec::new();
    let mut failed = None;
    loop {
        let (kind, done, _error) = (reader.int()?, reader.byte()?, reader.int()?);
        if done != 0 {
            break;
        }
        versions.push(match kind {
            CREATE => {
                reader.buffer()?;
                0
            }
            SET_DATA => reader.stat_version()?,
            DELETE | CHECK => -1,
            ERROR => {
                // Operations before the failed one report 0, those after it that they were not tried (-2).
                let code = reader.int()?;
                if failed.is_none() && code != 0 {
                    failed = Some((versions.len(), code));
                }
                -1
            }
            _ => return Err(ZooKeeperError::Protocol { what: "a result of an unknown kind" }),
        });
    }
    Ok(match failed {
        Some((index, code)) => Outcome::Failed { index, code },
        None if code != 0 => Outcome::Failed { index: 0, code },
        None => Outcome::Done { transaction, versions },
    })
}

struct Frame(Vec<u8>);

impl Frame {
    fn new() -> Self {
        Self(vec![0; 4])
    }

    fn byte(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn int(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn long(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Lengths fit: nothing near 2 GiB gets here, and the server refuses more than 1 MiB.
    fn buffer(&mut self, bytes: &[u8]) -> &mut Self {
        self.int(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        self.0.extend(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.buffer(text.as_bytes())
    }

    fn header(&mut self, kind: i32) -> &mut Self {
        self.int(kind).byte(0).int(-1)
    }

    /// A node on which anybody has all five permissions.
    fn create(&mut self, path: &str, data: &[u8], mode: i32) {
        self.header(CREATE).text(path).buffer(data);
        self.int(1).int(31).text("world").text("anyone").int(mode);
    }

    fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        for (byte, length) in self.0.iter_mut().zip(length.to_be_bytes()) {
            *byte = length;
        }
        self.0
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ZooKeeperError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(ZooKeeperError::Protocol { what: "it is cut short" })?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, ZooKeeperError> {
        Ok(u8::from_be_bytes(self.take()?))
    }

    fn int(&mut self) -> Result<i32, ZooKeeperError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn long(&mut self) -> Result<i64, ZooKeeperError> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    fn buffer(&mut self) -> Result<&'a [u8], ZooKeeperError> {
        let length = self.int()?;
        let length = usize::try_from(length).unwrap_or(0);
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(ZooKeeperError::Protocol { what: "it is cut short" })?;
        self.0 = rest;
        Ok(taken)
    }

    /// A `Stat`: four longs, then the version, then what nobody asks for.
    fn stat_version(&mut self) -> Result<i32, ZooKeeperError> {
        let _ids_and_times: [u8; 32] = self.take()?;
        let version = self.int()?;
        let _rest: [u8; 32] = self.take()?;
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_transaction_is_the_documented_bytes() {
        let ops = [
            Op::Set { path: "/a".into(), data: b"x".to_vec(), version: 0 },
            Op::Create { path: "/h/0-".into(), data: vec![], sequential: true },
        ];
        let mut expected = vec![0, 0, 0, 96, 0, 0, 0, 7, 0, 0, 0, 14];
        expected.extend([0, 0, 0, 5, 0, 255, 255, 255, 255, 0, 0, 0, 2]);
        expected.extend(b"/a\0\0\0\x01x\0\0\0\0");
        expected.extend([0, 0, 0, 1, 0, 255, 255, 255, 255, 0, 0, 0, 5]);
        expected
            .extend(b"/h/0-\0\0\0\0\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone\0\0\0\x02");
        expected.extend([255, 255, 255, 255, 1, 255, 255, 255, 255]);
        expected[3] = u8::try_from(expected.len() - 4).unwrap();
        assert_eq!(transaction_request(7, &ops), expected);
    }

    #[test]
    fn the_first_operation_that_failed_is_told() {
        let mut body = Frame::new();
        body.int(7).long(1).int(0);
        for code in [0, -103, -2] {
            body.header(ERROR).int(code);
        }
        body.int(-1).byte(1).int(-1);
        let body = body.finish().split_off(4);
        let outcome = read_transaction_response(7, &body).unwrap();
        assert_eq!(outcome, Outcome::Failed { index: 1, code: -103 });
        assert!(read_transaction_response(8, &body).is_err());
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(code in -1i32..1, kinds: Vec<(i32, bool)>, rest: Vec<u8>) {
            let mut body = Frame::new();
            body.int(7).long(1).int(code);
            for (kind, ends) in kinds {
                body.int(if kind % 2 == 0 { CHECK } else { kind % 16 }).byte(u8::from(ends)).int(0);
            }
            let mut body = body.finish().split_off(4);
            body.extend(rest);
            if let Ok(Outcome::Done { versions, .. }) = read_transaction_response(7, &body) {
                prop_assert_eq!(code, 0);
                prop_assert!(16 + 9 * (versions.len() + 1) <= body.len());
            }
            prop_assert!(read_transaction_response(8, &body).is_err());
            prop_assert_eq!(read_connect_response(&body).is_ok(), body.get(8..16).is_some_and(|id| id != [0; 8]));
        }
    }
}

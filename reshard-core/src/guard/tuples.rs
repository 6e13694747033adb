//! Rows on their way from one server to another, as bytes.
//!
//! A server's answer in its binary form and the input of `COPY … (FORMAT binary)` are made by the same functions of each
//! type: no value is read, rounded or written on the way, and no setting has a part in it.

use std::pin::{Pin, pin};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{CopyInSink, Row, RowStream};

use super::buckets::Bucket;
use super::error::GuardError;
use super::members::Members;
use super::session::Transaction;
use crate::region::Server;

/// Bytes that are gathered before they are sent.
const TOGETHER: usize = 64 << 10;
/// The beginning of a binary COPY: its signature, no flags, no extension.
const BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The number of columns that stands for the end of a binary COPY.
const END: i16 = -1;
/// The name of reading in errors.
const READ: &str = "read rows of a move";
/// The name of writing in errors.
const WRITE: &str = "put rows of a move";
/// PostgreSQL's code for a value that has to be unique and is there.
const UNIQUE_VIOLATION: &str = "23505";

/// The list of what has to be asked for to [`pour`] rows of a bucket.
pub(super) fn poured(bucket: &Bucket) -> String {
    format!("{}, _vnode::bigint", bucket.list())
}

/// Rows that were put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Poured {
    pub(super) rows: u64,
    /// Their bytes, as they were sent.
    pub(super) bytes: u64,
}

/// Puts those of the rows into a table that belong to the move.
pub(super) async fn pour(
    rows: RowStream,
    source: &Server,
    into: &mut Load<'_>,
    members: &Members,
) -> Result<Poured, GuardError> {
    let read = |error| source.error(READ, error);
    let bucket = into.bucket;
    let mut rows = pin!(rows);
    let mut poured = Poured::default();
    while let Some(row) = rows.try_next().await.map_err(read)? {
        let key: &str = row.try_get(0).map_err(read)?;
        let vnode: Option<i64> = row.try_get(bucket.columns.len()).map_err(read)?;
        if !members.own(&bucket.name, key, vnode) {
            continue;
        }
        let before = into.buffer.len();
        push(&mut into.buffer, &row, bucket.columns.len()).map_err(read)?;
        poured.rows += 1;
        poured.bytes += u64::try_from(into.buffer.len() - before).unwrap_or(0);
        if into.buffer.len() >= TOGETHER {
            into.send().await?;
        }
    }
    if poured.rows > 0 {
        into.finish().await?;
    }
    Ok(poured)
}

/// A COPY into a table. It begins with the first row.
pub(super) struct Load<'a> {
    target: &'a Transaction<'a>,
    table: &'a str,
    bucket: &'a Bucket,
    buffer: BytesMut,
    sink: Option<Pin<Box<CopyInSink<Bytes>>>>,
}

impl<'a> Load<'a> {
    /// Into a table with the columns of this bucket.
    pub(super) fn into_table(
        target: &'a Transaction<'a>,
        table: &'a str,
        bucket: &'a Bucket,
    ) -> Self {
        Self { target, table, bucket, buffer: BytesMut::from(BEGIN), sink: None }
    }

    /// Sends what was gathered.
    async fn send(&mut self) -> Result<(), GuardError> {
        let bytes = self.buffer.split().freeze();
        let sink = match &mut self.sink {
            Some(sink) => sink,
            none => {
                let list = self.bucket.list();
                let sql = format!("COPY {} ({list}) FROM STDIN (FORMAT binary)", self.table);
                let sink = self.target.inner().copy_in(&sql).await;
                none.insert(Box::pin(sink.map_err(|error| self.target.error(WRITE, error))?))
            }
        };
        sink.send(bytes).await.map_err(|error| self.failed(error))
    }

    async fn finish(&mut self) -> Result<(), GuardError> {
        self.buffer.put_i16(END);
        self.send().await?;
        if let Some(mut sink) = self.sink.take() {
            sink.as_mut().finish().await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// A row that cannot be put because another one is in its place is told apart.
    fn failed(&self, source: tokio_postgres::Error) -> GuardError {
        let source = self.target.error(WRITE, source);
        if source.code() == Some(UNIQUE_VIOLATION) {
            return GuardError::Occupied { bucket: self.bucket.name.clone(), source };
        }
        source.into()
    }
}

/// Appends the first columns of a row.
fn push(buffer: &mut BytesMut, row: &Row, columns: usize) -> Result<(), tokio_postgres::Error> {
    buffer.put_i16(i16::try_from(columns).unwrap_or(i16::MAX));
    for column in 0..columns {
        match row.try_get::<_, Cell>(column)? {
            Cell(Some(bytes)) => {
                buffer.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
                buffer.put_slice(bytes);
            }
            Cell(None) => buffer.put_i32(-1),
        }
    }
    Ok(())
}

/// A value of any type, as it comes.
struct Cell<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

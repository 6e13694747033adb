//! Transactions, each over a connection of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::deadline;
use crate::error::ZooKeeperError;
use crate::servers::Servers;
use crate::wire::{
    ANY_VERSION, MAX_FRAME, Op, Outcome, close_request, connect_request, read_connect_response,
    read_transaction_response, transaction_request,
};

/// The most transactions of one change that may go without an answer. Whoever loses three answers loses the fourth.
pub(crate) const UNANSWERED: u32 = 3;
/// Nothing of the session outlives the transaction, so its timeout matters only if the connection breaks.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// A server that has not opened a session by then is passed over.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(2);
/// The pauses between rounds in which no server opened a session. They double.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(20))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times();

/// Operations of which all happen, or none. Nodes that it makes are persistent, and anybody may change them.
///
/// It goes over a connection of its own, in requests that every server since 3.4 understands.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    ops: Vec<Op>,
}

impl Transaction {
    /// Without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a node that is not there.
    #[must_use]
    pub fn create(self, path: &str, data: &[u8]) -> Self {
        self.and(Op::Create { path: path.to_owned(), data: data.to_owned(), sequential: false })
    }

    /// Makes a node whose name is the path and a number that grows.
    #[must_use]
    pub fn create_sequential(self, path: &str, data: &[u8]) -> Self {
        self.and(Op::Create { path: path.to_owned(), data: data.to_owned(), sequential: true })
    }

    /// Writes the data of a node, which is at a version if one is given.
    #[must_use]
    pub fn set(self, path: &str, data: &[u8], version: Option<i32>) -> Self {
        let version = version.unwrap_or(ANY_VERSION);
        self.and(Op::Set { path: path.to_owned(), data: data.to_owned(), version })
    }

    fn and(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }

    /// Carries it out on the first of these servers that opens a session. Returns the number of the transaction, as nodes have
    /// it for the last one that changed them.
    ///
    /// # Errors
    ///
    /// [`ZooKeeperError`]: of the operation that failed, or if no server answers in time.
    pub async fn commit(
        self,
        servers: &Servers,
        patience: Duration,
    ) -> Result<i64, ZooKeeperError> {
        let done = run_numbered(servers, &AtomicUsize::new(0), self.ops, patience).await?;
        Ok(done.0)
    }
}

/// Runs the transaction on the first server that opens a session, trying again until `patience` is over. The search begins at
/// the server with the index `first`, which becomes the one that was found.
///
/// Returns the version after each operation.
pub(crate) async fn run(
    servers: &Servers,
    first: &AtomicUsize,
    ops: Vec<Op>,
    patience: Duration,
) -> Result<Vec<i32>, ZooKeeperError> {
    Ok(run_numbered(servers, first, ops, patience).await?.1)
}

/// As [`run`]. Returns the number of the transaction, too.
async fn run_numbered(
    servers: &Servers,
    first: &AtomicUsize,
    ops: Vec<Op>,
    patience: Duration,
) -> Result<(i64, Vec<i32>), ZooKeeperError> {
    let deadline = deadline::after(patience);
    let mut channel = Channel::open(servers, first, SESSION_TIMEOUT, deadline).await?;
    let done = channel.transaction(ops, patience, deadline).await?;
    channel.take_leave().await;
    Ok(done)
}

/// A connection with an open session, over which nothing goes but what is asked for.
pub(crate) struct Channel {
    stream: TcpStream,
    chroot: String,
    /// The number of the last request.
    request: i32,
    /// The session's number.
    pub(crate) session: i64,
    /// The time that the server keeps the session without hearing of it.
    pub(crate) timeout: Duration,
}

impl Channel {
    /// Opens a session with the first server that grants one. The search begins at the server with the index `first`, which
    /// becomes the one that was found.
    pub(crate) async fn open(
        servers: &Servers,
        first: &AtomicUsize,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Self, ZooKeeperError> {
        let (stream, session, timeout) = connect(servers, first, timeout, deadline).await?;
        Ok(Self { stream, chroot: servers.chroot.clone(), request: 0, session, timeout })
    }

    /// Returns the number of the transaction, and the version after each operation.
    pub(crate) async fn transaction(
        &mut self,
        ops: Vec<Op>,
        patience: Duration,
        deadline: Instant,
    ) -> Result<(i64, Vec<i32>), ZooKeeperError> {
        let path = ops.first().map(|op| op.path().to_owned()).unwrap_or_default();
        let paths: Vec<String> = ops.iter().map(|op| op.path().to_owned()).collect();
        let ops: Vec<Op> = ops.into_iter().map(|op| op.below(&self.chroot)).collect();
        self.request += 1;
        let request = self.request;
        let answer = async {
            self.stream.write_all(&transaction_request(request, &ops)).await?;
            read_frame(&mut self.stream).await
        };
        let body = match timeout_at(deadline, answer).await {
            Ok(Ok(body)) => body,
            Ok(Err(source)) => {
                tracing::warn!(%path, error = %source, "the connection broke during a transaction");
                return Err(ZooKeeperError::ConnectionLoss { path });
            }
            Err(_) => return Err(ZooKeeperError::Timeout { path, after: patience }),
        };
        match read_transaction_response(request, &body)? {
            Outcome::Done { transaction, versions } if versions.len() == paths.len() => {
                Ok((transaction, versions))
            }
            Outcome::Done { .. } => Err(ZooKeeperError::Protocol { what: "results are missing" }),
            Outcome::Failed { index, code } => {
                Err(refusal(code, paths.into_iter().nth(index).unwrap_or(path)))
            }
        }
    }

    /// Asks for the session's end. The server would notice by itself; nothing depends on whether it hears this.
    async fn take_leave(&mut self) {
        if let Err(source) = self.stream.write_all(&close_request(self.request + 1)).await {
            tracing::debug!(error = %source, "a session was not closed");
        }
    }

    /// Ends the session, and waits until the server has confirmed that.
    pub(crate) async fn close(mut self, deadline: Instant) {
        let confirmed = async {
            self.take_leave().await;
            read_frame(&mut self.stream).await
        };
        if !matches!(timeout_at(deadline, confirmed).await, Ok(Ok(_))) {
            tracing::debug!("the end of a session was not confirmed");
        }
    }
}

/// The codes are those of `KeeperException.Code` in ZooKeeper's sources.
fn refusal(code: i32, path: String) -> ZooKeeperError {
    match code {
        -101 => ZooKeeperError::NoNode { path },
        -103 => ZooKeeperError::BadVersion { path },
        -110 => ZooKeeperError::NodeExists { path },
        -111 => ZooKeeperError::NotEmpty { path },
        -4 | -7 => ZooKeeperError::ConnectionLoss { path },
        code => ZooKeeperError::Refused { path, source: format!("error code {code}").into() },
    }
}

/// A connection with an open session. A server without a leader accepts connections and closes them.
async fn connect(
    servers: &Servers,
    first: &AtomicUsize,
    timeout: Duration,
    deadline: Instant,
) -> Result<(TcpStream, i64, Duration), ZooKeeperError> {
    let count = servers.hosts.len();
    // A server that is silent, because its machine is down, must not use up the time for the others.
    let share = (deadline - Instant::now()) / u32::try_from(count + 1).unwrap_or(u32::MAX);
    let share = share.min(LONGEST_ATTEMPT);
    let mut last = String::new();
    for pause in PAUSES.build() {
        let start = first.load(Ordering::Relaxed) % count.max(1);
        let from_start = servers.hosts.iter().enumerate().cycle().skip(start).take(count);
        for (index, (host, port)) in from_start {
            let until = deadline.min(Instant::now() + share);
            match timeout_at(until, open(host, *port, timeout)).await {
                Ok(Ok(opened)) => {
                    first.store(index, Ordering::Relaxed);
                    return Ok(opened);
                }
                Ok(Err(source)) => last = format!("{host}:{port}: {source}"),
                Err(_) => last = format!("{host}:{port}: no answer in time"),
            }
        }
        if Instant::now() + pause >= deadline {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    Err(ZooKeeperError::Connect { servers: servers.to_string(), source: last.into() })
}

async fn open(
    host: &str,
    port: u16,
    timeout: Duration,
) -> std::io::Result<(TcpStream, i64, Duration)> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    stream.write_all(&connect_request(timeout)).await?;
    let body = read_frame(&mut stream).await?;
    let (session, granted) = read_connect_response(&body).map_err(std::io::Error::other)?;
    let granted = Duration::from_millis(u64::try_from(granted).unwrap_or(0));
    Ok((stream, session, granted))
}

async fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        return Err(std::io::Error::other("the answer is larger than any can be"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

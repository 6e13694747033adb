//! A few connections to one address, made when they are needed and made again when they break.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::ClientOptions;
use super::connection::Connection;
use crate::error::{ConnectError, with_causes};
use crate::protocol::FrameDecoder;

/// The connections to one address.
#[derive(Debug)]
pub(super) struct Pool {
    address: String,
    options: ClientOptions,
    slots: Box<[Slot]>,
    turn: AtomicUsize,
    last_error: Mutex<Option<Arc<ConnectError>>>,
}

/// The place of one connection.
#[derive(Debug, Default)]
struct Slot {
    connection: Mutex<Option<Arc<Connection>>>,
    /// Held by who connects.
    connecting: tokio::sync::Mutex<Attempts>,
}

/// The attempts since the last connection.
#[derive(Debug, Default)]
struct Attempts {
    backoff: Option<ExponentialBackoff>,
    not_before: Option<Instant>,
}

impl Slot {
    fn usable(&self) -> Option<Arc<Connection>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_ref().filter(|connection| connection.is_usable()).cloned()
    }

    fn fill(&self, connection: Arc<Connection>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }
}

impl Pool {
    pub(super) fn new(address: String, options: ClientOptions) -> Self {
        let slots = (0..options.connections.get()).map(|_| Slot::default()).collect();
        Self { address, options, slots, turn: AtomicUsize::new(0), last_error: Mutex::new(None) }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A connection that can be used. The slots take turns; one that has to connect is passed over if another is
    /// connected and this one is being seen to, or is to wait.
    ///
    /// Failed attempts are repeated until `deadline` or for [`ClientOptions::connect_patience`], never sooner after
    /// one another than the backoff says.
    pub(super) async fn get(&self, deadline: Instant) -> Result<Arc<Connection>, PoolError> {
        let patience = Instant::now() + self.options.connect_patience;
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.slots.len();
            let Some(slot) = self.slots.get(turn) else { continue };
            if let Some(connection) = slot.usable() {
                return Ok(connection);
            }
            let other = || self.slots.iter().find_map(Slot::usable);
            let attempts = match slot.connecting.try_lock() {
                Ok(attempts) => attempts,
                Err(_) => match other() {
                    Some(connection) => return Ok(connection),
                    None => {
                        let wait = timeout_at(deadline.min(patience), slot.connecting.lock());
                        match wait.await {
                            Ok(attempts) => attempts,
                            Err(_) => return Err(self.given_up(deadline)),
                        }
                    }
                },
            };
            if let Some(connection) = slot.usable() {
                return Ok(connection);
            }
            if attempts.not_before.is_some_and(|not_before| not_before > Instant::now())
                && let Some(connection) = other()
            {
                return Ok(connection);
            }
            match self.attempt(slot, attempts, deadline, patience).await? {
                Some(connection) => return Ok(connection),
                None if Instant::now() >= patience => return Err(self.given_up(deadline)),
                None => {}
            }
        }
    }

    /// Waits for the slot's time, and connects once.
    async fn attempt(
        &self,
        slot: &Slot,
        mut attempts: tokio::sync::MutexGuard<'_, Attempts>,
        deadline: Instant,
        patience: Instant,
    ) -> Result<Option<Arc<Connection>>, PoolError> {
        if let Some(not_before) = attempts.not_before {
            if not_before > deadline.min(patience) {
                sleep_until(deadline.min(patience)).await;
                return Err(self.given_up(deadline));
            }
            sleep_until(not_before).await;
        }
        let error = match timeout_at(deadline, self.connect()).await {
            Ok(Ok(connection)) => {
                *attempts = Attempts::default();
                *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
                let connection = Arc::new(connection);
                slot.fill(Arc::clone(&connection));
                return Ok(Some(connection));
            }
            Ok(Err(error)) => Arc::new(error),
            Err(_) => return Err(self.given_up(deadline)),
        };
        let backoff = attempts.backoff.get_or_insert_with(|| {
            let ClientOptions { backoff_min, backoff_max, .. } = self.options;
            let builder = ExponentialBuilder::new().with_min_delay(backoff_min);
            builder.with_max_delay(backoff_max).without_max_times().with_jitter().build()
        });
        let delay = backoff.next().unwrap_or(self.options.backoff_max);
        attempts.not_before = Some(Instant::now() + delay);
        tracing::warn!(
            address = self.address,
            error = with_causes(&*error),
            ?delay,
            "cannot connect"
        );
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Ok(None)
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        let limit = self.options.connect_timeout;
        let socket = timeout(limit, TcpStream::connect(&self.address))
            .await
            .map_err(|_| ConnectError::TimedOut(limit))?
            .map_err(ConnectError::Failed)?;
        // Requests are small and should leave at once.
        socket.set_nodelay(true).map_err(ConnectError::Failed)?;
        tracing::debug!(address = self.address, "connected");
        Ok(Connection::new(
            socket,
            self.address.clone(),
            FrameDecoder::new(self.options.max_payload),
            self.options.max_waiting_bytes,
        ))
    }

    fn given_up(&self, deadline: Instant) -> PoolError {
        let error = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match error {
            Some(error) => PoolError::Connect(error),
            None if Instant::now() >= deadline => PoolError::TimedOut,
            None => PoolError::Connect(Arc::new(ConnectError::TimedOut(
                self.options.connect_patience.max(Duration::from_millis(1)),
            ))),
        }
    }
}

/// There is no connection.
#[derive(Debug)]
pub(super) enum PoolError {
    /// None can be made.
    Connect(Arc<ConnectError>),
    /// The deadline is over.
    TimedOut,
}

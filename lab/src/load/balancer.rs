//! The routers of a worker, which take turns, as they do behind a load balancer.

use std::time::Duration;

use moray_client::{Client, Error};
use tokio::time::{Instant, sleep};

/// The pause after each router was tried.
const PAUSE: Duration = Duration::from_millis(50);

/// The routers of a worker. Each request goes to the next one, and on to others where it could not be sent, as haproxy does with a
/// connection that is refused.
pub(super) struct Balancer {
    clients: Vec<Client>,
    turn: usize,
    patience: Duration,
}

/// The tries of a request.
pub(super) struct Tries {
    /// The number of those after the first.
    pub(super) retries: u32,
    until: Instant,
    routers: u32,
}

impl Balancer {
    /// Routers, and the time for which a request is tried again.
    pub(super) fn new(clients: Vec<Client>, patience: Duration) -> Self {
        Self { clients, turn: 0, patience }
    }

    /// The router whose turn it is.
    pub(super) fn next(&mut self) -> &Client {
        let turn = self.turn % self.clients.len();
        self.turn = turn + 1;
        #[expect(clippy::indexing_slicing, reason = "no load starts without a router")]
        &self.clients[turn]
    }

    /// The tries of a request that begins now.
    pub(super) fn tries(&self) -> Tries {
        let routers = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        Tries { retries: 0, until: Instant::now() + self.patience, routers }
    }
}

impl Tries {
    /// Tells whether there is time for another try, and waits a little once all routers were tried.
    pub(super) async fn another(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        self.retries += 1;
        if self.retries.is_multiple_of(self.routers) {
            sleep(PAUSE).await;
        }
        true
    }
}

/// Tells whether a request was certainly not sent. A write that may have been sent is never sent twice.
pub(super) fn was_not_sent(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::NotSent { .. })
}

/// Tells whether a read was not answered because of its connection. It changes nothing, so it may be sent twice.
pub(super) fn was_cut_off(error: &Error) -> bool {
    was_not_sent(error) || matches!(error, Error::Unanswered { .. })
}

//! The keeper of a pool: follows the primary, opens the sessions that are missing, and looks for broken ones now and then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::attempts::Attempts;
use super::pool::Pool;
use super::session::{Connector, Session};

/// Sessions are of this user.
const USER: &str = "moray";

/// A place that is being filled.
struct Opening {
    connector: Connector,
    server: SocketAddr,
    number: u64,
    attempts: Attempts,
    /// There was a session before.
    again: bool,
}

/// The end of the work on a place: `None` if the attempts are used up.
struct Opened {
    number: u64,
    again: bool,
    session: Option<Session>,
}

/// Keeps a pool for as long as somebody follows the primary. `closings` tells of sessions that are closed.
pub(super) async fn keep(pool: Arc<Pool>, mut closings: UnboundedReceiver<u64>) {
    let mut primary = pool.primary.clone();
    let mut openings = JoinSet::new();
    let mut check = tokio::time::interval(pool.sessions.check_interval());
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let server = *primary.borrow_and_update();
        if pool.follow(server) {
            openings = JoinSet::new();
        }
        open_missing(&pool, &mut openings);
        tokio::select! {
            changed = primary.changed() => if changed.is_err() {
                return;
            },
            Some(number) = closings.recv() => {
                if let Some(server) = pool.closed(number) {
                    let attempts = Attempts::limited(connect_timeout(&pool));
                    let connector = pool.connector.clone();
                    let opening = Opening { connector, server, number, attempts, again: true };
                    openings.spawn(opening.run());
                }
            }
            Some(done) = openings.join_next() => match done {
                Ok(Opened { session: Some(session), number, again }) => {
                    pool.opened(session, number, again);
                }
                Ok(Opened { session: None, number, .. }) => if pool.died(number) {
                    openings = JoinSet::new();
                },
                // Nothing stops one but the end of the set.
                Err(error) => tracing::error!(%error, "a place is lost"),
            },
            () = pool.wanted.notified() => {}
            _ = check.tick() => pool.close_broken(),
        }
    }
}

fn open_missing(pool: &Pool, openings: &mut JoinSet<Opened>) {
    let Some(missing) = pool.make_places() else { return };
    for _ in 0..missing.count {
        let attempts = if missing.dead {
            Attempts::endless()
        } else {
            Attempts::limited(connect_timeout(pool))
        };
        let connector = pool.connector.clone();
        let (server, number) = (missing.server, missing.number);
        openings.spawn(Opening { connector, server, number, attempts, again: false }.run());
    }
}

fn connect_timeout(pool: &Pool) -> Duration {
    pool.sessions.connect_timeout()
}

impl Opening {
    async fn run(mut self) -> Opened {
        let session = self.session().await;
        Opened { number: self.number, again: self.again, session }
    }

    async fn session(&mut self) -> Option<Session> {
        if self.again {
            tokio::time::sleep(self.attempts.failed()?).await;
        }
        loop {
            let patience = self.attempts.patience();
            match self.connector.connect(self.server, USER, patience).await {
                Ok(session) => return Some(session),
                Err(error) => tracing::debug!(
                    server = %self.server,
                    error = &error as &dyn std::error::Error,
                    "cannot connect; trying again"
                ),
            }
            tokio::time::sleep(self.attempts.failed()?).await;
        }
    }
}

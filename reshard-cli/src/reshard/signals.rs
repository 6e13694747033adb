//! Signals that end a process, where they shall not end it at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for the signals with which terminals, sessions and service managers end a process. From now on they do not.
pub(super) struct Signals {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
}

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caught {
    /// As `kill -l` lists it.
    pub(super) name: &'static str,
    number: u8,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Caught {
        tokio::select! {
            _ = self.interrupt.recv() => Caught { name: "SIGINT", number: 2 },
            _ = self.hangup.recv() => Caught { name: "SIGHUP", number: 1 },
            _ = self.terminate.recv() => Caught { name: "SIGTERM", number: 15 },
        }
    }
}

impl Caught {
    /// As a shell tells of a process that the signal has ended.
    pub(super) fn exit_status(self) -> u8 {
        128 + self.number
    }
}

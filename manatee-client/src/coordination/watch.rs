//! Watches that fire once.

use tokio::sync::oneshot;

use crate::error::ZooKeeperError;

/// The reason that a watch fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fired {
    /// A change of the thing that is watched.
    Changed,
    /// The session is over.
    SessionOver,
}

/// A watch that fires once.
#[derive(Debug)]
pub(crate) struct Watch(oneshot::Receiver<Fired>);

impl Watch {
    /// A watch, and what fires it. Dropped unfired, that tells that the session is over.
    pub(super) fn new() -> (oneshot::Sender<Fired>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Waits for the change. A change during a broken connection is told after it. If the returned future is dropped, the watch
    /// may be waited for again; after it was ready, not.
    pub(crate) async fn fired(&mut self) -> Result<(), ZooKeeperError> {
        match (&mut self.0).await {
            Ok(Fired::Changed) => Ok(()),
            Ok(Fired::SessionOver) | Err(_) => Err(ZooKeeperError::SessionExpired),
        }
    }
}

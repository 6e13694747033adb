//! Asking an executor to stop from within its process, as a signal or a program that embeds it does.

use tokio::sync::watch;

/// Asks an executor to stop where that is safe: at the next such place, or, while writes are refused, when the write block has
/// got to its end or was rolled back. An executor that is asked ends with [`crate::Outcome::Paused`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<bool>);

impl Default for StopHandle {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl StopHandle {
    /// Asks it to stop. Asking twice is the same as once.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Tells whether it was asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is asked.
    pub async fn asked(&self) {
        // It cannot fail, for the sender is here.
        self.0.subscribe().wait_for(|asked| *asked).await.ok();
    }
}

//! The sizes of pieces of work that hold locks.

use std::time::Duration;

/// A piece that takes longer is made smaller the next time. What holds a lock on a table may take five seconds (rule R11).
const LONG: Duration = Duration::from_secs(2);
/// A piece that takes less is made larger the next time.
const SHORT: Duration = Duration::from_millis(500);

/// The number of rows or entries of the next piece: as many as are done in about a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    size: u32,
    most: u32,
}

impl Pace {
    /// Begins with pieces of this size, and makes none larger than `most`.
    pub(super) fn new(size: u32, most: u32) -> Self {
        Self { size: size.clamp(1, most.max(1)), most: most.max(1) }
    }

    /// The size of the next piece.
    pub(super) fn size(self) -> u32 {
        self.size
    }

    /// The same, as SQL has it.
    pub(super) fn limit(self) -> i64 {
        i64::from(self.size)
    }

    /// Learns from a piece.
    pub(super) fn took(&mut self, time: Duration) {
        if time > LONG {
            self.was_too_long();
        } else if time < SHORT {
            self.size = self.size.saturating_mul(2).min(self.most);
        }
    }

    /// Learns that a piece was not done in time.
    pub(super) fn was_too_long(&mut self) {
        self.size = (self.size / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r11_pieces_are_halved_while_they_take_long() {
        let mut pace = Pace::new(1_000, 4_000);
        pace.took(Duration::from_secs(3));
        assert_eq!(pace.size(), 500);
        pace.took(Duration::from_secs(1));
        assert_eq!(pace.size(), 500);
        for _ in 0..9 {
            pace.took(Duration::from_millis(10));
        }
        assert_eq!(pace.size(), 4_000);
        for _ in 0..99 {
            pace.was_too_long();
        }
        assert_eq!(pace.size(), 1);
    }
}

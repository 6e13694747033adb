//! The places for sessions with one primary, counted.

/// The limits of the number of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// So many at most.
    pub(super) most: usize,
    /// So many are open that nobody uses.
    pub(super) spare: usize,
}

/// The places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// Those for which there was no session yet.
    pub(super) new: usize,
    /// Those that have one.
    pub(super) open: usize,
    /// Those whose session has ended.
    pub(super) broken: usize,
    /// The server has refused so often that it counts as dead: one place is enough to see when it comes back.
    pub(super) dead: bool,
}

impl Slots {
    /// The places that cueball counts as connected: a session that broke does not give its place up.
    pub(super) fn connected(&self) -> usize {
        self.open + self.broken
    }

    /// The number of places that are to be made, when so many sessions are idle and so many requests wait.
    pub(super) fn missing(&self, idle: usize, waiting: usize, limits: Limits) -> usize {
        let total = self.new + self.open + self.broken;
        if self.dead {
            return 1_usize.saturating_sub(total);
        }
        let spare = (idle + self.new).saturating_sub(waiting);
        let busy = total.saturating_sub(spare);
        let more = waiting.saturating_sub(self.new);
        (busy + more + limits.spare).min(limits.most).saturating_sub(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_open_as_may_be_unless_fewer_are_spared() {
        let limits = Limits { most: 16, spare: 16 };
        assert_eq!(Slots::default().missing(0, 0, limits), 16);
        let few = Limits { most: 16, spare: 2 };
        assert_eq!(Slots::default().missing(0, 0, few), 2);
        let two = Slots { open: 2, ..Slots::default() };
        assert_eq!(two.missing(2, 0, few), 0);
        assert_eq!(two.missing(1, 0, few), 1, "one is in use");
        assert_eq!(two.missing(0, 30, few), 14);
    }

    #[test]
    fn one_place_is_enough_for_a_dead_server() {
        let limits = Limits { most: 16, spare: 16 };
        let dead = Slots { dead: true, ..Slots::default() };
        assert_eq!(dead.missing(0, 5, limits), 1);
        assert_eq!(Slots { new: 1, ..dead }.missing(0, 5, limits), 0);
    }
}

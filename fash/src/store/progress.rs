//! The progress of long work.

/// The progress of work that touches every key of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The keys that are done.
    pub done: u64,
    /// The keys that there are, about: a damaged ring may have fewer, or more.
    pub total: u64,
}

/// The number of keys that are done between two reports: some milliseconds' worth.
const STEP: u64 = 16_384;

/// Counts keys, and reports now and then.
pub(super) struct Counter<'a> {
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl<'a> Counter<'a> {
    /// For work on every key of a ring with so many vnodes.
    pub(super) fn new(vnode_count: u32, report: &'a mut dyn FnMut(Progress)) -> Self {
        // Two keys a vnode, and a few more.
        Self { progress: Progress { done: 0, total: 2 * u64::from(vnode_count) }, report }
    }

    pub(super) fn count(&mut self) {
        self.progress.done += 1;
        if self.progress.done.is_multiple_of(STEP) {
            (self.report)(self.progress);
        }
    }
}

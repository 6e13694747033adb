//! Exit statuses, as `--help` documents them. A command that failed, or was called wrongly, ends with 1.

/// The command did what it was asked to do.
pub(super) const SUCCESS: u8 = 0;

/// `reshard-lab check` found a violation.
pub(super) const DAMAGED: u8 = 2;

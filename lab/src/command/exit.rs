//! Exit statuses, as `--help` documents them.

/// The command did what it was asked to do.
pub(super) const SUCCESS: u8 = 0;

/// The command failed, or was called wrongly; standard error says why.
pub(super) const FAILURE: u8 = 1;

/// `reshard-lab check` found a violation.
pub(super) const DAMAGED: u8 = 2;

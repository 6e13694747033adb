//! Exit statuses, as `--help` and docs/fash.md document them.

/// The command did what it was asked to do.
pub const SUCCESS: u8 = 0;

/// The command failed, or was called wrongly; standard error says why. A failed edit has changed nothing.
pub const FAILURE: u8 = 1;

/// `fash audit` found damage; `reshard doctor`, `ring audit` or `rows verify` found something wrong.
pub const DAMAGED: u8 = 2;

/// `reshard run` stopped because the plan needs the operator.
pub const HELD: u8 = 3;

/// `reshard run` stopped because the operator asked for it.
pub const PAUSED: u8 = 4;

/// `reshard run` took everything back because the operator asked for it from elsewhere.
pub const ABORTED: u8 = 5;

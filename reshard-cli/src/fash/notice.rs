//! Notices.

use std::fmt::Display;

use crate::output::say;

/// Tells something that is worth knowing but did not stop the command.
pub(crate) fn notice(text: impl Display) {
    say(format_args!("fash: notice: {text}"));
}

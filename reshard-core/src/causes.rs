//! Errors in one line, for the operator.

use std::error::Error;

pub use sapi_client::printable;

/// An error and its causes, separated by colons, as [`printable`] text.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read it")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_cause_cannot_forge_lines() {
        let error = Outer(std::io::Error::other("ERROR:  \u{1b}[2J\r\nall \u{202e}is well"));
        let line = r"cannot read it: ERROR:  \u{1b}[2J\r\nall \u{202e}is well";
        assert_eq!(with_causes(&error), line);
        assert_eq!(printable(line), line);
    }
}

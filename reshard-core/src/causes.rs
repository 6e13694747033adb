//! Errors in one line, for the operator.

use std::error::Error;
use std::fmt;
use std::iter;

pub use sapi_client::printable;

/// Prints an error and then every cause of it, separated by colons, in one line that a terminal does not obey: [`printable`].
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.to_string()))?;
        iter::successors(self.0.source(), |&error| error.source())
            .try_for_each(|cause| write!(f, ": {}", printable(&cause.to_string())))
    }
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
        assert_eq!(Chain(&error).to_string(), line);
        assert_eq!(printable(line), line);
    }
}

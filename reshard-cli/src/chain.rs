//! An error with all its causes on one line: [`Chain`].

use std::error::Error;
use std::fmt;
use std::iter;

use reshard_core::printable;

/// Prints an error and then every cause of it, separated by colons, in one line that a terminal does not obey.
#[derive(Debug)]
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
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read ring.json")]
    struct Outer(#[source] io::Error);

    #[test]
    fn every_cause_is_printed_once() {
        let error = Outer(io::Error::other("disk\u{7} on fire"));
        assert_eq!(Chain(&error).to_string(), "cannot read ring.json: disk\\u{7} on fire");
    }
}

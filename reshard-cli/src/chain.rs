//! An error with all its causes on one line: [`Chain`].

use std::error::Error;
use std::fmt;
use std::iter;

/// Prints an error and then every cause of it, separated by colons.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        iter::successors(self.0.source(), |&error| error.source())
            .try_for_each(|cause| write!(f, ": {cause}"))
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
        let error = Outer(io::Error::other("disk on fire"));
        assert_eq!(Chain(&error).to_string(), "cannot read ring.json: disk on fire");
    }
}

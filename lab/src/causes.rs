//! Errors in one line.

use std::error::Error;
use std::fmt;
use std::iter;

/// Prints an error and then every cause of it, separated by colons. A cause with which the text before it ends is not said again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = self.0.to_string();
        f.write_str(&before)?;
        for cause in iter::successors(self.0.source(), |&error| error.source()) {
            let text = cause.to_string();
            if !before.ends_with(&text) {
                write!(f, ": {text}")?;
                before = text;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("no answer: {source}")]
    struct Inner {
        source: io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot ask")]
    struct Outer(#[source] Inner);

    #[test]
    fn every_cause_is_printed_once() {
        let error = Outer(Inner { source: io::Error::other("refused") });
        assert_eq!(Chain(&error).to_string(), "cannot ask: no answer: refused");
    }
}

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

/// A message without the ids of the requests in it, by which the same trouble looks like another each time: for comparing.
pub fn without_request_ids(text: &str) -> String {
    const BEGINS: &str = " [request ";
    let mut parts = text.split(BEGINS);
    let mut same = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((id, rest)) if !id.contains(char::is_whitespace) => same.push_str(rest),
            // It is something else.
            Some(_) | None => same.extend([BEGINS, part]),
        }
    }
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_the_same_whatever_its_requests_are_called() {
        let said = |one: &str, two: &str| {
            without_request_ids(&format!(
                "GET /a: 503 [request {one}]; then GET /b [request {two}]"
            ))
        };
        assert_eq!(said("1-2", "3"), "GET /a: 503; then GET /b");
        assert_eq!(said("1-2", "3"), said("4", "5"));
        for other in ["", "a [request", "a [request of x] b", "a [request 7"] {
            assert_eq!(without_request_ids(other), other);
        }
    }

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

//! Text that a server chose, fit for a terminal and a log.

/// The text in one line, in which everything that a terminal would obey, or not show, is written as an escape: control
/// characters, line breaks, marks that turn the direction of what follows.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::protocol::{ErrorName, ServerError};

    #[test]
    fn what_a_server_says_cannot_forge_lines() {
        let name: ErrorName = "Odd\u{7}Error".parse().unwrap();
        let error = ServerError::new(name, "no\u{1b}[2J\r\nall is well");
        assert_eq!(error.to_string(), r"Odd\u{7}Error: no\u{1b}[2J\r\nall is well");
    }
}

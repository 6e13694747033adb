//! Text that a server chose, fit for a terminal and a log.

/// The text in one line, in which everything that a terminal would obey, or not show, is written as an escape: control
/// characters, line breaks, marks that turn the direction of what follows. Whatever others say passes through it before it is
/// part of a message.
pub fn printable(text: &str) -> String {
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
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(
            printable("a\u{1b}[2Jb\r\nc\td\u{202e}e\u{9b}f\u{2028}"),
            "a\\u{1b}[2Jb\\r\\nc\\td\\u{202e}e\\u{9b}f\\u{2028}"
        );
        assert_eq!(printable(r#"say "it's" C:\ äöü 漢"#), r#"say "it's" C:\ äöü 漢"#);
    }
}

//! Text that PostgreSQL, or others in ZooKeeper, chose, fit for a terminal and a log.

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
    use crate::{PostgresError, ShardError};

    #[test]
    fn what_others_wrote_cannot_forge_lines() {
        let message = "no\u{1b}[2J\r\nall is well".to_owned();
        let error = PostgresError::Refused { code: "28000".to_owned(), message: message.clone() };
        assert_eq!(error.to_string(), r"it says: no\u{1b}[2J\r\nall is well (28000)");
        let (shard, owner) = ("1.moray.lab".parse().unwrap(), Some("root\u{7}".to_owned()));
        let error = ShardError::FrozenByOther { shard, owner, reason: message };
        assert_eq!(
            error.to_string(),
            r"shard 1.moray.lab is frozen by root\u{7}: no\u{1b}[2J\r\nall is well"
        );
    }
}

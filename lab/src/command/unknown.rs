//! A zone's name that somebody mistyped.

use std::fmt;

use thiserror::Error;

/// The least likeness of a name that is suggested, from 0 to 1: as clap does for options.
const LIKE: f64 = 0.7;
/// The number of names that are listed at most.
const SHOWN: usize = 16;

/// A name that no zone has.
#[derive(Debug, Error)]
pub(super) struct Unknown {
    written: String,
    known: Vec<String>,
}

impl Unknown {
    /// No zone is called like this; these are.
    pub(super) fn new<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known = known.into_iter().map(str::to_owned).collect();
        Self { written: written.to_owned(), known }
    }

    /// The known name that is most like the written one, if any is like it at all.
    fn nearest(&self) -> Option<&str> {
        let likeness = |name: &String| strsim::jaro_winkler(&self.written, name);
        let like =
            self.known.iter().map(|name| (likeness(name), name)).filter(|(like, _)| *like > LIKE);
        like.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, name)| name.as_str())
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no zone {}", self.written)?;
        match self.nearest() {
            Some(nearest) => write!(f, "; did you mean {nearest}?")?,
            None => f.write_str(".")?,
        }
        let shown: Vec<&str> = self.known.iter().take(SHOWN).map(String::as_str).collect();
        match self.known.len() - shown.len() {
            _ if shown.is_empty() => f.write_str(" There is none at all"),
            0 => write!(f, " There are: {}", shown.join(", ")),
            more => write!(f, " There are: {} and {more} more", shown.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let zones = ["1.postgres.lab", "2.postgres.lab"];
        assert_eq!(
            Unknown::new("2.postgras.lab", zones).to_string(),
            "there is no zone 2.postgras.lab; did you mean 2.postgres.lab? There are: 1.postgres.lab, 2.postgres.lab"
        );
        assert_eq!(
            Unknown::new("9", zones).to_string(),
            "there is no zone 9. There are: 1.postgres.lab, 2.postgres.lab"
        );
        assert_eq!(Unknown::new("a", []).to_string(), "there is no zone a. There is none at all");
        let many: Vec<String> = (0..20).map(|number| format!("x{number}")).collect();
        let said = Unknown::new("?", many.iter().map(String::as_str)).to_string();
        assert!(said.ends_with("x15 and 4 more"), "{said}");
    }
}

//! The meaning of a name that somebody typed.

use std::fmt;

/// The likeness that a name needs to be suggested, from 0 to 1: as clap does for options.
const LIKE: f64 = 0.7;
/// The number of names that are listed.
const SHOWN: usize = 16;

/// A name that nothing has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    kind: &'static str,
    written: String,
    known: Vec<String>,
}

impl Unknown {
    /// No `kind`, such as `shard`, is called like this; these are.
    pub fn new<'a>(
        kind: &'static str,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let known = known.into_iter().map(str::to_owned).collect();
        Self { kind, written: written.to_owned(), known }
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
        write!(f, "there is no {} {}", self.kind, self.written)?;
        if let Some(nearest) = self.nearest() {
            write!(f, "; did you mean {nearest}?")?;
        } else {
            f.write_str(".")?;
        }
        match self.known.split_at_checked(SHOWN) {
            _ if self.known.is_empty() => write!(f, " There is none at all"),
            Some((shown, more)) if !more.is_empty() => {
                write!(f, " There are: {} and {} more", shown.join(", "), more.len())
            }
            _ => write!(f, " There are: {}", self.known.join(", ")),
        }
    }
}

impl std::error::Error for Unknown {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let shards = ["1.moray.a.b", "2.moray.a.b"];
        let said = |written: &str| Unknown::new("shard", written, shards).to_string();
        assert_eq!(
            said("2.morey.a.b"),
            "there is no shard 2.morey.a.b; did you mean 2.moray.a.b? There are: 1.moray.a.b, 2.moray.a.b"
        );
        assert_eq!(said("9"), "there is no shard 9. There are: 1.moray.a.b, 2.moray.a.b");
        assert_eq!(
            Unknown::new("zone", "a", []).to_string(),
            "there is no zone a. There is none at all"
        );
        let many: Vec<String> = (0..20).map(|number| format!("x{number}")).collect();
        let said = Unknown::new("zone", "?", many.iter().map(String::as_str)).to_string();
        assert!(said.ends_with("x15 and 4 more"), "{said}");
    }
}

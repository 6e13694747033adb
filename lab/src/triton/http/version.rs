//! `Accept-Version`: the client names a range of versions, the newest in it serves the request.

/// The versions that a server has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    /// Major, minor, patch; ascending.
    pub(crate) known: &'static [[u32; 3]],
    /// The version that a request without the header is taken to ask for.
    pub(crate) absent: &'static str,
}

impl Versions {
    /// The newest version in a range. `None` when there is none.
    pub(super) fn choose(&self, range: Option<&str>) -> Option<[u32; 3]> {
        let range = Range::parse(range.unwrap_or(self.absent))?;
        self.known.iter().rev().find(|version| range.contains(**version)).copied()
    }
}

/// A range as npm's semver writes simple ones: `*`, `1`, `~2`, `^2.1`, `>=1.0.0`, `2.0.0`.
struct Range {
    from: [u32; 3],
    below: Option<[u32; 3]>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (operator, numbers) =
            text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()));
        if numbers.is_empty() {
            return matches!(operator, "" | "*" | "x")
                .then_some(Self { from: [0; 3], below: None });
        }
        let mut from = [0_u32; 3];
        let mut given = 0;
        for (slot, part) in from.iter_mut().zip(numbers.split('.')) {
            if matches!(part, "x" | "*") {
                break;
            }
            *slot = part.parse().ok()?;
            given += 1;
        }
        let [major, minor, patch] = from;
        let below = match (operator.trim(), given) {
            (">=", _) => None,
            ("^", _) | ("" | "=" | "~", 1) => Some([major.saturating_add(1), 0, 0]),
            ("~", _) | ("" | "=", 2) => Some([major, minor.saturating_add(1), 0]),
            ("" | "=", _) => Some([major, minor, patch.saturating_add(1)]),
            _ => return None,
        };
        Some(Self { from, below })
    }

    fn contains(&self, version: [u32; 3]) -> bool {
        version >= self.from && self.below.is_none_or(|below| version < below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Versions = Versions { known: &[[1, 0, 0], [2, 0, 0]], absent: "~1" };

    #[test]
    fn the_newest_in_the_range_is_chosen() {
        assert_eq!(BOTH.choose(None), Some([1, 0, 0]));
        assert_eq!(BOTH.choose(Some("*")), Some([2, 0, 0]));
        assert_eq!(BOTH.choose(Some("~2")), Some([2, 0, 0]));
        assert_eq!(BOTH.choose(Some("1.0.0")), Some([1, 0, 0]));
        assert_eq!(BOTH.choose(Some(">=1")), Some([2, 0, 0]));
        assert_eq!(BOTH.choose(Some("1.x")), Some([1, 0, 0]));
        assert_eq!(BOTH.choose(Some("~3")), None);
        assert_eq!(BOTH.choose(Some("banana")), None);
    }
}

//! The versions of the ring format that can be read.

/// The version that this crate writes, the same as every node-fash since September 2013.
pub const RING_VERSION: &str = "2.1.0";

/// [`RING_VERSION`], a component at a time.
const COMPONENTS: [u64; 3] = [2, 1, 0];

/// A ring states a version that neither node-fash nor this crate reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ring version {version:?} is not compatible with version {RING_VERSION}, the newest known")]
pub struct UnsupportedVersion {
    /// The version that the ring states.
    pub version: String,
}

/// Accepts exactly the versions that node-fash accepts.
///
/// Its rule is peculiar, and kept because rings in use passed it: every component is compared on its own, so that
/// `1.2.0` is refused though it is older; a missing component takes the value of the one before it, so that `2` and
/// `2.1` are refused; and text that is no number passes.
///
/// # Errors
///
/// [`UnsupportedVersion`] if node-fash would refuse the version.
pub fn check_version(version: &str) -> Result<(), UnsupportedVersion> {
    let mut stated = version.split('.');
    let mut component = None;
    for newest in COMPONENTS {
        if let Some(text) = stated.next() {
            component = leading_number(text);
        }
        if component.is_some_and(|component| component > newest) {
            return Err(UnsupportedVersion { version: version.to_owned() });
        }
    }
    match stated.next() {
        None => Ok(()),
        Some(_) => Err(UnsupportedVersion { version: version.to_owned() }),
    }
}

/// The number that JavaScript's `parseInt` makes of the text; negative ones, which are below every component, become 0.
fn leading_number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.split(|c: char| !c.is_ascii_digit()).next().filter(|d| !d.is_empty())?;
    Some(if text.starts_with('-') { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_that_of_node_fash() {
        for good in ["2.1.0", "2.0.0", "1.0.0", "1.0", "x.y.z", "", "-3.1.0", "2.1.0-rc"] {
            assert_eq!(check_version(good), Ok(()), "{good}");
        }
        let refused = ["1.2.0", "0.9.0", "2.1", "2", "1", "2.1.1", "2.2.0", "3.0.0", "2.1.0.1"];
        for bad in refused.into_iter().chain(["2.0.2", "x.9", "99999999999999999999999"]) {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }
}

//! Percent encoding, undone.

/// Decodes `%41`. What is no valid escape stays as it is; bytes that are no UTF-8 are replaced.
pub(super) fn percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.split_at_checked(2)).flatten();
        match escaped.and_then(|(digits, after)| Some((byte(digits)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Decodes `a=1&b=x+y`, in order.
pub(super) fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent(&name.replace('+', " ")), percent(&value.replace('+', " ")))
        })
        .collect()
}

fn byte(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_the_rest_is_kept() {
        assert_eq!(percent("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(percent("caf%c3%a9"), "café");
        assert_eq!(percent("%+1"), "%+1");
    }

    #[test]
    fn forms_keep_order_and_repetitions() {
        let pairs = form("a=1&b=x+y&a=%26&c");
        let expected = [("a", "1"), ("b", "x y"), ("a", "&"), ("c", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

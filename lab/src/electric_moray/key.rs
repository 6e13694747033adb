//! The part of a key that is hashed.

use std::borrow::Cow;

/// The text to hash for a key of a bucket: for Manta's objects the directory that they are in.
pub(crate) fn hashed(bucket: &str, key: &str) -> String {
    match bucket {
        "manta" | "testmanta" => directory(key).into_owned(),
        "manta_uploads" => match key.split_once(':') {
            Some((_, key)) => directory(key).into_owned(),
            None => key.to_owned(),
        },
        _ => key.to_owned(),
    }
}

/// The directory of a path in Manta. A user's `/stor`, though it is in the user's root, counts as its own, so that a
/// user's top directories are not all in one place.
fn directory(key: &str) -> Cow<'_, str> {
    if is_stor(key) {
        return Cow::Borrowed(key);
    }
    match dirname(key) {
        "." => Cow::Borrowed(key),
        directory => Cow::Borrowed(directory),
    }
}

/// `/<uuid>/stor`, in lower case.
fn is_stor(key: &str) -> bool {
    let uuid = key.strip_prefix('/').and_then(|rest| rest.strip_suffix("/stor"));
    uuid.is_some_and(|uuid| {
        uuid.len() == 36
            && uuid.bytes().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            })
    })
}

/// As Node's `path.posix.dirname`: slashes at the end do not count, and nothing is normalised.
fn dirname(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rfind('/') {
        _ if path.is_empty() => ".",
        _ if trimmed.is_empty() => "/",
        None => ".",
        Some(0) => "/",
        // A path of two slashes and a name is in what POSIX lets mean something else than the root.
        Some(1) if trimmed.starts_with("//") => "//",
        Some(slash) => trimmed.get(..slash).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn keys_are_hashed_as_by_electric_moray() {
        let golden: Value =
            serde_json::from_str(include_str!("../../testdata/key-transforms.json")).unwrap();
        for bucket in ["manta", "manta_uploads"] {
            for (key, expected) in golden[bucket].as_object().unwrap() {
                assert_eq!(hashed(bucket, key), expected.as_str().unwrap(), "{bucket} {key:?}");
            }
        }
        let key = "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/a/b";
        for (bucket, result) in golden["other"].as_object().unwrap() {
            if result == &format!("string: {key}") {
                assert_eq!(hashed(bucket, key), key, "{bucket}");
            }
        }
        assert_eq!(hashed("testmanta", key), "/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/a");
    }
}

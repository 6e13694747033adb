//! The contents of canaries.

use jiff::Timestamp;
use sapi_client::AccountUuid;
use serde_json::{Value, json};
use uuid::Uuid;

use super::choose::{Canary, CanaryKind};

/// The header of a user's own in which the canary says whose it is.
const TAG: &str = "m-reshard-canary";
/// And the one in which it counts how often it was written.
const REVISION: &str = "m-reshard-revision";
/// The MD5 of nothing.
const MD5_OF_NOTHING: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

/// The value as muskie would write it: an empty object of which no storage node has a copy, or a directory.
pub(super) fn value(
    canary: &Canary,
    account: AccountUuid,
    tag: &str,
    revision: u32,
    now: Timestamp,
) -> Value {
    let (dirname, name) = canary.key.rsplit_once('/').unwrap_or(("", &canary.key));
    let mut value = json!({
        "dirname": dirname,
        "key": canary.key,
        "headers": { TAG: tag, REVISION: revision.to_string() },
        "mtime": now.as_millisecond(),
        "name": name,
        "creator": account,
        "owner": account,
        "roles": [],
        "type": canary.kind,
    });
    let body = json!({
        "contentLength": 0,
        "contentMD5": MD5_OF_NOTHING,
        "contentType": "application/octet-stream",
    });
    if canary.kind == CanaryKind::Object
        && let (Some(value), Value::Object(body)) = (value.as_object_mut(), body)
    {
        // The same whenever the same revision is written.
        let id =
            Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}#{revision}", canary.key).as_bytes());
        value.extend(body);
        value.insert("etag".to_owned(), json!(id));
        value.insert("objectId".to_owned(), json!(id));
        value.insert("sharks".to_owned(), json!([]));
    }
    value
}

/// The revision of what was read, if it is a canary with this tag.
pub(super) fn revision(value: &Value, tag: &str) -> Option<u32> {
    let headers = value.get("headers")?;
    if headers.get(TAG)?.as_str()? != tag {
        return None;
    }
    headers.get(REVISION)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_muskie_writes_them() {
        let account = AccountUuid::from(Uuid::from_u128(7));
        let canary = Canary {
            key: format!("/{account}/stor/dir/canary"),
            vnode: 1,
            kind: CanaryKind::Object,
        };
        let object = value(&canary, account, "tag", 2, Timestamp::UNIX_EPOCH);
        assert_eq!(object["dirname"], format!("/{account}/stor/dir"));
        assert_eq!((&object["name"], &object["type"]), (&json!("canary"), &json!("object")));
        assert_eq!(object["objectId"], object["etag"]);
        assert_eq!(revision(&object, "tag"), Some(2));
        assert_eq!(revision(&object, "other"), None);
        assert_eq!(revision(&json!({"headers": {}}), "tag"), None);
        let directory = Canary { kind: CanaryKind::Directory, ..canary };
        let directory = value(&directory, account, "tag", 1, Timestamp::UNIX_EPOCH);
        assert_eq!(directory["type"], "directory");
        assert!(directory.get("objectId").is_none());
    }
}

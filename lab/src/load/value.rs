//! The values that a load writes: as muskie writes them, with the id of the write.

use serde_json::{Value, json};

use super::keys::Names;
use super::log::WriteId;

/// The member of a value that has the id of the write.
const MEMBER: &str = "loadWrite";

/// The value of an object.
pub(super) fn object(names: &Names, write: WriteId) -> Value {
    let size = write.number % 1_048_576;
    let digest =
        format!("{:032x}", u128::from(write.number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c));
    let (a, b, c) = (digest.get(..8), digest.get(8..12), digest.get(20..32));
    let object_id = format!(
        "{}-{}-4000-8000-{}",
        a.unwrap_or_default(),
        b.unwrap_or_default(),
        c.unwrap_or_default()
    );
    json!({
        "dirname": names.directory,
        "key": names.key,
        "headers": {},
        "mtime": 1_542_750_000_000_u64 + write.number,
        "name": names.name,
        "creator": names.owner,
        "owner": names.owner,
        "roles": [],
        "type": "object",
        "contentLength": size,
        "contentMD5": format!("{}==", digest.get(..22).unwrap_or_default()),
        "contentType": "application/octet-stream",
        "etag": object_id,
        "objectId": object_id,
        "sharks": [
            {"datacenter": "lab-1", "manta_storage_id": "1.stor.lab.example.net"},
            {"datacenter": "lab-1", "manta_storage_id": "2.stor.lab.example.net"},
        ],
        MEMBER: write,
    })
}

/// The value of the record of an upload that is committed.
pub(super) fn upload(names: &Names, write: WriteId) -> Value {
    let upload_id = names.upload.split(':').next().unwrap_or_default();
    json!({
        "finalizingType": "commit",
        "uploadId": upload_id,
        "md5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "objectPath": names.key,
        MEMBER: write,
    })
}

/// The id in a value.
pub(super) fn write_in(value: &Value) -> Option<WriteId> {
    value.get(MEMBER)?.as_str()?.parse().ok()
}

/// The id in the text of a value, without parsing all of it. (A text has quotation marks inside only after a backslash,
/// so this is not mistaken for another member's value.)
pub(crate) fn write_in_text(text: &str) -> Option<WriteId> {
    let (_, rest) = text.rsplit_once("\"loadWrite\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    rest.split_once('"')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::keys::Keys;

    #[test]
    fn the_id_is_found_again() {
        let write = WriteId { run: 0xabc, number: 77 };
        let names = Keys::new(1, 10, 2, 1).names(3);
        for mut value in [object(&names, write), upload(&names, write)] {
            assert_eq!(write_in(&value), Some(write));
            assert_eq!(write_in_text(&value.to_string()), Some(write));
            value["vnode"] = json!(5);
            assert_eq!(write_in_text(&format!("{value:#}")), Some(write));
        }
        let size = object(&names, write).to_string().len();
        assert!((500..900).contains(&size), "{size}");
        assert_eq!(write_in_text("{\"a\":\"\\\"loadWrite\\\":\"}"), None);
        assert_eq!(write_in_text("{}"), None);
    }
}

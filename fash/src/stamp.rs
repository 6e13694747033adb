//! The [`Stamp`] that tells one installed ring from another.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The origin of a ring: the file `manta_hash_ring_stamp.json` in the ring's directory.
///
/// Nothing else identifies an installed ring. The first ring of a deployment has no stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The IMGAPI image that the ring came in.
    pub image_uuid: String,
    /// The time at which the image was made, such as `2018-11-20T21:04:05Z`.
    pub date: String,
    /// The zone in which the image was made.
    pub source_zone: String,
}

impl Stamp {
    /// The stamp's name in the ring's directory, where manta-reshard looks for it. LevelDB ignores the file.
    pub const FILE_NAME: &'static str = "manta_hash_ring_stamp.json";

    /// The stamp's file: JSON indented with tabs, with a newline at the end, as manta-reshard writes it.
    pub fn to_json(&self) -> String {
        let [image_uuid, date, source_zone] = [&self.image_uuid, &self.date, &self.source_zone]
            .map(|text| Value::from(text.as_str()));
        format!(
            "{{\n\t\"image_uuid\": {image_uuid},\n\t\"date\": {date},\n\t\"source_zone\": {source_zone}\n}}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_written_as_manta_reshard_writes_it() {
        let stamp = Stamp {
            image_uuid: "3f0c0f8e-6f0e-4f0b-9a53-6c3f7e2b8f11".to_owned(),
            date: "2018-11-20T21:04:05Z".to_owned(),
            source_zone: "a \"zone\"".to_owned(),
        };
        let json = "{\n\t\"image_uuid\": \"3f0c0f8e-6f0e-4f0b-9a53-6c3f7e2b8f11\",\n\t\"date\": \
                    \"2018-11-20T21:04:05Z\",\n\t\"source_zone\": \"a \\\"zone\\\"\"\n}\n";
        assert_eq!(stamp.to_json(), json);
    }
}

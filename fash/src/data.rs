//! The data of a vnode, which is all that a ring says about it besides its owner: [`VnodeData`].

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// A vnode's data: nothing (which node-fash writes as the number `1`) or any other JSON value.
///
/// The value that matters to Manta is the string `"ro"`: electric-moray refuses writes to such a vnode.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VnodeData(Option<Arc<Value>>);

impl VnodeData {
    /// No data: node-fash's number `1`.
    pub const NONE: Self = Self(None);

    /// The data `"ro"`, which makes electric-moray refuse writes to the vnode.
    pub fn read_only() -> Self {
        Self::from_text("ro")
    }

    /// A text as data, as `fash add-data` stores it: the string `"1"` is data, the number `1` is none.
    pub fn from_text(text: &str) -> Self {
        Self(Some(Arc::new(Value::String(text.to_owned()))))
    }

    /// Data from a JSON value. The number one, however it is written, is no data.
    pub fn from_json(value: Value) -> Self {
        if value.as_f64() == Some(1.0) { Self::NONE } else { Self(Some(Arc::new(value))) }
    }

    /// Tells whether there is no data.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether this is the string `"ro"`, the only data that electric-moray acts on.
    pub fn is_read_only(&self) -> bool {
        self.0.as_deref().is_some_and(|value| value == "ro")
    }

    /// The JSON value, unless there is no data.
    pub fn value(&self) -> Option<&Value> {
        self.0.as_deref()
    }

    /// The JSON value as node-fash writes it: the number `1` where there is no data.
    pub fn to_json(&self) -> Value {
        self.0.as_deref().cloned().unwrap_or_else(|| Value::from(1))
    }
}

/// Serializes as node-fash does: the number `1` where there is no data.
impl serde::Serialize for VnodeData {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_deref() {
            None => serializer.serialize_u8(1),
            Some(value) => value.serialize(serializer),
        }
    }
}

/// Prints the JSON text that node-fash stores.
impl fmt::Display for VnodeData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("1"),
            Some(value) => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_one_is_no_data_and_the_string_is() {
        assert!(VnodeData::from_json(Value::from(1)).is_none());
        assert!(VnodeData::from_json(Value::from(1.0)).is_none());
        assert!(!VnodeData::from_text("1").is_none());
        assert_eq!(VnodeData::from_text("1").to_string(), "\"1\"");
        assert_eq!(VnodeData::NONE.to_string(), "1");
    }

    #[test]
    fn only_the_string_ro_is_read_only() {
        assert!(VnodeData::read_only().is_read_only());
        assert!(!VnodeData::from_text("RO").is_read_only());
        assert!(!VnodeData::NONE.is_read_only());
    }

    #[test]
    fn a_number_is_the_same_after_being_written_and_read() {
        let read = |text: &str| VnodeData::from_json(serde_json::from_str(text).unwrap());
        let data = read("9999999999609999999991");
        assert_eq!(read(&data.to_string()), data);
    }
}

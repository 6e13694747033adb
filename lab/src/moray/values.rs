//! Values between JSON and PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use serde_json::{Number, Value};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

type Failure = Box<dyn Error + Sync + Send>;

/// A parameter of whatever type, given to PostgreSQL as text, as node-pg gives all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter(Option<String>);

impl Parameter {
    pub(super) const NULL: Self = Self(None);

    /// The parameter that a JSON value makes.
    pub(super) fn from_json(value: &Value) -> Self {
        Self(match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Array(values) => Some(array(values)),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
        })
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<i64> for Parameter {
    fn from(number: i64) -> Self {
        Self(Some(number.to_string()))
    }
}

/// A list as PostgreSQL writes arrays.
fn array(values: &[Value]) -> String {
    let element = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Array(values) => array(values),
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => quoted(&value.to_string()),
    };
    format!("{{{}}}", values.iter().map(element).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value of a column as Moray's node-pg makes it: 64-bit integers are text, a `numeric` is a number as near as
/// JavaScript has one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        let value = match *kind {
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            Type::INT2 => i16::from_sql(kind, raw)?.into(),
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            Type::OID => u32::from_sql(kind, raw)?.into(),
            Type::INT8 => i64::from_sql(kind, raw)?.to_string().into(),
            Type::FLOAT4 => number(f64::from(f32::from_sql(kind, raw)?)),
            Type::FLOAT8 => number(f64::from_sql(kind, raw)?),
            Type::NUMERIC => {
                javascript_number(&numeric(raw).ok_or("a numeric of an unknown form")?)
            }
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML => {
                <&str>::from_sql(kind, raw)?.into()
            }
            Type::JSON => serde_json::from_slice(raw)?,
            // One byte of a version comes first.
            Type::JSONB => serde_json::from_slice(raw.get(1..).unwrap_or_default())?,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => timestamp(raw).ok_or("no timestamp")?.into(),
            Type::UUID => uuid::Uuid::from_slice(raw)?.to_string().into(),
            Type::VOID => "".into(),
            Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::NAME_ARRAY => {
                Vec::<Option<String>>::from_sql(kind, raw)?.into()
            }
            Type::INT8_ARRAY => {
                let numbers = Vec::<i64>::from_sql(kind, raw)?;
                numbers.iter().map(i64::to_string).collect::<Vec<_>>().into()
            }
            Type::INT4_ARRAY => Vec::<i32>::from_sql(kind, raw)?.into(),
            _ => {
                return Err(
                    format!("the lab's Moray cannot read columns of the type {kind}").into()
                );
            }
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The number that parseFloat makes of a text, in JSON: a whole number without a point, and null for what is no number.
fn javascript_number(text: &str) -> Value {
    let Ok(number) = text.parse::<f64>() else { return Value::Null };
    let whole = format!("{number:.0}").parse::<i64>().ok();
    match whole.filter(|_| number.fract() == 0.0) {
        Some(whole) => whole.into(),
        None => Number::from_f64(number).map_or(Value::Null, Value::Number),
    }
}

fn number(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}

/// Microseconds since 2000 as JavaScript writes a date.
fn timestamp(raw: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(raw.try_into().ok()?);
    let unix = jiff::Timestamp::from_microsecond(micros.checked_add(946_684_800_000_000)?).ok()?;
    Some(unix.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// The text of a number of the type `numeric`: groups of four decimal digits, the first of the weight 10000^`weight`.
fn numeric(raw: &[u8]) -> Option<String> {
    let word = |index: usize| {
        let at = index * 2;
        Some(i16::from_be_bytes(raw.get(at..at + 2)?.try_into().ok()?))
    };
    let [count, weight, scale] = [word(0)?, word(1)?, word(3)?];
    let sign = match raw.get(4..6)? {
        [0, 0] => "",
        [0x40, 0] => "-",
        _ => return Some("NaN".to_owned()),
    };
    let group = |position: i16| {
        let index = weight - position;
        if (0..count).contains(&index) { word(4 + usize::try_from(index).ok()?) } else { Some(0) }
    };
    let mut digits = String::new();
    for position in (0..=weight.max(0)).rev() {
        digits.extend([format!("{:04}", group(position)?)]);
    }
    let whole = digits.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let scale = usize::try_from(scale).ok()?;
    let mut fraction = String::new();
    let mut position = -1;
    while fraction.len() < scale {
        fraction.extend([format!("{:04}", group(position)?)]);
        position -= 1;
    }
    fraction.truncate(scale);
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_text() {
        let text = |value| Parameter::from_json(&value).0;
        assert_eq!(text(json!(null)), None);
        assert_eq!(text(json!("a")), Some("a".to_owned()));
        assert_eq!(text(json!(1.5)), Some("1.5".to_owned()));
        assert_eq!(
            text(json!(["a", null, 1, "b\"c"])),
            Some(r#"{"a",NULL,"1","b\"c"}"#.to_owned())
        );
    }

    #[test]
    fn numerics_are_read_exactly() {
        let raw =
            |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        assert_eq!(numeric(&raw(&[0, 0, 0, 0])).unwrap(), "0");
        assert_eq!(numeric(&raw(&[1, 0, 0, 0, 7])).unwrap(), "7");
        assert_eq!(numeric(&raw(&[1, 1, 0, 0, 3])).unwrap(), "30000");
        assert_eq!(numeric(&raw(&[2, 0, 0x4000, 2, 12, 3400])).unwrap(), "-12.34");
        assert_eq!(numeric(&raw(&[1, -1, 0, 3, 10])).unwrap(), "0.001");
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let written = |text| javascript_number(text).to_string();
        assert_eq!(["1", "1.50", "-3.0", "NaN"].map(written), ["1", "1.5", "-3", "null"]);
    }

    #[test]
    fn timestamps_look_as_in_javascript() {
        assert_eq!(timestamp(&1_500_000_i64.to_be_bytes()).unwrap(), "2000-01-01T00:00:01.500Z");
    }
}

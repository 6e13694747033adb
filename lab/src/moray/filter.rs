//! Search filters, the part of LDAP's that the lab's Moray knows: `(a=b)`, `(a=*)`, `(a>=b)`, `(a<=b)`, `(&…)`, `(|…)`
//! and `(!…)`.

use super::bucket::Bucket;
use super::values::Parameter;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(String),
    Compare(String, &'static str, String),
}

/// A condition in SQL, and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) parameters: Vec<Parameter>,
}

impl Condition {
    /// The condition that a filter means for a bucket's table. `None` if it is none, none that the lab knows, or asks for what
    /// is no column.
    pub(super) fn new(bucket: &Bucket, filter: &str) -> Option<Self> {
        let mut rest = filter.trim();
        let parsed = parse(&mut rest, 0).filter(|_| rest.is_empty())?;
        let mut parameters = Vec::new();
        let sql = sql(bucket, &parsed, &mut parameters)?;
        Some(Self { sql, parameters })
    }
}

/// The column of an attribute, as an identifier.
pub(super) fn column(bucket: &Bucket, attribute: &str) -> Option<String> {
    let own = ["_id", "_key", "_etag", "_mtime", "_txn_snap"].contains(&attribute);
    let indexed = || bucket.index.iter().any(|column| column.attribute == attribute);
    (own || indexed()).then(|| attribute.to_lowercase())
}

/// The greatest depth of filters.
const DEPTH: u32 = 64;

fn parse(rest: &mut &str, depth: u32) -> Option<Filter> {
    if depth > DEPTH {
        return None;
    }
    *rest = rest.strip_prefix('(')?;
    match rest.chars().next()? {
        '&' => return list(rest, depth).map(Filter::And),
        '|' => return list(rest, depth).map(Filter::Or),
        '!' => {
            let [filter] = <[Filter; 1]>::try_from(list(rest, depth)?).ok()?;
            return Some(Filter::Not(Box::new(filter)));
        }
        _ => {}
    }
    let (item, after) = rest.split_once(')')?;
    *rest = after;
    let (left, value) = item.split_once('=')?;
    let (attribute, operator) = match left.strip_suffix(['>', '<']) {
        Some(attribute) if left.ends_with('>') => (attribute, ">="),
        Some(attribute) => (attribute, "<="),
        None => (left, "="),
    };
    let attribute = attribute.to_owned();
    match value {
        "*" if operator == "=" => Some(Filter::Present(attribute)),
        value if value.contains('*') => None,
        value => Some(Filter::Compare(attribute, operator, unescape(value)?)),
    }
}

/// One filter or more after an operator, up to the bracket that closes them.
fn list(rest: &mut &str, depth: u32) -> Option<Vec<Filter>> {
    *rest = rest.get(1..)?;
    let mut filters = Vec::new();
    while rest.starts_with('(') {
        filters.push(parse(rest, depth + 1)?);
    }
    *rest = rest.strip_prefix(')')?;
    (!filters.is_empty()).then_some(filters)
}

/// Characters with a meaning are written as a backslash and two hexadecimal digits, or after a backslash.
fn unescape(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..)?;
            }
            None => {
                let [escaped, after @ ..] = after else { return None };
                bytes.push(*escaped);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn sql(bucket: &Bucket, filter: &Filter, parameters: &mut Vec<Parameter>) -> Option<String> {
    let mut all = |filters: &[Filter], word: &str| {
        let parts: Option<Vec<_>> =
            filters.iter().map(|filter| sql(bucket, filter, parameters)).collect();
        Some(format!("({})", parts?.join(word)))
    };
    match filter {
        Filter::And(filters) => all(filters, " AND "),
        Filter::Or(filters) => all(filters, " OR "),
        Filter::Not(filter) => Some(format!("(NOT {})", sql(bucket, filter, parameters)?)),
        Filter::Present(attribute) => {
            let column = column(bucket, attribute)?;
            Some(format!("{column} IS NOT NULL"))
        }
        Filter::Compare(attribute, operator, value) => {
            let column = column(bucket, attribute)?;
            parameters.push(Parameter::from(value.as_str()));
            // The second part lets the partial index be used.
            Some(format!("({column} {operator} ${} AND {column} IS NOT NULL)", parameters.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(filter: &str) -> Option<String> {
        let bucket = Bucket::of_manta("manta", &["dirname", "objectId"]);
        Condition::new(&bucket, filter).map(|condition| {
            let values: Vec<_> =
                condition.parameters.iter().map(|value| format!("{value:?}")).collect();
            format!("{} {}", condition.sql, values.join(" "))
        })
    }

    #[test]
    fn filters_become_conditions() {
        let parameter = |text: &str| format!("{:?}", Parameter::from(text));
        let one = condition("(&(dirname=/a\\28b)(objectId=*))").unwrap();
        let expected = "((dirname = $1 AND dirname IS NOT NULL) AND objectid IS NOT NULL)";
        assert_eq!(one, format!("{expected} {}", parameter("/a(b")));
        let two = condition("(!(|(_key>=a)(_mtime<=3)))").unwrap();
        let expected =
            "(NOT ((_key >= $1 AND _key IS NOT NULL) OR (_mtime <= $2 AND _mtime IS NOT NULL)))";
        assert_eq!(two, format!("{expected} {} {}", parameter("a"), parameter("3")));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "dirname=a",
            "(dirname=a",
            "(dirname=a))",
            "(&)",
            "(dirname=a*)",
            "(!(a=b)(c=d))",
            "(&(a=b)c=d)",
        ] {
            assert_eq!(condition(bad), None, "{bad}");
        }
        assert_eq!(condition("(size=1)"), None);
        let deep = "(&".repeat(100_000);
        assert_eq!(condition(&deep), None);
    }
}

//! Ranges of keys.

use tokio_postgres::types::ToSql;

/// Keys after one, and up to another, which belongs to the range. Without an end it has none there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) after: Option<String>,
    pub(super) through: Option<String>,
}

impl KeyRange {
    /// The condition for the keys in the order that `order` names (`COLLATE "C"`), or in the column's own. Its parameters are
    /// added to those that are there.
    pub(super) fn condition<'a>(
        &'a self,
        order: &str,
        parameters: &mut Vec<&'a (dyn ToSql + Sync)>,
    ) -> String {
        let mut conditions = vec!["true".to_owned()];
        for (end, sign) in [(&self.after, ">"), (&self.through, "<=")] {
            if let Some(key) = end {
                parameters.push(key);
                conditions.push(format!("_key{order} {sign} ${}", parameters.len()));
            }
        }
        conditions.join(" AND ")
    }
}

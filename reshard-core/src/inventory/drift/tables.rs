//! Tables that came, went or changed since a plan was made.

use super::{Drifts, MENTION, REFUSE};
use crate::rows::{LeftAlone, Table, Tables};

impl Drifts {
    /// A plan moves and deletes what it was shown to: rows of the tables that it names, and of no others. A bucket of
    /// which no row has a vnode any more is still the same.
    pub(super) fn tables(&mut self, was: &Tables, is: &Tables) {
        for table in &was.sharded {
            let what = format!("the table {table}");
            let left_alone = is.left_alone.iter().find(|it| it.is(table));
            match (is.buckets().find(|other| table.is(other)), left_alone) {
                (Some(now), _) => self.columns(&what, table, now),
                (None, Some(now)) => self.add(REFUSE, what, "a bucket", &now.why),
                (None, None) => self.add(REFUSE, what, "there", "gone"),
            }
        }
        for table in is.buckets().filter(|table| !was.buckets().any(|before| before.is(table))) {
            self.add(REFUSE, format!("the table {table}"), "not there", "a bucket");
        }
        let was_unsharded = |table: &&Table| was.unsharded.iter().any(|it| it.table.is(table));
        for table in is.sharded.iter().filter(was_unsharded) {
            let what = format!("the table {table}");
            self.add(REFUSE, what, "a bucket without vnodes", "a bucket with rows of vnodes");
        }
        let names = |of: &Tables| -> Vec<String> {
            of.left_alone.iter().map(LeftAlone::to_string).collect()
        };
        let (before, now) = (names(was), names(is));
        for name in now.iter().filter(|name| !before.contains(name)) {
            self.add(MENTION, "what only looks like a bucket and is left alone", "not there", name);
        }
    }

    fn columns(&mut self, what: &str, was: &Table, is: &Table) {
        let lacking = |one: &Table, other: &Table| -> Vec<String> {
            one.columns.iter().filter(|column| !other.columns.contains(column)).cloned().collect()
        };
        let (gone, new) = (lacking(was, is), lacking(is, was));
        if gone.is_empty() && new.is_empty() {
            return;
        }
        let shown = |columns: Vec<String>| {
            if columns.is_empty() { "without more".to_owned() } else { columns.join(", ") }
        };
        self.add(REFUSE, format!("the columns of {what}"), shown(gone), shown(new));
    }
}

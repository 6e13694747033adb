//! The tables of the source.

use super::{Check, Evidence, Findings, Subject, look, names, seen};
use crate::rows::{LeftAlone, Table};

/// Every bucket is as Moray makes them; what only looks like one is told.
pub(super) fn buckets(evidence: &Evidence, subject: &Subject) -> Check {
    let mut findings = Findings::new("tables");
    let tables = seen!(findings, look(&evidence.tables));
    let (buckets, lookalikes): (Vec<_>, Vec<_>) =
        tables.left_alone.iter().partition(|left_alone| left_alone.is_bucket);
    for bucket in buckets {
        findings.fail(
            format!("the bucket {bucket} cannot be split by vnodes"),
            format!(
                "make it as Moray makes its buckets (an ordinary logged table: `ALTER TABLE {}.{} SET LOGGED`), or take it out \
                 of buckets_config if nobody needs it",
                bucket.schema, bucket.name
            ),
        );
    }
    if !lookalikes.is_empty() {
        let all: Vec<String> = lookalikes.into_iter().map(LeftAlone::to_string).collect();
        findings.warn(
            format!("left alone, for they only look like buckets: {}", names(&all)),
            "they are copied with the rest to every new shard, and stay there: drop those that nobody needs",
        );
    }
    if tables.sharded.is_empty() {
        findings.fail(
            format!("{} has no bucket with rows of vnodes", subject.source),
            "split a shard of the index: its database moray has the bucket manta",
        );
    }
    let all: Vec<String> = tables.sharded.iter().map(Table::to_string).collect();
    findings.or_ok(format!("rows of vnodes are in {}", names(&all)))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{blind, subject};
    use super::*;
    use crate::preflight::Verdict;
    use crate::rows::{Flaw, Tables};

    fn checked(left_alone: Vec<LeftAlone>) -> Check {
        let (schema, name) = ("public".to_owned(), "manta".to_owned());
        let sharded = vec![Table { schema, name, columns: Vec::new() }];
        let tables = Tables { sharded, unsharded: Vec::new(), left_alone };
        buckets(&Evidence { tables: Ok(tables), ..blind() }, &subject())
    }

    fn left_alone(is_bucket: bool, why: Flaw) -> LeftAlone {
        let (schema, name) = ("public".to_owned(), "mine".to_owned());
        LeftAlone { schema, name, is_bucket, why }
    }

    #[test]
    fn an_unlogged_bucket_fails_and_a_lookalike_is_told() {
        assert_eq!(checked(Vec::new()).verdict, Verdict::Ok);
        let lookalike = checked(vec![left_alone(false, Flaw::NoBucket)]);
        assert_eq!(lookalike.verdict, Verdict::Warning);
        assert!(lookalike.found.contains("public.mine (not in buckets_config)"), "{lookalike:?}");
        let bucket = checked(vec![left_alone(true, Flaw::Unlogged)]);
        assert_eq!(bucket.verdict, Verdict::Failed);
        assert!(bucket.found.contains("unlogged"), "{bucket:?}");
    }

    #[test]
    fn a_shard_without_buckets_is_none_of_the_index() {
        let tables = Ok(Tables::default());
        let check = buckets(&Evidence { tables, ..blind() }, &subject());
        assert_eq!(check.verdict, Verdict::Failed);
    }
}

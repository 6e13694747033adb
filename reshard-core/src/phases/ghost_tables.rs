//! The tables that are swept at a shard: those that the plan names, and no others.

use std::future::ready;

use manatee_client::ShardName;

use super::facts::TOLD_NEW_TABLES;
use crate::hint::{Operation, hint};
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::rows::{Keepers, LeftAlone, RowsError, Split, Table, Tables, count_rows, list_tables};

/// The tables of a shard, as they are now.
pub(super) async fn tables_of(
    keepers: &Keepers<'_>,
    holder: &ShardName,
) -> Result<Tables, PhaseError> {
    let doing = || format!("the tables of {holder} cannot be listed");
    let database = keepers.database(holder, holder).or_phase_error(doing())?;
    list_tables(database).await.or_phase_error(doing())
}

/// The plan's tables that a shard has, in the order in which they are swept. Holds if one is not a bucket any more.
pub(super) async fn tables_to_sweep(
    context: &Context,
    split: &Split,
    keepers: &Keepers<'_>,
    holder: &ShardName,
) -> Result<Vec<Table>, PhaseError> {
    let planned = &context.plan().source_facts().tables.sharded;
    let found = compare(planned, &tables_of(keepers, holder).await?);
    if let Some(spoiled) = found.spoiled.first() {
        return Err(PhaseError::hold(
            format!(
                "the table {spoiled} at {holder} is not what the plan was made for: its ghost rows are not deleted"
            ),
            hint!(
                format!("find out who changed {}.{}", spoiled.schema, spoiled.name),
                ", and make it as it was; then ",
                Operation::Resume
            ),
        ));
    }
    for table in &found.gone {
        context
            .note(format!("{holder} has no table {table} any more: nothing is left to delete"))
            .await?;
    }
    for table in &found.new {
        new_table(context, split, keepers, holder, table).await?;
    }
    Ok(found.swept)
}

/// A bucket that was made after the plan is not the plan's. One that was made before the shards parted has ghost rows: the
/// operator is told once, and decides.
async fn new_table(
    context: &Context,
    split: &Split,
    keepers: &Keepers<'_>,
    holder: &ShardName,
    table: &Table,
) -> Result<(), PhaseError> {
    let doing = || format!("the rows of {table} at {holder} cannot be counted");
    let database = keepers.database(holder, holder).or_phase_error(doing())?;
    let counted = count_rows(database, table, split, |_, _| ready(Ok::<_, RowsError>(()))).await;
    let ghosts = counted.or_phase_error(doing())?.ghosts_at(holder);
    let mut told = context.get(&TOLD_NEW_TABLES).await?.unwrap_or_default();
    if ghosts > 0 && told.insert(format!("{holder}/{table}")) {
        context.put(&TOLD_NEW_TABLES, &told).await?;
        return Err(PhaseError::hold(
            format!(
                "{holder} has the bucket {table}, which the plan does not name: {ghosts} of its rows belong to other shards, and \
                 are not deleted"
            ),
            hint!(
                "nobody reads them there; ",
                Operation::CountRows { shard: holder.clone() },
                " counts them. ",
                Operation::Resume,
                " leaves the table as it is"
            ),
        ));
    }
    context.note(format!(
        "{holder} has the bucket {table}, which the plan does not name: it is left as it is, with {ghosts} rows of other shards"
    )).await
}

/// The plan's tables beside those that a shard has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    swept: Vec<Table>,
    gone: Vec<Table>,
    /// Those that rows cannot be told apart in any more.
    spoiled: Vec<LeftAlone>,
    /// Buckets that the plan does not name.
    new: Vec<Table>,
}

fn compare(planned: &[Table], found: &Tables) -> Compared {
    let mut compared = Compared::default();
    for table in planned {
        let spoiled = found.left_alone.iter().find(|it| it.is(table));
        if let Some(spoiled) = spoiled {
            compared.spoiled.push(spoiled.clone());
        } else if found.buckets().any(|bucket| bucket.is(table)) {
            compared.swept.push(table.clone());
        } else {
            compared.gone.push(table.clone());
        }
    }
    let is_new = |table: &&Table| !planned.iter().any(|planned| planned.is(table));
    compared.new.extend(found.sharded.iter().filter(is_new).cloned());
    compared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Flaw, UnshardedTable};

    fn table(schema: &str, name: &str) -> Table {
        Table { schema: schema.to_owned(), name: name.to_owned(), columns: Vec::new() }
    }

    #[test]
    fn only_what_the_plan_names_is_swept() {
        let planned = ["manta", "mine", "gone", "unlogged"].map(|name| table("public", name));
        let spoiled = LeftAlone {
            schema: "public".to_owned(),
            name: "unlogged".to_owned(),
            is_bucket: true,
            why: Flaw::Unlogged,
        };
        let copy =
            LeftAlone { schema: "backup".to_owned(), why: Flaw::OtherSchema, ..spoiled.clone() };
        // Its last row with a vnode was deleted.
        let mine = UnshardedTable { table: table("public", "mine"), every_shard_has_one: false };
        let found = Tables {
            sharded: vec![table("public", "manta"), table("public", "new")],
            unsharded: vec![mine],
            left_alone: vec![copy, spoiled.clone()],
        };
        let [manta, mine, gone, _] = planned.clone();
        let expected = Compared {
            swept: vec![manta, mine],
            gone: vec![gone],
            spoiled: vec![spoiled],
            new: vec![table("public", "new")],
        };
        assert_eq!(compare(&planned, &found), expected);
    }
}

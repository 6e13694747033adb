//! The end of copying: the first transaction of each new shard that may be its own, and not the source's.
//!
//! It is asked for as soon as a new shard takes writes, and before any router leads there: whatever the shard's rows were written
//! by later is then known to be its own, see [`crate::rows`].

use std::collections::BTreeMap;
use std::time::Duration;

use manatee_client::ShardName;

use super::facts::COPIES_END;
use super::join_settled::join_settled;
use crate::journal::Fact;
use crate::phase::{Context, PhaseError, PhaseResultExt};
use crate::rows::{connect_primary, end_of_copying};

/// The longest that the statement may take: writes are refused meanwhile.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The fact with the ends, by new shard. Shards that are recreated have another.
async fn fact(context: &Context) -> Result<Fact<BTreeMap<ShardName, u64>>, PhaseError> {
    Ok(COPIES_END.of([&context.round().await?]))
}

/// Asks every new shard, once.
pub(super) async fn remember(context: &Context) -> Result<(), PhaseError> {
    let ask = async || {
        let ends =
            join_settled(context.plan().targets().iter().map(|target| end(context, &target.name)));
        Ok(ends.await?.into_iter().collect::<BTreeMap<ShardName, u64>>())
    };
    context.decided(&fact(context).await?, ask).await.map(drop)
}

/// The ends, as they were remembered.
pub(super) async fn remembered(
    context: &Context,
) -> Result<Option<BTreeMap<ShardName, u64>>, PhaseError> {
    context.get(&fact(context).await?).await
}

async fn end(context: &Context, shard: &ShardName) -> Result<(ShardName, u64), PhaseError> {
    let primary = connect_primary(context.deployment(), shard, STATEMENT_TIMEOUT).await;
    let primary = primary.or_phase_error(format!("the primary of {shard} cannot be asked"))?;
    let end = end_of_copying(&primary).await;
    Ok((shard.clone(), end.or_phase_error(format!("{shard} cannot be asked"))?))
}

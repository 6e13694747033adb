//! Shards as wholes: freezing them, making a new one of peers that leave another, and telling when it works.

mod establish;
mod every;
mod freeze;
mod known;
mod membership;
mod new_peer;
mod overview;
mod ready;
mod registration;
mod sitters;
mod split_point;

pub use self::establish::{Began, EstablishError, establish, first_state, is_of};
pub use self::every::{EveryShard, ShardLine, every_shard};
pub use self::freeze::{freeze_for_plan, frozen_for_plan, unfreeze_for_plan};
pub use self::known::{KnownShards, known_shards};
pub use self::membership::{
    MembershipError, Moved, ONE_NODE_WRITE_MODE, alias, check_instance, membership, move_instance,
};
pub use self::new_peer::peer_metadata;
pub use self::overview::{FreezeSeen, Listed, ShardOverview, listed_in, shard_overview};
pub use self::ready::{NotReady, primary_ready};
pub use self::registration::registration_path;
pub(crate) use self::sitters::left_file;
pub use self::sitters::{MovingPeer, move_peer, start_sitter, stop_sitter};
pub use self::split_point::SplitPoint;

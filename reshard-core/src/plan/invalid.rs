//! The reasons why the parts of a plan do not fit each other.

use fash::Vnode;
use manatee_client::ShardName;

/// A part of a plan does not fit the others. Its member of the document comes first in the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlan {
    /// Nothing moves.
    #[error("moves: there are none")]
    NoMoves,
    /// The request is for another shard.
    #[error("request.source: it is {request}, and the moves are from {from}")]
    OtherRequest {
        /// The shard of the request.
        request: ShardName,
        /// The shard of the moves.
        from: ShardName,
    },
    /// The moves come from several shards.
    #[error(
        "moves.{index}.from: it is {from}, and that of moves.0 is {first}: one plan moves vnodes of one shard"
    )]
    SeveralSources {
        /// The position of the move.
        index: usize,
        /// Its source.
        from: ShardName,
        /// The source of the first move.
        first: ShardName,
    },
    /// The inventory does not have the source.
    #[error("moves.0.from: inventory.shards does not have {shard}")]
    NotInventoried {
        /// The source.
        shard: ShardName,
    },
    /// A move goes to a shard that the plan does not create.
    #[error(
        "moves.{index}.to: new_shards does not have {shard}: vnodes move to shards that the plan creates"
    )]
    NotCreated {
        /// The position of the move.
        index: usize,
        /// The shard.
        shard: ShardName,
    },
    /// Two moves go to one shard.
    #[error("moves.{index}.to: moves.{first} goes to {shard} already")]
    SameTarget {
        /// The position of the move.
        index: usize,
        /// The position of the other one.
        first: usize,
        /// The shard.
        shard: ShardName,
    },
    /// A move is of no vnodes.
    #[error("moves.{index}.vnodes: there are none")]
    NoVnodes {
        /// The position of the move.
        index: usize,
    },
    /// A vnode moves that the source does not have.
    #[error("moves.{index}.vnodes: in inventory.ring the vnode {vnode} is not one of {from}")]
    NotOfSource {
        /// The position of the move.
        index: usize,
        /// The vnode.
        vnode: Vnode,
        /// The source.
        from: ShardName,
    },
    /// A vnode moves twice.
    #[error("moves.{index}.vnodes: the vnode {vnode} moves in moves.{first} already")]
    MovesTwice {
        /// The position of the move.
        index: usize,
        /// The vnode.
        vnode: Vnode,
        /// The position of the other move.
        first: usize,
    },
    /// No move goes to a new shard.
    #[error("new_shards.{shard}: no move goes to it")]
    Unused {
        /// The shard.
        shard: ShardName,
    },
    /// A new shard is not new.
    #[error("new_shards.{shard}: inventory.shard_names has it already")]
    NotNew {
        /// The shard.
        shard: ShardName,
    },
}

//! The reasons why there is no plan.

use fash::{SelectError, Vnode};
use manatee_client::ShardName;
use sapi_client::ServerUuid;

use crate::hint::{Hint, Operation, hint};
use crate::quantity::bytes;

/// The reason why there is no plan for a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The inventory is another shard's.
    #[error(
        "the inventory is of the shard {}, and the plan is for {source_shard}",
        listed(inventory)
    )]
    OtherSource {
        /// The shards of the inventory.
        inventory: Vec<ShardName>,
        /// The shard of the request.
        source_shard: ShardName,
    },
    /// The source has no vnodes.
    #[error("the ring has no pnode {pnode}, so the shard has nothing that could move")]
    NotInRing {
        /// The name that it would have.
        pnode: String,
    },
    /// There are no or too many new shards.
    #[error("{wanted} new shards were asked for; 1 to {most} are possible")]
    ShardCount {
        /// The number that was asked for.
        wanted: u32,
        /// The most that are possible.
        most: u32,
    },
    /// The numbers do not fit the count.
    #[error("{wanted} new shards were asked for, and {given} numbers were given for them")]
    NumberCount {
        /// The number of shards.
        wanted: u32,
        /// The number of numbers that were given.
        given: usize,
    },
    /// A number is taken, or is given twice.
    #[error(
        "there is a shard {name} already: choose another number, or none for the next free one"
    )]
    NameTaken {
        /// The shard.
        name: ShardName,
    },
    /// The region's names make no shard's name.
    #[error("{name:?} would be no name of a shard")]
    BadName {
        /// The name.
        name: String,
    },
    /// The write block cannot be done in the budget, or not be rolled back in it.
    #[error(
        "writes may be refused for at most {seconds} s, which is too short: the write block is predicted to take {predicted:.0} \
         s, and the way back has to fit in too"
    )]
    Budget {
        /// The budget that was asked for, in seconds.
        seconds: u64,
        /// The time that the write block takes, in seconds.
        predicted: f64,
        /// The least that is enough, in seconds.
        needed: u64,
    },
    /// The selection needs numbers of rows or bytes.
    #[error("vnodes can be chosen by rows or bytes only when they were measured")]
    NotMeasured,
    /// The selection is for other shards.
    #[error("the vnodes are given for the shards {given:?}, and the new shards are {numbers:?}")]
    OtherNumbers {
        /// Those that were given.
        given: Vec<u32>,
        /// Those that there will be.
        numbers: Vec<u32>,
    },
    /// Shares must leave something for the source.
    #[error("shares are percentages above 0 which add up to less than 100")]
    BadShares,
    /// A vnode is given to two shards.
    #[error("vnode {vnode} is given to both {first} and {second}")]
    ChosenTwice {
        /// The vnode.
        vnode: Vnode,
        /// A shard.
        first: u32,
        /// Another.
        second: u32,
    },
    /// The vnodes cannot be chosen so.
    #[error("the vnodes cannot be chosen so")]
    Select(#[from] SelectError),
    /// A new shard would have no vnodes.
    #[error("the new shard {number} would get no vnodes")]
    NothingMoves {
        /// Its number.
        number: u32,
    },
    /// The source would have none.
    #[error("the source would keep no vnodes; moving a whole shard is not a split")]
    NothingStays,
    /// The source holds what is not sharded.
    #[error("{shard} is also the {what} shard, whose other tables would be copied with it")]
    StorageShard {
        /// The shard.
        shard: ShardName,
        /// `storage` or `Marlin`.
        what: &'static str,
    },
    /// The source cannot have more peers.
    #[error(
        "the source runs with one peer in one-node-write mode and takes no asyncs: make it a replicated shard first"
    )]
    OneNodeWrite,
    /// The source is without zones to copy the images of.
    #[error("the source has no {what} to take the image from: name one explicitly")]
    NoImage {
        /// `peer` or `Moray zone`.
        what: &'static str,
    },
    /// A server cannot be used.
    #[error("the server {server} is {problem}")]
    Server {
        /// The server.
        server: ServerUuid,
        /// The fault in it.
        problem: &'static str,
    },
    /// There is no server.
    #[error("there is no usable server for new zones")]
    NoServer,
    /// A server has not enough room.
    #[error(
        "the server {server} has {} free, and its new peers need {}",
        bytes(*free),
        bytes(*needed)
    )]
    NoRoom {
        /// The server.
        server: ServerUuid,
        /// The free bytes.
        free: u64,
        /// The bytes that are needed.
        needed: u64,
    },
}

fn listed(shards: &[ShardName]) -> String {
    shards.iter().map(ShardName::as_str).collect::<Vec<_>>().join(", ")
}

impl PlanError {
    /// Advice that goes with the message, if there is any.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Budget { needed, .. } => Some(hint!(
                format!("allow {needed} s at least, or predict by what was measured ("),
                Operation::MakePlanByCosts,
                ")"
            )),
            Self::NotMeasured => Some(hint!(Operation::MeasureShard, " measures them")),
            Self::StorageShard { .. } => Some(hint!(
                "split another shard, or ask for this explicitly (",
                Operation::MakePlanForStorageShard,
                ")"
            )),
            Self::OtherSource { .. }
            | Self::NotInRing { .. }
            | Self::ShardCount { .. }
            | Self::NumberCount { .. }
            | Self::NameTaken { .. }
            | Self::BadName { .. }
            | Self::OtherNumbers { .. }
            | Self::BadShares
            | Self::ChosenTwice { .. }
            | Self::Select(_)
            | Self::NothingMoves { .. }
            | Self::NothingStays
            | Self::OneNodeWrite
            | Self::NoImage { .. }
            | Self::Server { .. }
            | Self::NoServer
            | Self::NoRoom { .. } => None,
        }
    }
}

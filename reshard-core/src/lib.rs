#![doc = include_str!("../README.md")]

mod clock;
mod configuration;
mod deployment;
mod executor;
mod inventory;
mod journal;
mod keys;
mod measure;
mod phase;
pub mod phases;
mod plan;
mod report;
pub mod rings;
pub mod routers;
mod vnode_set;

pub use clock::{Clock, SystemClock};
pub use configuration::{Configuration, ConfigurationError, DatacenterUrls};
pub use deployment::{
    AnyBody, AnyTransport, CnapiCommands, Database, DatabaseError, Datacenter, Deployment,
    DeploymentError, ZoneCommandError, ZoneCommands, ZoneOutput, ZonePlace, ZoneScript,
};
pub use executor::{
    Context, Ended, Event, Executor, ExecutorError, Observer, Seen, Waiting, WriteBlockRecord,
};
pub use inventory::{
    ClockReading, InstanceProbe, Inventory, InventoryError, PeerFacts, PnodeFacts, RingFacts,
    RouterFacts, RouterInstance, RouterProbe, ServerFacts, Services, ShardFacts, Stamped,
    ZoneFacts, gather, probe_router, read_ring,
};
pub use journal::{
    Activity, Controls, Entry, EntryKind, Knobs, PhaseRecord, PhaseState, PlanState, Progress,
    SqliteStore, Store, StoreError,
};
pub use keys::{KeyHash, RowVnodeError, hashed_part};
pub use measure::{Measurement, Method, TableMeasurement, VnodeMeasurement};
pub use phase::{About, MayPass, OrTrouble, Phase, Trouble, Undone, WriteBlock};
pub use plan::{
    Action, Balance, Costs, InvalidPlanUuid, Layout, NewZone, PLAN_VERSION, Plan, PlanDifference,
    PlanError, PlanUuid, Prediction, Request, Selection, Target,
};
pub use report::{PhaseReport, Report, WriteBlockReport};
pub use vnode_set::{InvalidVnodeSet, VnodeSet};

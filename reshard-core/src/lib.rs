#![doc = include_str!("../README.md")]

pub mod audit;
pub mod canary;
mod causes;
mod clock;
mod configuration;
pub mod cutover;
mod deployment;
mod discover;
pub mod dumps;
mod epoch;
mod executor;
pub mod guard;
mod hint;
mod inventory;
mod journal;
mod keys;
pub mod maintenance;
mod measure;
mod modes;
pub mod morays;
mod owner;
pub mod peers;
mod phase;
pub mod phases;
mod plan;
mod plan_uuid;
pub mod plans;
pub mod preflight;
mod private;
pub mod quantity;
pub mod region;
mod report;
mod reservation;
mod retryable;
pub mod rings;
pub mod routers;
pub mod rows;
pub mod serving;
pub mod shards;
pub mod tidy;
mod vnode_set;
pub mod zones;

pub use causes::{Chain, printable, without_request_ids};
#[cfg(feature = "sim")]
pub use clock::VirtualClock;
pub use clock::{Clock, Reading, SystemClock, TimeSpan};
pub use configuration::{Configuration, ConfigurationError, DatacenterUrls};
pub use deployment::{
    CnapiCommands, Datacenter, Deployment, DeploymentError, ZoneCommandError, ZoneCommands,
    ZoneOutput, ZonePlace, ZoneScript,
};
pub use discover::{DEPLOYMENT_ZONE_CONFIGURATION, DeploymentZone, DiscoverError};
pub use epoch::{Epoch, EpochError, KnownPlan, Standing, epoch_of, known_plans};
pub use executor::{
    Executor, ExecutorError, Gone, Guard, OpenWriteBlock, Outcome, past_pivot, phase_sequence,
    refuse_if_over, rolled_back_by_abort, urgent_phase,
};
pub use hint::{Hint, Operation};
pub use inventory::{
    ClockReading, Drift, DriftSeverity, Expected, InstanceProbe, Inventory, InventoryError,
    PeerFacts, PnodeFacts, RingFacts, RingsLock, RouterFacts, RouterInstance, RouterProbe,
    ServerFacts, Services, ShardFacts, Stamped, ZoneFacts, drift, gather, pnode_name, probe_router,
    read_ring,
};
#[cfg(feature = "sim")]
pub use journal::MemoryJournal;
pub use journal::{
    Activity, Approval, Controls, ControlsChange, Entry, EntryKind, Fact, FactOf, Journal,
    JournalError, Liveness, PhaseRecord, PhaseState, PlanState, Presence, Progress, SETTINGS,
    Setting, SettingError, SqliteJournal, Tuning,
};
pub use keys::{KeyHash, RowVnodeError, hashed_part};
pub use measure::{
    MeasureOptions, MeasureProgress, Measurement, Method, TableMeasurement, VnodeMeasurement,
    measure,
};
pub use phase::{
    About, BlockedPart, ClosedPart, Context, Event, Observer, OpenPart, Phase, PhaseError,
    PhaseResultExt, PivotedPart, Poll, Sequence, SequenceError, Step, StopHandle, TurnedPart,
    Undone, Wait, Withheld, WriteBlock, WriteBlockRecord, withheld,
};
pub use plan::{
    Action, Balance, Costs, InvalidPlan, InvalidPlanUuid, Layout, Mode, Move, NewShard, NewZone,
    PLAN_VERSION, Plan, PlanDifference, PlanError, PlanUuid, Prediction, Request, Selection,
    Target, ValidPlan,
};
pub use private::create_private_directory;
pub use region::{
    AnyBody, AnyTransport, Database, DatabaseError, MonitorError, RouterStatus, StatusShard,
};
pub use report::{PhaseReport, Report, WriteBlockReport};
pub use reservation::{Reservation, reserved_names};
pub use retryable::Retryable;
pub use vnode_set::{InvalidVnodeSet, VnodeSet};

//! How a running lab is asked and told things from other processes.

mod messages;

pub use messages::{
    ControlError, ExecRequest, ExecResponse, ServiceState, ServiceStatus, SmfAction, SmfRequest,
    ZoneState, ZoneStatus,
};

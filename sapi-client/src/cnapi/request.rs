//! CNAPI's calls as data.

use std::time::Duration;

use crate::cnapi::{Output, Script, Server, Task};
use crate::http::{AnswerKind, Call, Effect, Method, Request, json};
use crate::ids::{ServerUuid, TaskId};

/// CNAPI waits an hour for a script.
const EXECUTE_TIMEOUT: Duration = Duration::from_mins(61);

/// The things that CNAPI adds to each server of a list, at some cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Its agents.
    Agents,
    /// Its VMs.
    Vms,
    /// Its memory.
    Memory,
    /// Its disks.
    Disk,
    /// The facts that it tells about itself.
    Sysinfo,
    /// The capacity that it has left.
    Capacity,
    /// The time at which it was last heard of.
    LastHeartbeat,
}

impl Extra {
    fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Vms => "vms",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Sysinfo => "sysinfo",
            Self::Capacity => "capacity",
            Self::LastHeartbeat => "last_heartbeat",
        }
    }
}

/// The servers to list.
#[derive(Clone, Debug, Default)]
pub struct ServerFilter {
    /// Of this name.
    pub hostname: Option<String>,
    /// Those that can have VMs, or the others.
    pub setup: Option<bool>,
    /// Heads, or the others.
    pub headnode: Option<bool>,
    /// Those that new VMs are kept away from, or the others.
    pub reserved: Option<bool>,
    /// Those of these ids; all where it is empty.
    pub uuids: Vec<ServerUuid>,
    /// The things to add to each.
    pub extras: Vec<Extra>,
}

fn joined<I: IntoIterator<Item: ToString>>(items: I) -> Option<String> {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    (!items.is_empty()).then(|| items.join(","))
}

/// GET `/servers`: one page, ordered by UUID. CNAPI refuses parameters that it does not know.
pub fn list_servers(filter: &ServerFilter, limit: u32, offset: u64) -> Call<Vec<Server>> {
    let request = Request::get("/servers").query([
        ("hostname", filter.hostname.clone()),
        ("setup", filter.setup.map(|flag| flag.to_string())),
        ("headnode", filter.headnode.map(|flag| flag.to_string())),
        ("reserved", filter.reserved.map(|flag| flag.to_string())),
        ("uuids", joined(&filter.uuids)),
        ("extras", joined(filter.extras.iter().map(|extra| extra.as_str()))),
        ("limit", Some(limit.to_string())),
        ("offset", Some(offset.to_string())),
    ]);
    Call::new(request.answer(AnswerKind::List), json)
}

/// GET `/servers/:uuid`, with everything. It takes no parameters.
pub fn get_server(uuid: ServerUuid) -> Call<Server> {
    Call::new(Request::get(format!("/servers/{uuid}")), json)
}

/// POST `/servers/:uuid/execute`
pub fn execute(uuid: ServerUuid, script: &Script) -> Call<Output> {
    let mut request =
        Request::new(Method::Post, Effect::Once, format!("/servers/{uuid}/execute")).json(script);
    // What a script is given may be secret, whatever it is called.
    let values = script.env.as_map().values().filter_map(|value| value.as_str());
    for secret in script.args.iter().map(String::as_str).chain(values).chain([script.text.as_str()])
    {
        request.secrets.add(secret);
    }
    Call::new(request.timeout(EXECUTE_TIMEOUT), json)
}

/// GET `/tasks/:id`
pub fn get_task(id: TaskId) -> Call<Task> {
    Call::new(Request::get(format!("/tasks/{id}")), json)
}

/// GET `/tasks/:id/wait`: the task when it has ended, or as it is after so many seconds.
pub fn wait_for_task(id: TaskId, seconds: u64) -> Call<Task> {
    let request =
        Request::get(format!("/tasks/{id}/wait")).query([("timeout", Some(seconds.to_string()))]);
    Call::new(request.timeout(Duration::from_secs(seconds.saturating_add(30))), json)
}

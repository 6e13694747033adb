//! CNAPI: the compute nodes, and commands in their global zones.

mod execute;
mod list;
mod server;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use self::tasks::{Task, VmAction};
use super::http::{
    Answer, Api, ApiRequest, ApiServer, BODY_LIMIT, FaultPoint, Profile, RouteEntry,
};
use crate::layout::Server;
use crate::zones::Zones;

/// An emulated CNAPI over the zones of a lab. It has nothing to write down.
pub(crate) struct Cnapi {
    zones: Zones,
    started: jiff::Timestamp,
    /// Servers that do not answer.
    silent: Mutex<BTreeSet<Uuid>>,
    tasks: Mutex<BTreeMap<Uuid, Task>>,
}

/// CNAPI's routes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Ping,
    ListServers,
    GetServer,
    Execute,
    Vm(VmAction),
    GetTask,
    WaitTask,
}

const ROUTES: &[RouteEntry<Route>] = &[
    RouteEntry::new(Method::GET, "/ping", Route::Ping),
    RouteEntry::new(Method::GET, "/servers", Route::ListServers),
    RouteEntry::new(Method::GET, "/servers/:server_uuid", Route::GetServer),
    RouteEntry::new(Method::POST, "/servers/:server_uuid/execute", Route::Execute),
    RouteEntry::new(
        Method::POST,
        "/servers/:server_uuid/vms/:uuid/start",
        Route::Vm(VmAction::Start),
    ),
    RouteEntry::new(
        Method::POST,
        "/servers/:server_uuid/vms/:uuid/stop",
        Route::Vm(VmAction::Stop),
    ),
    RouteEntry::new(
        Method::POST,
        "/servers/:server_uuid/vms/:uuid/reboot",
        Route::Vm(VmAction::Reboot),
    ),
    RouteEntry::new(Method::GET, "/tasks/:taskid", Route::GetTask),
    RouteEntry::new(Method::GET, "/tasks/:taskid/wait", Route::WaitTask),
];

impl Cnapi {
    /// The CNAPI of a lab.
    pub(crate) fn new(zones: Zones) -> Arc<Self> {
        let started = jiff::Timestamp::now();
        Arc::new(Self { zones, started, silent: Mutex::default(), tasks: Mutex::default() })
    }

    /// Serves it on an address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        address: SocketAddr,
        faults: FaultPoint,
    ) -> io::Result<ApiServer> {
        ApiServer::start(address, Arc::new(Served(Arc::clone(self))), faults).await
    }

    /// Has a server look as if it did not answer, or as if it did again: its `status`, and that nothing is executed there.
    pub(crate) fn set_silent(&self, server: Uuid, silent: bool) {
        let mut servers = self.silent();
        if silent {
            servers.insert(server);
        } else {
            servers.remove(&server);
        }
    }

    fn silent(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server of a path.
    fn find(&self, request: &ApiRequest) -> Result<&Server, Answer> {
        let text = request.parameter("server_uuid");
        let uuid = text.parse::<Uuid>().ok().filter(|_| text.len() == 36);
        let uuid = uuid.ok_or_else(|| {
            Answer::error(StatusCode::CONFLICT, "InvalidArgument", "Invalid server_uuid")
        })?;
        let mut servers = self.zones.layout().servers.iter();
        servers.find(|server| server.uuid == uuid).ok_or_else(|| {
            let message = format!("Server {uuid} not found");
            Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", message)
        })
    }

    fn get_server(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let server = self.find(request)?;
        if let Some((name, _)) = request.query.iter().next() {
            return Err(unknown_parameter(name));
        }
        Ok(Answer::json(StatusCode::OK, &self.server_object(server)))
    }
}

/// 409: lists of CNAPI's parameters are closed.
fn unknown_parameter(name: &str) -> Answer {
    let message = format!("{name} is not an explicitly defined parameter");
    Answer::error(StatusCode::CONFLICT, "InvalidArgument", message)
}

/// 500: what CNAPI says to values of the wrong form.
fn invalid_parameters(errors: Value) -> Answer {
    let message = "Request parameters failed validation";
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InvalidParameters", message)
        .with_errors(errors)
}

/// An element of `errors`.
fn invalid(field: &str, message: &str) -> Value {
    json!({"field": field, "code": "Invalid", "message": message})
}

struct Served(Arc<Cnapi>);

impl Api for Served {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        Profile {
            server: "Compute Node API",
            routes: ROUTES,
            versions: None,
            indented: false,
            response_time: false,
            body_limit: BODY_LIMIT,
        }
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        let cnapi = &self.0;
        let answered = match route {
            Route::Ping => {
                let services = json!({"moray": "online", "ur": "online", "workflow": "online"});
                Ok(Answer::json(StatusCode::OK, &json!({"ready": true, "services": services})))
            }
            Route::ListServers => cnapi.list_servers(&request),
            Route::GetServer => cnapi.get_server(&request),
            Route::Execute => cnapi.execute(&request).await,
            Route::Vm(action) => cnapi.start_task(action, &request),
            Route::GetTask => cnapi.get_task(&request),
            Route::WaitTask => cnapi.wait_task(&request).await,
        };
        answered.unwrap_or_else(|refusal| refusal)
    }
}

//! The control API: a lab's zones, over HTTP.

use std::io;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::ControlError;
use crate::causes::Chain;
use crate::fault::{ActiveFault, Fault};
use crate::triton::ApiServer;
use crate::triton::http::{Answer, Api, ApiRequest, BODY_LIMIT, FaultPoint, Profile, RouteEntry};
use crate::zones::{ZoneError, Zones};

/// The reason why a request is refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The status of the answer.
    pub(crate) status: StatusCode,
    /// In words.
    pub(crate) message: String,
}

impl Refusal {
    /// The request is not what it should be.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    fn answer(self) -> Answer {
        Answer::json(self.status, &ControlError { message: self.message })
    }
}

impl From<ZoneError> for Refusal {
    fn from(error: ZoneError) -> Self {
        let status = match error {
            ZoneError::Unknown { .. }
            | ZoneError::UnknownServer { .. }
            | ZoneError::NoInstance { .. } => StatusCode::NOT_FOUND,
            ZoneError::Exists { .. } | ZoneError::State { .. } | ZoneError::Ambiguous { .. } => {
                StatusCode::CONFLICT
            }
            ZoneError::NoAddress { .. }
            | ZoneError::File { .. }
            | ZoneError::Account { .. }
            | ZoneError::Enter { .. }
            | ZoneError::Unsettled { .. }
            | ZoneError::Setup { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, message: Chain(&error).to_string() }
    }
}

/// The abilities of the control API beyond zones: the lab's part.
pub(crate) trait Hooks: Send + Sync + 'static {
    /// `GET /faults`: what is broken on purpose.
    fn faults(&self) -> impl Future<Output = Vec<ActiveFault>> + Send;

    /// `POST /faults`: breaks something.
    fn cause(&self, fault: Fault) -> impl Future<Output = Result<ActiveFault, Refusal>> + Send;

    /// `DELETE /faults` mends everything, `DELETE /faults/ID` one fault. Returns what was mended.
    fn heal(
        &self,
        id: Option<u64>,
    ) -> impl Future<Output = Result<Vec<ActiveFault>, Refusal>> + Send;

    /// `POST /stop`: the lab is to stop, after the answer.
    fn stop(&self);
}

/// The control API of a lab.
pub(crate) struct ControlServer<H> {
    zones: Zones,
    hooks: H,
}

/// Its routes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Lab,
    Zones,
    Zone,
    Processes,
    GlobalProcesses,
    Smf,
    Exec,
    ExecGlobal,
    Faults,
    AddFault,
    HealAll,
    Heal,
    Stop,
}

impl<H: Hooks> ControlServer<H> {
    const ROUTES: &[RouteEntry<Route>] = &[
        RouteEntry::new(Method::GET, "/lab", Route::Lab),
        RouteEntry::new(Method::GET, "/zones", Route::Zones),
        RouteEntry::new(Method::GET, "/zones/:uuid", Route::Zone),
        RouteEntry::new(Method::GET, "/zones/:uuid/processes", Route::Processes),
        RouteEntry::new(Method::GET, "/servers/:uuid/processes", Route::GlobalProcesses),
        RouteEntry::new(Method::POST, "/zones/:uuid/smf", Route::Smf),
        RouteEntry::new(Method::POST, "/zones/:uuid/exec", Route::Exec),
        RouteEntry::new(Method::POST, "/servers/:uuid/exec", Route::ExecGlobal),
        RouteEntry::new(Method::GET, "/faults", Route::Faults),
        RouteEntry::new(Method::POST, "/faults", Route::AddFault),
        RouteEntry::new(Method::DELETE, "/faults", Route::HealAll),
        RouteEntry::new(Method::DELETE, "/faults/:id", Route::Heal),
        RouteEntry::new(Method::POST, "/stop", Route::Stop),
    ];

    /// Serves it on a socket that listens.
    ///
    /// # Errors
    /// The socket does not tell its address.
    pub(crate) fn serve(listener: TcpListener, zones: Zones, hooks: H) -> io::Result<ApiServer> {
        ApiServer::on(listener, Arc::new(Self { zones, hooks }), FaultPoint::none())
    }

    async fn answer(&self, route: Route, request: &ApiRequest) -> Result<Answer, Refusal> {
        Ok(match route {
            Route::Lab => ok(self.zones.layout()),
            Route::Zones => ok(&self.zones.list()),
            Route::Zone => ok(&self.zones.status(uuid(request)?)?),
            Route::Processes => ok(&self.zones.processes(uuid(request)?)?),
            Route::GlobalProcesses => ok(&self.zones.global_processes(uuid(request)?)?),
            Route::Smf => ok(&self.zones.smf(uuid(request)?, &body(request)?).await?),
            Route::Exec => ok(&self.zones.exec(uuid(request)?, &body(request)?).await?),
            Route::ExecGlobal => {
                ok(&self.zones.exec_global(uuid(request)?, &body(request)?).await?)
            }
            Route::Faults => ok(&self.hooks.faults().await),
            Route::AddFault => ok(&self.hooks.cause(body(request)?).await?),
            Route::HealAll => ok(&self.hooks.heal(None).await?),
            Route::Heal => {
                let id = request.parameter("id");
                let id = id.parse().map_err(|_| Refusal::bad(format!("{id:?} is no number")))?;
                ok(&self.hooks.heal(Some(id)).await?)
            }
            Route::Stop => {
                self.hooks.stop();
                Answer::empty(StatusCode::ACCEPTED)
            }
        })
    }
}

impl<H: Hooks> Api for ControlServer<H> {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        Profile {
            server: "lab",
            routes: Self::ROUTES,
            versions: None,
            indented: false,
            response_time: false,
            body_limit: BODY_LIMIT,
        }
    }

    /// A command ends with the client that waits for it, as what `zlogin` runs ends with `zlogin`.
    fn gives_up(&self, route: Route) -> bool {
        matches!(route, Route::Exec | Route::ExecGlobal)
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        self.answer(route, &request).await.unwrap_or_else(Refusal::answer)
    }
}

fn ok(value: &impl Serialize) -> Answer {
    Answer::json(StatusCode::OK, value)
}

fn uuid(request: &ApiRequest) -> Result<Uuid, Refusal> {
    let text = request.parameter("uuid");
    text.parse().map_err(|_| Refusal::bad(format!("{text:?} is no UUID")))
}

fn body<T: DeserializeOwned>(request: &ApiRequest) -> Result<T, Refusal> {
    let json = request.json().ok_or_else(|| Refusal::bad("the body has to be JSON"))?;
    serde_json::from_value(json.clone())
        .map_err(|error| Refusal::bad(format!("the body is not understood: {error}")))
}

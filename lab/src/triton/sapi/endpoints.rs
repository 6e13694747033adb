//! SAPI's routes.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::http::{
    Answer, Api, ApiRequest, BODY_LIMIT, Content, Merge, Profile, RouteEntry, Versions, truthy,
};
use super::configs::{Family, etag};
use super::objects::{Kind, Object};
use super::{Master, Mode, Sapi};

/// The purpose of a path and a method.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    List(Kind),
    Create(Kind),
    Get(Kind),
    Update(Kind),
    Delete(Kind),
    Payload,
    Upgrade,
    Config,
    GetMode,
    SetMode,
    GetLogLevel,
    SetLogLevel,
    Ping,
    SyncCache,
}

/// In the order of the real server: `Allow` lists methods in it.
const ROUTES: &[RouteEntry<Route>] = &[
    RouteEntry::new(Method::POST, "/applications", Route::Create(Kind::Application)),
    RouteEntry::new(Method::GET, "/applications", Route::List(Kind::Application)),
    RouteEntry::new(Method::GET, "/applications/:uuid", Route::Get(Kind::Application)),
    RouteEntry::new(Method::PUT, "/applications/:uuid", Route::Update(Kind::Application)),
    RouteEntry::new(Method::DELETE, "/applications/:uuid", Route::Delete(Kind::Application)),
    RouteEntry::new(Method::POST, "/services", Route::Create(Kind::Service)),
    RouteEntry::new(Method::GET, "/services", Route::List(Kind::Service)),
    RouteEntry::new(Method::GET, "/services/:uuid", Route::Get(Kind::Service)),
    RouteEntry::new(Method::PUT, "/services/:uuid", Route::Update(Kind::Service)),
    RouteEntry::new(Method::DELETE, "/services/:uuid", Route::Delete(Kind::Service)),
    RouteEntry::new(Method::POST, "/instances", Route::Create(Kind::Instance)),
    RouteEntry::new(Method::GET, "/instances", Route::List(Kind::Instance)),
    RouteEntry::new(Method::GET, "/instances/:uuid", Route::Get(Kind::Instance)),
    RouteEntry::new(Method::GET, "/instances/:uuid/payload", Route::Payload),
    RouteEntry::new(Method::PUT, "/instances/:uuid", Route::Update(Kind::Instance)),
    RouteEntry::new(Method::PUT, "/instances/:uuid/upgrade", Route::Upgrade),
    RouteEntry::new(Method::DELETE, "/instances/:uuid", Route::Delete(Kind::Instance)),
    RouteEntry::new(Method::POST, "/manifests", Route::Create(Kind::Manifest)),
    RouteEntry::new(Method::GET, "/manifests", Route::List(Kind::Manifest)),
    RouteEntry::new(Method::GET, "/manifests/:uuid", Route::Get(Kind::Manifest)),
    RouteEntry::new(Method::DELETE, "/manifests/:uuid", Route::Delete(Kind::Manifest)),
    RouteEntry::new(Method::GET, "/configs/:uuid", Route::Config),
    RouteEntry::new(Method::GET, "/mode", Route::GetMode),
    RouteEntry::new(Method::POST, "/mode", Route::SetMode),
    RouteEntry::new(Method::GET, "/loglevel", Route::GetLogLevel),
    RouteEntry::new(Method::POST, "/loglevel", Route::SetLogLevel),
    RouteEntry::new(Method::GET, "/ping", Route::Ping),
    RouteEntry::new(Method::POST, "/cache", Route::SyncCache),
];

impl Api for Sapi {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        Profile {
            server: "sapi/2.1.3",
            routes: ROUTES,
            versions: Some(Versions { known: &[[1, 0, 0], [2, 0, 0]], absent: "~1" }),
            indented: false,
            response_time: false,
            body_limit: BODY_LIMIT,
        }
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        self.act(route, &request).await.unwrap_or_else(|refusal| refusal)
    }
}

impl Sapi {
    async fn act(&self, route: Route, request: &ApiRequest) -> Result<Answer, Answer> {
        let uuid = request.parameter("uuid");
        let said = params(request);
        let ok = StatusCode::OK;
        match route {
            Route::List(kind) => self.list(kind, &said, request.version),
            Route::Create(Kind::Instance) => {
                let instance = self.create_instance(said).await?;
                Ok(Answer::json(ok, &shown(Kind::Instance, instance, request.version)))
            }
            Route::Create(kind) => {
                let object = self.change(|model| model.create(kind, &said))?;
                Ok(Answer::json(ok, &shown(kind, object, request.version)))
            }
            Route::Get(kind) => {
                let model = self.model();
                if uuid.is_empty() && model.mode == Mode::Proto {
                    // The object's file would be the directory of all files.
                    let message = "EISDIR: illegal operation on a directory, read";
                    return Err(Answer::message(message));
                }
                let object = model.get(kind, uuid)?.clone();
                Ok(Answer::json(ok, &shown(kind, object, request.version)))
            }
            Route::Update(kind) => {
                let object = self.change(|model| model.update(kind, uuid, &said))?;
                Ok(Answer::json(ok, &shown(kind, object, request.version)))
            }
            Route::Delete(Kind::Instance) => {
                self.delete_instance(uuid).await?;
                Ok(Answer::empty(StatusCode::NO_CONTENT))
            }
            Route::Delete(kind) => {
                let found = self.change(|model| Ok(model.remove(kind, uuid)))?;
                let status = if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND };
                Ok(Answer::empty(status))
            }
            Route::Payload => {
                let model = self.model();
                let instance = model.get(Kind::Instance, uuid)?;
                Ok(Answer::json(ok, &Family::of(&model, instance)?.payload()))
            }
            Route::Upgrade => {
                let instance = self.upgrade(uuid, &said).await?;
                Ok(Answer::json(ok, &shown(Kind::Instance, instance, request.version)))
            }
            Route::Config => self.config(uuid, request).await,
            Route::GetMode => Ok(Answer::json(ok, &self.model().mode)),
            Route::SetMode => self.set_mode(&said),
            Route::GetLogLevel => Ok(Answer::json(ok, &json!({"level": self.model().log_level}))),
            Route::SetLogLevel => self.set_log_level(&said),
            Route::Ping => Ok(self.ping()),
            // All is in memory and on disk at once: there is no cache that could lag behind.
            Route::SyncCache => Ok(Answer::empty(StatusCode::NO_CONTENT)),
        }
    }

    fn list(&self, kind: Kind, said: &Object, version: u32) -> Result<Answer, Answer> {
        if said.get("include_master").is_some_and(truthy) && self.master == Master::Unknown {
            let message = "Parameter 'include_master' has been specified but this SAPI instance has not yet loaded \
                           master details";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Answer::error(status, "ServiceUnavailableError", message));
        }
        let names: &[&str] = match kind {
            Kind::Application => &["name", "owner_uuid"],
            Kind::Service => &["name", "application_uuid", "type"],
            Kind::Instance => &["service_uuid", "type"],
            Kind::Manifest => &[],
        };
        let mut filters: Vec<(&str, Value)> = names
            .iter()
            .filter_map(|name| {
                Some((*name, said.get(*name).filter(|value| truthy(value))?.clone()))
            })
            .collect();
        if version == 1 {
            let has = |wanted: &str| filters.iter().any(|(name, _)| *name == wanted);
            if kind == Kind::Instance && has("service_uuid") {
                filters.retain(|(name, _)| *name != "type");
            } else if matches!(kind, Kind::Service | Kind::Instance) && !has("type") {
                filters.push(("type", "vm".into()));
            }
        }
        let objects = self.model().list(kind, &filters);
        let objects = objects.into_iter().map(|object| shown(kind, object, version));
        Ok(Answer::json(StatusCode::OK, &objects.collect::<Vec<_>>()))
    }

    async fn config(&self, uuid: &str, request: &ApiRequest) -> Result<Answer, Answer> {
        let server = self.server(uuid).await?;
        let model = self.model();
        let family = Family::of(&model, model.get(Kind::Instance, uuid)?)?;
        let config = family.config(&model, server)?;
        let etag = etag(&config);
        let answer = if request.header("if-none-match") == Some(&etag) {
            Answer::empty(StatusCode::NOT_MODIFIED)
        } else {
            Answer::json(StatusCode::OK, &config)
        };
        Ok(answer.with_header("etag", &etag))
    }

    fn set_mode(&self, said: &Object) -> Result<Answer, Answer> {
        let refuse =
            |code: &str, message: String| Err(Answer::error(StatusCode::CONFLICT, code, message));
        match said.get("mode").filter(|mode| truthy(mode)) {
            None => refuse("MissingParameter", "missing \"mode\" parameter".to_owned()),
            Some(mode) if mode == "full" => self.change(|model| {
                model.mode = Mode::Full;
                Ok(Answer::empty(StatusCode::NO_CONTENT))
            }),
            Some(mode) => {
                let mode = mode.as_str().map_or_else(|| mode.to_string(), str::to_owned);
                refuse("InvalidArgument", format!("invalid mode: {mode}"))
            }
        }
    }

    fn set_log_level(&self, said: &Object) -> Result<Answer, Answer> {
        let level = match said.get("level") {
            Some(Value::Number(level)) => level.as_u64(),
            Some(Value::String(name)) => level(name),
            _ => None,
        };
        let Some(level) = level.and_then(|level| u32::try_from(level).ok()) else {
            let message = "missing \"level\" parameter";
            return Err(Answer::error(StatusCode::CONFLICT, "MissingParameter", message));
        };
        self.change(|model| {
            model.log_level = level;
            Ok(Answer::json(StatusCode::OK, &json!({"level": level})))
        })
    }

    fn ping(&self) -> Answer {
        let mode = self.model().mode;
        let storage = match mode {
            Mode::Proto => "LocalStorage",
            Mode::Full => "MorayLocalStorage",
        };
        let pong = json!({"mode": mode, "storType": storage, "storAvailable": true});
        Answer::json(StatusCode::OK, &pong)
    }
}

/// bunyan's levels, by name or number.
fn level(name: &str) -> Option<u64> {
    let names = ["trace", "debug", "info", "warn", "error", "fatal"];
    let levels = (10..).step_by(10);
    let found = names.iter().zip(levels).find(|(known, _)| **known == name);
    found.map(|(_, level)| level).or_else(|| name.parse().ok())
}

/// The one map that path, query and body are merged into. A JSON list or text takes the place of all of it.
fn params(request: &ApiRequest) -> Object {
    match &request.content {
        Content::Json(Value::Array(_) | Value::String(_)) => Object::new(),
        Content::Json(_) | Content::None | Content::Form(_) | Content::Other(_) => {
            request.merged(Merge::QueryWins)
        }
    }
}

/// An object as a version of the API shows it: the first knows no types of services and instances.
fn shown(kind: Kind, mut object: Object, version: u32) -> Object {
    if matches!(kind, Kind::Service | Kind::Instance)
        && let Some(value) = object.shift_remove("type")
        && version > 1
    {
        object.insert("type".to_owned(), value);
    }
    object
}

//! IMGAPI's routes.

use std::process;

use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::http::{Answer, Api, ApiRequest, Content, Profile, RouteEntry, Versions};
use super::errors::{
    field, invalid, invalid_as, no_image, not_found, sample, unauthorized, unprocessable,
    validation,
};
use super::files::{if_match, shown};
use super::image::{Image, tags};
use super::list::{account, boolean, list};
use super::validation::{check, check_mutable, refuse_extra, set_owner, survive_tags};
use super::{Imgapi, ImgapiMode, auth};

/// The greatest image file, in bytes. The real server takes 20 GiB.
const FILE_LIMIT: usize = 256 * 1024 * 1024;
/// The version of a manifest that `CreateImage` makes.
const MANIFEST_VERSION: u32 = 2;

/// The purpose of a path and a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Ping,
    List,
    Create,
    Get,
    Act,
    Delete,
    AddFile,
    GetFile,
    State,
}

/// In the order of the real server: `Allow` lists methods in it.
const ROUTES: &[RouteEntry<Route>] = &[
    RouteEntry::new(Method::GET, "/ping", Route::Ping),
    RouteEntry::new(Method::POST, "/state", Route::State),
    RouteEntry::new(Method::GET, "/images", Route::List),
    RouteEntry::new(Method::GET, "/images/:uuid", Route::Get),
    RouteEntry::raw(Method::PUT, "/images/:uuid/file", Route::AddFile),
    RouteEntry::new(Method::GET, "/images/:uuid/file", Route::GetFile),
    RouteEntry::new(Method::POST, "/images", Route::Create),
    RouteEntry::new(Method::POST, "/images/:uuid", Route::Act),
    RouteEntry::new(Method::DELETE, "/images/:uuid", Route::Delete),
];

impl Api for Imgapi {
    type Route = Route;

    fn profile(&self) -> Profile<Route> {
        Profile {
            server: "imgapi/4.13.1",
            routes: ROUTES,
            versions: Some(Versions { known: &[[1, 0, 0], [2, 0, 0]], absent: "~1" }),
            indented: true,
            response_time: true,
            body_limit: FILE_LIMIT,
        }
    }

    async fn handle(&self, route: Route, request: ApiRequest) -> Answer {
        self.act(route, &request).await.unwrap_or_else(|refusal| refusal)
    }
}

impl Imgapi {
    async fn act(&self, route: Route, request: &ApiRequest) -> Result<Answer, Answer> {
        if self.options.signed && route != Route::Ping {
            let reads = matches!(route, Route::List | Route::Get | Route::GetFile);
            auth::check(request, !reads)?;
        }
        let uuid = || image_uuid(request);
        match route {
            Route::Ping => Ok(self.ping(request)),
            Route::State => state(request),
            Route::List => {
                let found = list(&self.images(), &request.query, self.options.mode)?;
                Ok(Answer::json(StatusCode::OK, &found))
            }
            Route::Create => self.create(request),
            Route::Get => self.get(uuid()?, request),
            Route::Act => self.act_on(uuid()?, request),
            Route::Delete => self.delete(uuid()?, request),
            Route::AddFile => self.add_file(uuid()?, request),
            Route::GetFile => self.get_file(uuid()?, request).await,
        }
    }

    fn ping(&self, request: &ApiRequest) -> Answer {
        if let Some(error) = request.query.get("error") {
            return sample(error);
        }
        let mut pong = json!({"ping": "pong", "version": "4.13.1", "imgapi": true});
        if let (Value::Object(pong), ImgapiMode::Datacenter) = (&mut pong, self.options.mode) {
            pong.insert("pid".to_owned(), process::id().into());
        }
        Answer::json(StatusCode::OK, &pong)
    }

    /// The image that a request is about, if whoever it is for may see it.
    pub(super) fn find(&self, uuid: Uuid, request: &ApiRequest) -> Result<Image, Answer> {
        let account = account(&request.query)?;
        let image = self.images().get(&uuid).cloned();
        let image = image.ok_or_else(|| no_image(&uuid.to_string()))?;
        match account {
            Some(account) if !image.visible_to(account) => Err(not_found("image not found")),
            _ => Ok(image),
        }
    }

    /// Changes one image. The image as it is then.
    pub(super) fn change_image(
        &self,
        uuid: Uuid,
        change: impl FnOnce(&mut Image) -> Result<(), Answer>,
    ) -> Result<Image, Answer> {
        self.change(|images| {
            let image = images.get_mut(&uuid).ok_or_else(|| no_image(&uuid.to_string()))?;
            change(image)?;
            Ok(image.clone())
        })
    }

    fn get(&self, uuid: Uuid, request: &ApiRequest) -> Result<Answer, Answer> {
        let found = self.images().contains_key(&uuid);
        if self.misses(uuid, found) {
            account(&request.query)?;
            return Err(no_image(&uuid.to_string()));
        }
        let image = self.find(uuid, request)?;
        let admin_fields = boolean(&request.query, "inclAdminFields")?.unwrap_or(false);
        if admin_fields && self.options.mode != ImgapiMode::Datacenter {
            let message = "Unauthorized (auth required to use \"inclAdminFields\" parameter)";
            return Err(unauthorized(message));
        }
        let etag = image.etag(false);
        check_if_match(request, &etag)?;
        if request.header("if-none-match") == Some(&etag) {
            return Ok(Answer::empty(StatusCode::NOT_MODIFIED));
        }
        let answer = Answer::json(StatusCode::OK, &image.show(admin_fields));
        Ok(answer.with_header("etag", &image.etag(admin_fields)))
    }

    fn act_on(&self, uuid: Uuid, request: &ApiRequest) -> Result<Answer, Answer> {
        let action = request.query.get("action");
        if action == Some("import") {
            return self.import(uuid, request);
        }
        let image = self.find(uuid, request)?;
        check_if_match(request, &image.etag(false))?;
        let changed = match action {
            Some("activate") => {
                self.change_image(uuid, |image| activate(image, (self.options.clock)()))
            }
            Some("enable" | "disable") => self.change_image(uuid, |image| {
                image.disable(action == Some("disable"));
                Ok(())
            }),
            Some("update") => self.update(uuid, request),
            Some(other) => Err(invalid("action", format!("\"{other}\" is not a valid action"))),
            None => {
                let message = "no image \"action\" was specified";
                Err(invalid_as("action", "MissingParameter", message))
            }
        }?;
        Ok(shown(&changed))
    }

    /// `AdminImportImage`. The order of its checks is the real server's.
    fn import(&self, uuid: Uuid, request: &ApiRequest) -> Result<Answer, Answer> {
        if account(&request.query)?.is_some() {
            let message = "this endpoint may only be called by an operator";
            return Err(Answer::error(StatusCode::FORBIDDEN, "OperatorOnly", message));
        }
        let skip_owner = boolean(&request.query, "skip_owner_check")?.unwrap_or(false);
        let body = body(request).ok_or_else(Answer::cut)?;
        let said = match body.get("uuid") {
            None => "undefined".to_owned(),
            Some(Value::String(said)) => said.clone(),
            Some(other) => other.to_string(),
        };
        if said != uuid.to_string() {
            let message = format!("URL UUID, \"{uuid}\" and body UUID, \"{said}\" do not match");
            return Err(invalid("uuid", message));
        }
        if self.images().contains_key(&uuid) {
            let message = format!("image uuid \"{uuid}\" already exists");
            return Err(Answer::error(StatusCode::CONFLICT, "ImageUuidAlreadyExists", message));
        }
        self.store(body, skip_owner)
    }

    /// `CreateImage`.
    fn create(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let mut body = body(request).ok_or_else(Answer::cut)?;
        if body.contains_key("uuid") {
            return refuse_extra(&["uuid"]).map(|()| Answer::cut());
        }
        body.insert("v".to_owned(), MANIFEST_VERSION.into());
        body.insert("uuid".to_owned(), Uuid::new_v4().to_string().into());
        self.store(body, false)
    }

    fn store(&self, mut body: Map<String, Value>, skip_owner: bool) -> Result<Answer, Answer> {
        set_owner(&mut body, &self.options)?;
        survive_tags(&body)?;
        check(&body, self.options.mode)?;
        let image = Image::new(body);
        if !skip_owner {
            self.check_owner(&image)?;
        }
        let uuid = Uuid::try_parse(image.text("uuid")).map_err(|_| Answer::cut())?;
        let stored = self.change(|images| {
            let origin = image.text("origin");
            if !origin.is_empty()
                && !Uuid::try_parse(origin).is_ok_and(|origin| images.contains_key(&origin))
            {
                let message = format!("origin image \"{origin}\" does not exist");
                return Err(unprocessable("OriginDoesNotExist", message));
            }
            images.insert(uuid, image.clone());
            Ok(image)
        })?;
        Ok(shown(&stored))
    }

    fn check_owner(&self, image: &Image) -> Result<(), Answer> {
        let owner = image.text("owner");
        let unknown = self.options.unknown_accounts.as_deref();
        let known = !unknown.is_some_and(|prefix| owner.starts_with(prefix));
        if known || self.options.mode != ImgapiMode::Datacenter {
            return Ok(());
        }
        let message = format!("owner \"{owner}\" does not exist");
        Err(unprocessable("OwnerDoesNotExist", message))
    }

    fn update(&self, uuid: Uuid, request: &ApiRequest) -> Result<Image, Answer> {
        let changes = match &request.content {
            Content::Json(Value::Null) => return Err(Answer::cut()),
            Content::Json(Value::Object(changes)) => changes.clone(),
            Content::Json(_) | Content::Form(_) => Map::new(),
            Content::None | Content::Other(_) => {
                let errors = vec![field("body", "MissingParameter", None)];
                return Err(validation("missing request body", errors));
            }
        };
        check_mutable(&changes)?;
        if !changes.get("tags").is_some_and(Value::is_null) {
            survive_tags(&changes)?;
        }
        let mode = self.options.mode;
        self.change_image(uuid, |image| {
            for (name, value) in &changes {
                match (name.as_str(), value) {
                    // Kept, but not found by searches any more.
                    ("tags", Value::Null) => image.searched_tags = Map::new(),
                    ("state", Value::String(state)) => state.clone_into(&mut image.state),
                    (_, Value::Null) => {
                        image.manifest.shift_remove(name);
                    }
                    (_, value) => {
                        image.manifest.insert(name.clone(), value.clone());
                    }
                }
            }
            if changes.get("tags").is_some_and(Value::is_object) {
                image.searched_tags = tags(&image.manifest);
            }
            check(&image.manifest, mode)?;
            if changes.contains_key("owner") { self.check_owner(image) } else { Ok(()) }
        })
    }

    fn delete(&self, uuid: Uuid, request: &ApiRequest) -> Result<Answer, Answer> {
        self.find(uuid, request)?;
        self.change(|images| {
            let origin = uuid.to_string();
            if images.values().any(|image| image.text("origin") == origin) {
                let message = format!("image \"{uuid}\" has dependent images");
                return Err(unprocessable("ImageHasDependentImages", message));
            }
            Ok(images.remove(&uuid))
        })?;
        self.discard_files(uuid);
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }
}

fn activate(image: &mut Image, now: Timestamp) -> Result<(), Answer> {
    let uuid = image.text("uuid");
    if image.activated {
        let message = format!("image \"{uuid}\" is already activated");
        return Err(unprocessable("ImageAlreadyActivated", message));
    }
    if image.file.is_none() {
        let message = format!("image \"{uuid}\" cannot be activated: it has no file");
        return Err(unprocessable("NoActivationNoFile", message));
    }
    image.activate(now);
    Ok(())
}

/// `AdminUpdateState`: caches are dropped, of which there are none.
fn state(request: &ApiRequest) -> Result<Answer, Answer> {
    match request.query.get("action") {
        Some("dropcaches") => Ok(Answer::empty(StatusCode::ACCEPTED)),
        Some(other) => Err(invalid("action", format!("\"{other}\" is not a valid action"))),
        None => Err(invalid_as("action", "MissingParameter", "no \"action\" was specified")),
    }
}

/// The image in the path. What is no uuid in lower case is no image's path.
fn image_uuid(request: &ApiRequest) -> Result<Uuid, Answer> {
    let text = request.parameter("uuid");
    match Uuid::try_parse(text) {
        Ok(uuid) if uuid.to_string() == text => Ok(uuid),
        _ => Err(not_found(format!("{} does not exist", request.target))),
    }
}

fn check_if_match(request: &ApiRequest, etag: &str) -> Result<(), Answer> {
    let Some(complaint) = if_match(request, etag) else { return Ok(()) };
    let status = StatusCode::PRECONDITION_FAILED;
    Err(Answer::error(status, "PreconditionFailed", complaint))
}

/// The members of the body. `None` where the real server's process ends for want of one.
fn body(request: &ApiRequest) -> Option<Map<String, Value>> {
    match &request.content {
        Content::Json(Value::Object(body)) => Some(body.clone()),
        Content::Json(Value::Null) | Content::None => None,
        // A text or a list has no members; bytes are none at all.
        Content::Json(_) | Content::Form(_) => Some(Map::new()),
        Content::Other(_) => {
            let kind = request.header("content-type").unwrap_or("application/octet-stream");
            (!kind.starts_with("application/octet-stream")).then(Map::new)
        }
    }
}

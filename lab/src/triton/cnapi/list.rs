//! `GET /servers`: strict parameters, filters, pages.

use hyper::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::http::{Answer, ApiRequest};
use super::server::{EXTRA_NAMES, with_extras};
use super::{Cnapi, invalid, invalid_parameters, unknown_parameter};

/// The most servers of an answer, and how many without `limit`.
const PAGE: usize = 1000;

/// The wishes for a list.
#[derive(Debug)]
struct Wanted {
    /// Members that are true or false.
    flags: Vec<(String, bool)>,
    hostname: Option<String>,
    uuids: Option<Vec<String>>,
    extras: Vec<String>,
    fields: Option<Vec<String>>,
    limit: usize,
    offset: usize,
}

impl Cnapi {
    pub(super) fn list_servers(&self, request: &ApiRequest) -> Result<Answer, Answer> {
        let wanted = Wanted::parse(request.query.iter())?;
        let mut servers: Vec<_> = self.zones.layout().servers.iter().collect();
        servers.sort_by_key(|server| server.uuid.to_string());
        let objects = servers.into_iter().map(|server| self.server_object(server));
        let page: Vec<Value> = objects
            .filter(|object| wanted.includes(object))
            .skip(wanted.offset)
            .take(wanted.limit)
            .map(|object| Value::Object(wanted.shape(object)))
            .collect();
        Ok(Answer::json(StatusCode::OK, &page))
    }
}

impl Wanted {
    fn parse<'q>(query: impl Iterator<Item = (&'q str, &'q str)>) -> Result<Self, Answer> {
        let mut wanted = Self {
            flags: Vec::new(),
            hostname: None,
            uuids: None,
            extras: Vec::new(),
            fields: None,
            limit: PAGE,
            offset: 0,
        };
        let mut errors = Vec::new();
        let list = |value: &str| value.split(',').map(str::to_owned).collect::<Vec<_>>();
        for (name, value) in query {
            match name {
                "setup" | "headnode" | "reserved" | "reservoir" => match value.parse() {
                    Ok(flag) => wanted.flags.push((name.to_owned(), flag)),
                    Err(_) => errors.push(invalid(name, "must be a boolean")),
                },
                "hostname" => wanted.hostname = Some(value.to_owned()),
                "uuids" => {
                    let uuids = list(value);
                    if uuids.iter().any(|uuid| uuid.parse::<Uuid>().is_err()) {
                        errors.push(invalid(name, "must be comma-separated UUIDs"));
                    }
                    wanted.uuids = Some(uuids);
                }
                "extras" => {
                    wanted.extras = list(value);
                    let known = |extra: &str| extra == "all" || EXTRA_NAMES.contains(&extra);
                    if !wanted.extras.iter().all(|extra| known(extra)) {
                        errors.push(invalid(name, "has an unknown extra"));
                    }
                }
                "fields" => wanted.fields = Some(list(value)),
                "limit" => match value.parse() {
                    Ok(limit) if (1..=PAGE).contains(&limit) => wanted.limit = limit,
                    Ok(_) => {
                        let message = format!("limit must be between 1 and {PAGE}");
                        let status = StatusCode::BAD_REQUEST;
                        return Err(Answer::error(status, "InvalidParameters", message));
                    }
                    Err(_) => errors.push(invalid(name, "must be a number")),
                },
                "offset" => match value.parse() {
                    Ok(offset) => wanted.offset = offset,
                    Err(_) => errors.push(invalid(name, "must be a number")),
                },
                _ => return Err(unknown_parameter(name)),
            }
        }
        if errors.is_empty() { Ok(wanted) } else { Err(invalid_parameters(Value::Array(errors))) }
    }

    fn includes(&self, server: &Map<String, Value>) -> bool {
        let text = |name: &str| server.get(name).and_then(Value::as_str).unwrap_or_default();
        self.flags.iter().all(|(name, flag)| server.get(name) == Some(&Value::Bool(*flag)))
            && self.hostname.as_ref().is_none_or(|hostname| text("hostname") == hostname)
            && self.uuids.as_ref().is_none_or(|uuids| uuids.iter().any(|it| text("uuid") == it))
    }

    fn shape(&self, server: Map<String, Value>) -> Map<String, Value> {
        let extras: Vec<&str> = self.extras.iter().map(String::as_str).collect();
        let server = with_extras(server, &extras);
        match &self.fields {
            None => server,
            Some(fields) => server.into_iter().filter(|(name, _)| fields.contains(name)).collect(),
        }
    }
}

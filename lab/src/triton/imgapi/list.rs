//! `ListImages`: which images a query is for, in which order, from where.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::http::{Answer, Query};
use super::errors::{invalid, no_image, unauthorized};
use super::image::Image;
use super::{Images, ImgapiMode};

/// The most images that a list has.
const LIMIT: usize = 1000;
const STATES: [&str; 6] = ["active", "disabled", "unactivated", "all", "creating", "failed"];

/// The images of a query, as they are shown.
pub(super) fn list(images: &Images, query: &Query, mode: ImgapiMode) -> Result<Vec<Value>, Answer> {
    let account = account(query)?;
    let admin_fields = boolean(query, "inclAdminFields")?.unwrap_or(false);
    if admin_fields && mode != ImgapiMode::Datacenter {
        let message = "Unauthorized (auth required to use \"inclAdminFields\" parameter)";
        return Err(unauthorized(message));
    }
    let values = query.values();
    let limit = limit(query)?;
    let state = query.get("state").unwrap_or("active");
    if !STATES.contains(&state) {
        return Err(invalid("state", format!("invalid state: \"{state}\"")));
    }
    let from = marker(images, query)?;
    let ascending = sort(query)?;
    // A value that is no boolean ends the real server's process.
    boolean(query, "public").map_err(|_| Answer::cut())?;
    let state = match (mode, state) {
        (ImgapiMode::Datacenter, state) => state,
        // Nobody is known, so only what is active is shown.
        (ImgapiMode::Public | ImgapiMode::Private, "all" | "active") => "active",
        (ImgapiMode::Public | ImgapiMode::Private, _) => return Ok(Vec::new()),
    };
    let mut found: Vec<&Image> = images
        .values()
        .filter(|image| state == "all" || image.state == state)
        .filter(|image| account.is_none_or(|account| image.visible_to(account)))
        .filter(|image| matches(image, &values))
        .collect();
    found.sort_by(|one, other| {
        let order = one.published().cmp(&other.published());
        if ascending { order } else { order.reverse() }
    });
    let shown = found
        .into_iter()
        .filter(|image| {
            from.is_none_or(|from| match image.published().cmp(&Some(from)) {
                Ordering::Equal => true,
                Ordering::Greater => ascending,
                Ordering::Less => !ascending,
            })
        })
        .take(limit)
        .map(|image| image.show(admin_fields));
    Ok(shown.collect())
}

fn matches(image: &Image, query: &Map<String, Value>) -> bool {
    query.iter().all(|(name, wanted)| {
        // A name that comes twice is a list, and nothing is equal to a list.
        let wanted = wanted.as_str();
        if let Some(tag) = name.strip_prefix("tag.") {
            return wanted.is_some_and(|wanted| image.has_tag(tag, wanted));
        }
        match name.as_str() {
            "name" | "version" => wanted.is_some_and(|wanted| match wanted.strip_prefix('~') {
                Some(part) => image.text(name).contains(part),
                None => image.text(name) == wanted,
            }),
            "owner" | "os" => wanted.is_some_and(|wanted| image.text(name) == wanted),
            "type" => wanted.is_some_and(|wanted| match wanted.strip_prefix('!') {
                Some(other) => image.text(name) != other,
                None => image.text(name) == wanted,
            }),
            "public" => wanted.is_some_and(|wanted| image.is_public() == (wanted == "true")),
            "billing_tag" => wanted.is_some_and(|wanted| {
                let tags = image.manifest.get("billing_tags").and_then(Value::as_array);
                tags.is_some_and(|tags| tags.iter().any(|tag| tag == wanted))
            }),
            _ => true,
        }
    })
}

/// `account`: who asks, on whose behalf the client works.
pub(super) fn account(query: &Query) -> Result<Option<Uuid>, Answer> {
    let Some(account) = query.get("account").filter(|account| !account.is_empty()) else {
        return Ok(None);
    };
    Uuid::try_parse(account)
        .map(Some)
        .map_err(|_| invalid("account", format!("invalid \"account\": not a UUID: \"{account}\"")))
}

/// A parameter that is `true` or `false`.
pub(super) fn boolean(query: &Query, name: &str) -> Result<Option<bool>, Answer> {
    match query.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => {
            let message =
                format!("invalid value for \"{name}\" param: \"{other}\" is not a boolean");
            Err(invalid(name, message))
        }
    }
}

fn limit(query: &Query) -> Result<usize, Answer> {
    let Some(text) = query.get("limit") else { return Ok(LIMIT) };
    match text.parse() {
        Ok(0) => Ok(usize::MAX),
        Ok(limit) => Ok(limit),
        // The real server blames the wrong field.
        Err(_) => Err(invalid("state", format!("invalid limit: \"{text}\""))),
    }
}

/// The beginning of the list: an image, which is on the list itself, or a time.
fn marker(images: &Images, query: &Query) -> Result<Option<Timestamp>, Answer> {
    let Some(marker) = query.get("marker") else { return Ok(None) };
    if let Ok(uuid) = Uuid::try_parse(marker) {
        let image = images.get(&uuid).ok_or_else(|| no_image(marker))?;
        return Ok(image.published());
    }
    let date = marker.parse::<Timestamp>().map_err(|_| {
        let message = format!(
            "invalid value for \"marker\" param: \"{marker}\" is not a UUID or date string"
        );
        invalid("marker", message)
    })?;
    Ok(Some(date))
}

/// Tells whether older images come first.
fn sort(query: &Query) -> Result<bool, Answer> {
    let Some(sort) = query.get("sort") else { return Ok(true) };
    let (attribute, order) = sort.split_once('.').unwrap_or((sort, "asc"));
    match (attribute, order) {
        ("published_at", "asc") => Ok(true),
        ("published_at", "desc") => Ok(false),
        ("published_at", _) => {
            Err(invalid("sort", format!("invalid 'sort': not a valid sorting order: '{order}'")))
        }
        _ => {
            let message = format!("invalid 'sort': not a valid sorting attribute: '{attribute}'");
            Err(invalid("sort", message))
        }
    }
}

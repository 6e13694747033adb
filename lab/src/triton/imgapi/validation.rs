//! The members that a manifest must have, can have, and cannot have.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::super::http::Answer;
use super::errors::{field, invalid, unprocessable, validation};
use super::{ImgapiMode, ImgapiOptions};

/// All members that a manifest can have.
const MEMBERS: [&str; 28] = [
    "v",
    "uuid",
    "owner",
    "name",
    "version",
    "state",
    "disabled",
    "public",
    "published_at",
    "type",
    "os",
    "files",
    "description",
    "homepage",
    "eula",
    "icon",
    "urn",
    "acl",
    "requirements",
    "users",
    "inherited_directories",
    "generate_passwords",
    "origin",
    "tags",
    "billing_tags",
    "traits",
    "error",
    "channels",
];
/// Members that only images of type `zvol` can have.
const ZVOL_MEMBERS: [&str; 4] = ["nic_driver", "disk_driver", "cpu_type", "image_size"];
/// Members that an update can change.
const MUTABLE: [&str; 20] = [
    "owner",
    "name",
    "version",
    "description",
    "homepage",
    "eula",
    "public",
    "os",
    "acl",
    "requirements",
    "users",
    "tags",
    "billing_tags",
    "traits",
    "generate_passwords",
    "inherited_directories",
    "state",
    "error",
    "icon",
    "urn",
];

const TYPES: [&str; 6] = ["zone-dataset", "zvol", "lx-dataset", "lxd", "docker", "other"];
const SYSTEMS: [&str; 6] = ["smartos", "linux", "windows", "bsd", "illumos", "other"];

/// The longest name, in characters.
const LONGEST_NAME: usize = 1024;
/// The longest version, in characters.
const LONGEST_VERSION: usize = 512;
/// The longest description, in bytes.
const LONGEST_DESCRIPTION: usize = 10 * 1024;

/// The owner of all images where images have no owners.
const NOBODY: Uuid = Uuid::nil();

/// Sets the owner as the mode wants it. Where owners are accounts, one that is no uuid ends the real server's process.
pub(super) fn set_owner(
    manifest: &mut Map<String, Value>,
    options: &ImgapiOptions,
) -> Result<(), Answer> {
    let owner = match options.mode {
        ImgapiMode::Public | ImgapiMode::Private => NOBODY,
        ImgapiMode::Datacenter => {
            let owner = manifest.get("owner").and_then(Value::as_str);
            match owner.and_then(|owner| Uuid::try_parse(owner).ok()) {
                None => return Err(Answer::cut()),
                Some(NOBODY) => options.admin,
                Some(owner) => owner,
            }
        }
    };
    manifest.insert("owner".to_owned(), owner.to_string().into());
    Ok(())
}

/// Tags that are there and neither an object nor a list end the real server's process.
pub(super) fn survive_tags(manifest: &Map<String, Value>) -> Result<(), Answer> {
    match manifest.get("tags") {
        None | Some(Value::Object(_) | Value::Array(_)) => Ok(()),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            Err(Answer::cut())
        }
    }
}

/// Checks a manifest that is to be stored.
pub(super) fn check(manifest: &Map<String, Value>, mode: ImgapiMode) -> Result<(), Answer> {
    let zvol = manifest.get("type").is_some_and(|kind| kind == "zvol");
    let known = |name: &str| MEMBERS.contains(&name) || (zvol && ZVOL_MEMBERS.contains(&name));
    let extra: Vec<&str> =
        manifest.keys().map(String::as_str).filter(|name| !known(name)).collect();
    refuse_extra(&extra)?;
    if manifest.get("published_at").is_some_and(|date| !date.is_string()) {
        return Err(invalid("published_at", "invalid \"published_at\""));
    }
    let mut errors = Vec::new();
    for (name, check) in CHECKS {
        match manifest.get(*name) {
            None => {
                if REQUIRED.contains(name) {
                    errors.push(field(name, "MissingParameter", None));
                }
            }
            Some(value) => errors.extend(check(value, mode).map(|complaint| {
                field(name, "Invalid", Some(complaint.as_str()).filter(|words| !words.is_empty()))
            })),
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = errors.iter().filter_map(|error| error.get("field")?.as_str()).collect();
    Err(validation(format!("invalid image data: {}", names.join(", ")), errors))
}

/// Refuses members that there are not.
pub(super) fn refuse_extra(extra: &[&str]) -> Result<(), Answer> {
    if extra.is_empty() {
        return Ok(());
    }
    let quoted: Vec<String> = extra.iter().map(|name| format!("\"{name}\"")).collect();
    let errors = extra.iter().map(|name| field(name, "Invalid", None)).collect();
    let message = format!("invalid extra parameters: {}", quoted.join(", "));
    Err(unprocessable("InvalidParameter", message).with_errors(Value::Array(errors)))
}

/// Checks which members an update names.
pub(super) fn check_mutable(changes: &Map<String, Value>) -> Result<(), Answer> {
    if changes.is_empty() {
        let message = "invalid image update data: no parameters provided";
        return Err(validation(message, Vec::new()));
    }
    let mut names = Vec::new();
    let mut errors = Vec::new();
    for name in changes.keys().filter(|name| !MUTABLE.contains(&name.as_str())) {
        let message = match name.as_str() {
            "files" => "Can only be updated on unactivated images",
            _ => "Parameter cannot be updated",
        };
        names.push(name.as_str());
        errors.push(field(name, "NotAllowed", Some(message)));
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(validation(format!("invalid image update data: {}", names.join(", ")), errors))
}

const REQUIRED: [&str; 5] = ["v", "name", "version", "type", "os"];

/// Tells what is wrong with a value. An empty text: it is wrong, and the real server does not say why.
type Check = fn(&Value, ImgapiMode) -> Option<String>;

/// In the order in which the real server complains.
const CHECKS: &[(&str, Check)] = &[
    ("v", |value, _| (!value.is_number()).then(String::new)),
    ("owner", |value, _| {
        let owner = value.as_str().and_then(|owner| Uuid::try_parse(owner).ok());
        owner.is_none().then(String::new)
    }),
    ("name", |value, _| words(value, LONGEST_NAME, "._/ -")),
    ("version", |value, _| words(value, LONGEST_VERSION, "._/+-")),
    ("public", public),
    ("published_at", |value, _| date(value)),
    ("type", |value, _| one_of(value, "type", &TYPES)),
    ("os", |value, _| one_of(value, "os", &SYSTEMS)),
    ("description", |value, _| {
        let fits = value.as_str().is_some_and(|text| text.len() <= LONGEST_DESCRIPTION);
        (!fits).then(String::new)
    }),
    ("tags", |value, _| {
        (!value.is_object()).then(|| format!("invalid image \"tags\" (not an object): {value}"))
    }),
];

fn words(value: &Value, longest: usize, others: &str) -> Option<String> {
    let fits = value.as_str().is_some_and(|text| {
        let known = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !text.is_empty() && text.len() <= longest && text.chars().all(known)
    });
    (!fits).then(String::new)
}

fn public(value: &Value, mode: ImgapiMode) -> Option<String> {
    let public = match value {
        Value::Bool(public) => *public,
        Value::String(text) if text == "true" => true,
        Value::String(text) if text == "false" => false,
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            return Some(format!("TypeError: invalid value for \"undefined\": {value}"));
        }
    };
    match mode {
        ImgapiMode::Public if !public => {
            Some("private images are not allowed on a public Images API".to_owned())
        }
        ImgapiMode::Private if public => {
            Some("public images are not allowed on a private Images API".to_owned())
        }
        ImgapiMode::Public | ImgapiMode::Private | ImgapiMode::Datacenter => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SS(.SSS)Z`
fn date(value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let digits: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let shaped = matches!(digits.as_str(), "0000-00-00T00:00:00Z" | "0000-00-00T00:00:00.000Z");
    let fits = shaped && text.parse::<jiff::Timestamp>().is_ok();
    (!fits).then(|| "published_at date not in \"YYYY-MM-DDTHH:MM:SS(.SSS)Z\" format".to_owned())
}

fn one_of(value: &Value, what: &str, known: &[&str]) -> Option<String> {
    let fits = value.as_str().is_some_and(|text| known.contains(&text));
    (!fits).then(|| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("invalid image {what}, \"{shown}\", must be one of: {}", known.join(", "))
    })
}

//! `sapiadm`: objects of SAPI.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::control::{Api, Body};
use super::imgadm::read_object;
use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Session};

pub(super) const USAGE: &str = "sapiadm get UUID
       sapiadm update UUID params.KEY=VALUE|metadata.KEY=VALUE|manifests.KEY=VALUE
       sapiadm update UUID [-f FILE]       (or the changes as JSON on stdin)
       sapiadm provision SERVICE_UUID | -f FILE
       sapiadm reprovision INSTANCE_UUID IMAGE_UUID";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let Some((verb, args)) = args.split_first() else { return usage("no subcommand") };
    let options = Grammar::new("f:").parse(args)?;
    let sapi =
        || async { Ok::<_, Failure>(Api::at(session.control()?.layout().await?.block.sapi())) };
    let file = options.value('f');
    match (verb.as_str(), options.operands.as_slice()) {
        ("get", [uuid]) => match find(&sapi().await?, uuid).await? {
            Some((_, object)) => {
                session.print(format!("{}\n", with_indent_of_four(&object)));
            }
            None => session.print(format!("no such object: {uuid}\n")),
        },
        ("update", [uuid]) => {
            let changes = match file {
                Some(path) => read_object(path)?,
                None => parse(&session.input()?)?,
            };
            update(session, &sapi().await?, uuid, changes).await?;
        }
        ("update", [uuid, change]) => {
            update(session, &sapi().await?, uuid, parse_change(change)?).await?;
        }
        ("provision", operands) => {
            let body = match (operands, file) {
                ([service], None) => {
                    Map::from_iter([("service_uuid".to_owned(), Value::from(service.as_str()))])
                }
                ([], Some(path)) => read_object(path)?,
                ([], None) => parse(&session.input()?)?,
                _ => return usage("one service, or a file"),
            };
            let instance: Value =
                sapi().await?.call(Method::POST, "/instances", Value::Object(body)).await?;
            let uuid = instance.get("uuid").and_then(Value::as_str).unwrap_or_default();
            session.print(format!("Provisioned instance {uuid} successfully\n"));
        }
        ("reprovision", [instance, image]) => {
            let path = format!("/instances/{instance}/upgrade");
            let _answer: Value =
                sapi().await?.call(Method::PUT, &path, json!({"image_uuid": image})).await?;
            session.print(format!("Reprovisioned {instance} successfully\n"));
        }
        ("get" | "update" | "reprovision", _) => return usage("wrong number of operands"),
        (other, _) => return usage(format!("unknown subcommand: {other}")),
    }
    Ok(0)
}

/// The object of a UUID, whatever it is, and where it is.
async fn find(sapi: &Api, uuid: &str) -> Result<Option<(String, Value)>, Failure> {
    for kind in ["applications", "services", "instances"] {
        let path = format!("/{kind}/{uuid}");
        let answer = sapi.send(Method::GET, &path, Body::Empty).await?;
        if answer.status != 404 {
            return Ok(Some((path, answer.json("GET")?)));
        }
    }
    Ok(None)
}

/// An unknown object is no failure to this tool.
async fn update(
    session: &Session,
    sapi: &Api,
    uuid: &str,
    mut changes: Map<String, Value>,
) -> Result<(), Failure> {
    let Some((path, _)) = find(sapi, uuid).await? else {
        session.print(format!("no such object: {uuid}\n"));
        return Ok(());
    };
    changes.entry("action").or_insert_with(|| Value::from("update"));
    let _answer: Value = sapi.call(Method::PUT, &path, Value::Object(changes)).await?;
    Ok(())
}

fn parse(text: &[u8]) -> Result<Map<String, Value>, Failure> {
    serde_json::from_slice(text).map_err(|_| Failure::new("sapiadm: error: input is invalid JSON"))
}

/// `metadata.KEY=VALUE`. The value is a text, and ends at a second `=`.
fn parse_change(change: &str) -> Result<Map<String, Value>, Failure> {
    let refuse = |message: String| Err(Failure::new(format!("sapiadm update: error: {message}")));
    let mut parts = change.split('=');
    let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
        return refuse("invalid syntax".to_owned());
    };
    let Some((attribute, field)) = key.split_once('.') else {
        return refuse("missing update type".to_owned());
    };
    let attribute = attribute.to_lowercase();
    if !matches!(attribute.as_str(), "params" | "metadata" | "manifests") {
        return refuse(
            "invalid type (must be one of \"params\", \"metadata\", or \"manifests\")".to_owned(),
        );
    }
    if field.contains('.') {
        return refuse(format!(
            "{field} is within another object: such changes need -f, or JSON on stdin"
        ));
    }
    let fields = Map::from_iter([(field.to_owned(), Value::from(value.trim()))]);
    Ok(Map::from_iter([(attribute, Value::Object(fields))]))
}

/// JSON as `JSON.stringify(value, null, 4)` writes it.
pub(super) fn with_indent_of_four(value: &Value) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_of_one_text() {
        let change =
            |text: &str| parse_change(text).map(|change| Value::Object(change).to_string());
        assert_eq!(change("metadata.SHARD=3").unwrap(), r#"{"metadata":{"SHARD":"3"}}"#);
        assert_eq!(change("params.alias= a=b").unwrap(), r#"{"params":{"alias":"a"}}"#);
        for bad in ["metadata.SHARD", "SHARD=3", "tags.x=1", "metadata.a.b=1"] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }
}

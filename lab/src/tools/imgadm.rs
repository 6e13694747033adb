//! `sdc-imgadm`: images of an IMGAPI.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use reqwest::Method;
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use uuid::Uuid;

use super::control::{Answer, Api, Body};
use super::options::{Grammar, Options, usage};
use super::session::{Ending, Failure, Session};

pub(super) const USAGE: &str = "sdc-imgadm list [-jH] [-o FIELD,...] [FILTER=VALUE]...
       sdc-imgadm get UUID
       sdc-imgadm get-file UUID [-o FILE]
       sdc-imgadm import [-q] -m MANIFEST -f FILE [-s SHA1] [-c COMPRESSION]
       sdc-imgadm add-file UUID [-q] -f FILE [-s SHA1] [-c COMPRESSION]
       sdc-imgadm activate|enable|disable|delete UUID...
       sdc-imgadm update UUID [FIELD=VALUE]... [-f FILE]";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let Some((verb, args)) = args.split_first() else { return usage("no subcommand") };
    let grammar = match verb.as_str() {
        "list" | "ls" => Grammar { long: &[("json", 'j')], ..Grammar::new("jHo:u:") },
        "get" | "show" => Grammar::new(""),
        "get-file" => Grammar { long: &[("output", 'o')], ..Grammar::new("qo:") },
        "import" | "add-file" => Grammar::new("qm:f:s:c:"),
        "activate" | "enable" | "disable" | "delete" | "update" => Grammar::new("f:"),
        other => return usage(format!("unknown subcommand: {other}")),
    };
    let options = grammar.parse(args)?;
    let api = match session.variable("SDC_IMGADM_URL") {
        Some(url) => Api::new(url),
        None => Api::at(session.control()?.layout().await?.block.imgapi()),
    };
    let call = Call { session, options, api, verb: verb.clone() };
    match verb.as_str() {
        "list" | "ls" => call.list().await,
        "get" | "show" => call.get().await,
        "get-file" => call.get_file().await,
        "import" => call.import().await,
        "add-file" => call.add_file().await,
        "update" => call.update().await,
        verb => call.each(verb).await,
    }
}

struct Call<'a> {
    session: &'a Session,
    options: Options,
    api: Api,
    verb: String,
}

/// A file that is to be an image's.
struct Upload {
    bytes: Vec<u8>,
    compression: String,
    sha1: Option<String>,
}

impl Call<'_> {
    fn failure(&self, message: &str) -> Failure {
        Failure::new(format!("sdc-imgadm {}: error: {message}", self.verb))
    }

    /// A failure with the server's code, as the tool prints it.
    fn refused(&self, answer: &Answer) -> Failure {
        let complaint = answer.complaint();
        let (code, message) = complaint.split_once(": ").unwrap_or(("Error", &complaint));
        Failure::new(format!("sdc-imgadm {}: error ({code}): {message}", self.verb))
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> Result<Answer, Failure> {
        let answer = self.api.send(method, path, body).await?;
        if answer.is_success() { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn say(&self, text: &str) {
        if !self.options.has('q') {
            self.session.print(format!("{text}\n"));
        }
    }

    async fn list(&self) -> Ending {
        let filters: Vec<_> = self.options.operands.iter().map(|filter| encode(filter)).collect();
        let path = format!("/images?{}", filters.join("&"));
        let images: Vec<Value> = self.api.get(path.trim_end_matches('?')).await?;
        if self.options.has('j') {
            self.session.print(format!("{:#}\n", Value::from(images)));
            return Ok(0);
        }
        let columns = match self.options.list('o') {
            columns if columns.is_empty() => {
                vec!["uuid", "name", "version", "state", "published_at"]
            }
            columns => columns,
        };
        self.session.print(table(&images, &columns, !self.options.has('H')));
        Ok(0)
    }

    async fn get(&self) -> Ending {
        let uuid = uuid(&self.options.exactly::<1>("UUID")?)?;
        let answer = self.send(Method::GET, &format!("/images/{uuid}"), Body::Empty).await?;
        let image: Value = answer.json("GetImage")?;
        self.session.print(format!("{image:#}\n"));
        Ok(0)
    }

    /// Nothing is written of a file that came otherwise than it was sent.
    async fn get_file(&self) -> Ending {
        let uuid = uuid(&self.options.exactly::<1>("UUID")?)?;
        let answer = self.send(Method::GET, &format!("/images/{uuid}/file"), Body::Empty).await?;
        let sent = answer.md5.as_deref();
        let sent = sent.ok_or_else(|| self.failure("the response has no Content-MD5"))?;
        let received = STANDARD.encode(Md5::digest(&answer.body));
        if sent != received {
            let message = format!("Content-MD5 is {sent}, that of the received file {received}");
            return Err(self.failure(&message));
        }
        match self.options.value('o') {
            None => self.session.print(&answer.body),
            Some(path) => {
                let cannot = |error| Failure::because(format!("cannot write {path}"), &error);
                std::fs::write(path, &answer.body).map_err(cannot)?;
            }
        }
        Ok(0)
    }

    /// The manifest, the file, activation. When one of the latter two fails the image is deleted.
    async fn import(&self) -> Ending {
        let Some(path) = self.options.value('m') else { return usage("option -m is needed") };
        let cannot = || format!("cannot read the manifest {path}");
        let text = std::fs::read(path).map_err(|error| Failure::because(cannot(), &error))?;
        let manifest: Value =
            serde_json::from_slice(&text).map_err(|error| Failure::because(cannot(), &error))?;
        let id = manifest.get("uuid").and_then(Value::as_str).unwrap_or_default();
        let uuid = uuid(&[id])?;
        let described = manifest.get("files").and_then(|files| files.get(0));
        let upload = self.upload(described)?;
        let path = format!("/images/{uuid}?action=import");
        let answer = self.send(Method::POST, &path, Body::Json(manifest.clone())).await?;
        let image: Value = answer.json("AdminImportImage")?;
        let text = |key: &str| image.get(key).and_then(Value::as_str).unwrap_or_default();
        let state = text("state");
        self.say(&format!(
            "Imported image {uuid} ({}, {}, state={state})",
            text("name"),
            text("version")
        ));
        if let Err(failure) = self.fill(uuid, upload).await {
            // What is there of the image is of no use.
            let path = format!("/images/{uuid}");
            if let Err(Failure::Exit(_, message)) =
                self.send(Method::DELETE, &path, Body::Empty).await
            {
                self.session.complain(format!("{message}\n"));
            }
            return Err(failure);
        }
        Ok(0)
    }

    async fn fill(&self, uuid: Uuid, upload: Option<Upload>) -> Result<(), Failure> {
        if let Some(upload) = upload {
            self.put_file(uuid, upload).await?;
        }
        let path = format!("/images/{uuid}?action=activate");
        self.send(Method::POST, &path, Body::Json(json!({}))).await?;
        self.say(&format!("Activated image {uuid}"));
        Ok(())
    }

    /// The file of `-f`, described by options or else by the manifest.
    fn upload(&self, described: Option<&Value>) -> Result<Option<Upload>, Failure> {
        let Some(path) = self.options.value('f') else { return Ok(None) };
        let member = |name: &str| described?.get(name)?.as_str().map(ToOwned::to_owned);
        let given = |letter| self.options.value(letter).map(ToOwned::to_owned);
        let by_name = [(".gz", "gzip"), (".tgz", "gzip"), (".bz2", "bzip2"), (".xz", "xz")];
        let by_name =
            by_name.iter().find(|(end, _)| path.ends_with(end)).map_or("none", |(_, name)| name);
        let compression =
            given('c').or_else(|| member("compression")).unwrap_or_else(|| by_name.to_owned());
        let cannot = |error| Failure::because(format!("cannot read {path}"), &error);
        let bytes = std::fs::read(path).map_err(cannot)?;
        Ok(Some(Upload { bytes, compression, sha1: given('s').or_else(|| member("sha1")) }))
    }

    async fn put_file(&self, uuid: Uuid, upload: Upload) -> Result<(), Failure> {
        let Upload { bytes, compression, sha1 } = upload;
        let (size, own) = (bytes.len(), hex(&Sha1::digest(&bytes)));
        let check = sha1.as_ref().map(|sha1| format!("&sha1={}", encode(sha1))).unwrap_or_default();
        let path = format!("/images/{uuid}/file?compression={}{check}", encode(&compression));
        let answer = self.send(Method::PUT, &path, Body::Bytes(bytes)).await?;
        let image: Value = answer.json("AddImageFile")?;
        let file = image.get("files").and_then(|files| files.get(0)).unwrap_or(&Value::Null);
        let stored = file.get("sha1").and_then(Value::as_str).unwrap_or_default();
        let stored_size = file.get("size").and_then(Value::as_u64);
        if stored != own || stored_size != u64::try_from(size).ok() {
            return Err(self.failure("the file that was stored is not the one that was sent"));
        }
        let file = self.options.value('f').unwrap_or_default();
        self.say(&format!("Added file \"{file}\" (compression \"{compression}\") to image {uuid}"));
        Ok(())
    }

    async fn add_file(&self) -> Ending {
        let uuid = uuid(&self.options.exactly::<1>("UUID")?)?;
        match self.upload(None)? {
            Some(upload) => self.put_file(uuid, upload).await.map(|()| 0),
            None => usage("option -f is needed"),
        }
    }

    async fn update(&self) -> Ending {
        let Some((id, fields)) = self.options.operands.split_first() else {
            return usage("no UUID");
        };
        let uuid = uuid(&[id])?;
        let mut body = match self.options.value('f') {
            Some(path) => read_object(path)?,
            None => Map::new(),
        };
        for field in fields {
            let Some((name, value)) = field.split_once('=') else {
                return usage(format!("not FIELD=VALUE: {field}"));
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            body.insert(name.to_owned(), value);
        }
        let names: Vec<_> = body.keys().cloned().collect();
        let path = format!("/images/{uuid}?action=update");
        self.send(Method::POST, &path, Body::Json(Value::Object(body))).await?;
        self.say(&format!("Updated image {uuid} (fields: {})", names.join(", ")));
        Ok(0)
    }

    async fn each(&self, verb: &str) -> Ending {
        if self.options.operands.is_empty() {
            return usage("no UUID");
        }
        for id in &self.options.operands {
            let uuid = uuid(&[id])?;
            let (path, done) = match verb {
                "delete" => (format!("/images/{uuid}"), "Deleted"),
                "enable" => (format!("/images/{uuid}?action=enable"), "Enabled"),
                "disable" => (format!("/images/{uuid}?action=disable"), "Disabled"),
                _ => (format!("/images/{uuid}?action=activate"), "Activated"),
            };
            let (method, body) = match verb {
                "delete" => (Method::DELETE, Body::Empty),
                _ => (Method::POST, Body::Json(json!({}))),
            };
            self.send(method, &path, body).await?;
            self.say(&format!("{done} image {uuid}"));
        }
        Ok(0)
    }
}

fn uuid(operands: &[&str]) -> Result<Uuid, Failure> {
    let text = operands.first().copied().unwrap_or_default();
    text.parse().or_else(|_| usage(format!("not a UUID: \"{text}\"")))
}

/// A file that holds a JSON object.
pub(super) fn read_object(path: &str) -> Result<Map<String, Value>, Failure> {
    let cannot = || format!("cannot read {path}");
    let text = std::fs::read(path).map_err(|error| Failure::because(cannot(), &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::because(cannot(), &error))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

/// For a query: everything but the letters that need not be, and `=`, as `%XX`.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'=' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

fn table(images: &[Value], columns: &[&str], header: bool) -> String {
    let cell = |image: &Value, column: &str| match image.get(column) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    if header {
        let name = |column: &&str| match *column {
            "published_at" => "PUBLISHED".to_owned(),
            other => other.to_uppercase(),
        };
        rows.push(columns.iter().map(name).collect());
    }
    rows.extend(
        images.iter().map(|image| columns.iter().map(|column| cell(image, column)).collect()),
    );
    super::aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        assert_eq!(encode("name=manta hash-ring&x"), "name=manta%20hash-ring%26x");
    }

    #[test]
    fn a_list_is_a_table() {
        let images = [
            json!({"uuid": "u1", "name": "manta-hash-ring", "public": false}),
            json!({"uuid": "u2"}),
        ];
        assert_eq!(
            table(&images, &["uuid", "name", "public"], true),
            "UUID  NAME             PUBLIC\nu1    manta-hash-ring  false\nu2    -                -\n"
        );
    }

    #[test]
    fn digests_are_hexadecimal() {
        assert_eq!(hex(&Sha1::digest(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}

//! `mmkdir`, `mput`, `mrm`, `mlocate`: directories and objects of Manta, by way of an electric-moray.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use moray_client::{Client, ClientOptions, DeleteOptions, Error, GetOptions, PutOptions};
use serde_json::{Value, json};
use uuid::Uuid;

use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Session};
use crate::layout::Layout;
use crate::messages::ZoneState;
use crate::role::Role;

pub(super) const MMKDIR_USAGE: &str = "mmkdir [-p] PATH...";
pub(super) const MPUT_USAGE: &str = "mput [-f FILE] PATH";
pub(super) const MRM_USAGE: &str = "mrm PATH...";
pub(super) const MLOCATE_USAGE: &str = "mlocate [-f CONFIG] PATH";

const BUCKET: &str = "manta";
const PORT: u16 = 2020;

/// The way to the metadata.
struct Metadata {
    client: Client,
    layout: Layout,
}

impl Metadata {
    /// By the first electric-moray zone that runs.
    async fn connect(session: &Session) -> Result<Self, Failure> {
        let control = session.control()?;
        let (layout, zones) = (control.layout().await?, control.zones().await?);
        let router = zones
            .iter()
            .find(|zone| zone.spec.role == Role::ElectricMoray && zone.state == ZoneState::Running);
        let router = router.ok_or_else(|| Failure::new("no zone of electric-moray is running"))?;
        let address = format!("{}:{PORT}", router.spec.address);
        Ok(Self { client: Client::new(address, ClientOptions::default()), layout })
    }

    /// `/LOGIN/stor/…` or `/UUID/stor/…` as a key: without a slash at the end, and with the account's UUID.
    fn key(&self, path: &str) -> Result<String, Failure> {
        key(path, self.layout.poseidon)
    }

    async fn put(&self, key: &str, value: &Value) -> Result<(), Failure> {
        let options = PutOptions::default();
        let put = self.client.put_object(BUCKET, key, value, &options).await;
        put.map(drop).map_err(|error| failed(key, &error))
    }

    /// Tells whether there is a directory. The roots of an account are always there.
    async fn is_directory(&self, key: &str) -> Result<bool, Failure> {
        if key.split('/').count() <= 3 {
            return Ok(true);
        }
        match self.client.get_object(BUCKET, key, &GetOptions::default()).await {
            Ok(object) => Ok(object.value.get("type") == Some(&json!("directory"))),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(failed(key, &error)),
        }
    }

    async fn need_parent(&self, key: &str) -> Result<(), Failure> {
        let parent = dirname(key);
        if self.is_directory(parent).await? {
            return Ok(());
        }
        Err(Failure::new(format!("DirectoryDoesNotExistError: {parent} does not exist")))
    }
}

fn failed(key: &str, error: &Error) -> Failure {
    Failure::because(key, error)
}

fn key(path: &str, poseidon: Uuid) -> Result<String, Failure> {
    let mut parts = path.trim_end_matches('/').split('/');
    let (Some(""), Some(account), Some(root)) = (parts.next(), parts.next(), parts.next()) else {
        return usage(format!("not a path of Manta, /ACCOUNT/stor/...: {path}"));
    };
    let account = match account {
        "poseidon" => poseidon,
        other => other.parse().map_err(|_| {
            Failure::new(format!(
                "no such account: {other}: the lab knows poseidon, or give a UUID"
            ))
        })?,
    };
    let mut key = format!("/{account}/{root}");
    for part in parts {
        key.push('/');
        key.push_str(part);
    }
    Ok(key)
}

fn dirname(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The members that directories and objects have in common.
fn record(key: &str, kind: &str) -> Value {
    let (dirname, name) = key.rsplit_once('/').unwrap_or(("", key));
    let owner = key.split('/').nth(1).unwrap_or_default();
    json!({
        "dirname": dirname, "key": key, "headers": {}, "mtime": Timestamp::now().as_millisecond(), "name": name,
        "creator": owner, "owner": owner, "roles": [], "type": kind,
    })
}

fn object_record(key: &str, bytes: &[u8]) -> Value {
    let mut record = record(key, "object");
    let id = Uuid::new_v4();
    let shark = |number: u8| json!({"datacenter": "lab-1", "manta_storage_id": format!("{number}.stor.lab.example.net")});
    if let Some(fields) = record.as_object_mut() {
        for (name, value) in [
            ("contentLength", json!(bytes.len())),
            ("contentMD5", json!(STANDARD.encode(Md5::digest(bytes)))),
            ("contentType", json!("application/octet-stream")),
            ("etag", json!(id)),
            ("objectId", json!(id)),
            ("sharks", json!([shark(1), shark(2)])),
        ] {
            fields.insert(name.to_owned(), value);
        }
    }
    record
}

pub(super) async fn mmkdir(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("p").parse(args)?;
    if options.operands.is_empty() {
        return usage("no path");
    }
    let metadata = Metadata::connect(session).await?;
    for path in &options.operands {
        let key = metadata.key(path)?;
        let mut missing = Vec::new();
        let mut at = key.as_str();
        while options.has('p') && !metadata.is_directory(at).await? {
            missing.push(at);
            at = dirname(at);
        }
        if !options.has('p') {
            metadata.need_parent(&key).await?;
            missing.push(&key);
        }
        for key in missing.into_iter().rev() {
            metadata.put(key, &record(key, "directory")).await?;
        }
    }
    Ok(0)
}

pub(super) async fn mput(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("f:q").parse(args)?;
    let [path] = options.exactly("PATH")?;
    let bytes = match options.value('f') {
        Some(file) => std::fs::read(file)
            .map_err(|error| Failure::because(format!("mput: cannot read {file}"), &error))?,
        None => session.input()?,
    };
    let metadata = Metadata::connect(session).await?;
    let key = metadata.key(path)?;
    metadata.need_parent(&key).await?;
    metadata.put(&key, &object_record(&key, &bytes)).await?;
    Ok(0)
}

pub(super) async fn mrm(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("").parse(args)?;
    if options.operands.is_empty() {
        return usage("no path");
    }
    let metadata = Metadata::connect(session).await?;
    for path in &options.operands {
        let key = metadata.key(path)?;
        let options = DeleteOptions::default();
        let deleted = metadata.client.delete_object(BUCKET, &key, &options).await;
        deleted.map_err(|error| failed(path, &error))?;
    }
    Ok(0)
}

pub(super) async fn mlocate(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("f:").parse(args)?;
    let [path] = options.exactly("PATH")?;
    if let Some(config) = options.value('f') {
        let cannot = |error| Failure::because(format!("mlocate: cannot read {config}"), &error);
        std::fs::read(config).map_err(cannot)?;
    }
    let metadata = Metadata::connect(session).await?;
    let key = metadata.key(path)?;
    let options = GetOptions::default();
    let got = metadata.client.get_object(BUCKET, &key, &options).await;
    let object = got.map_err(|error| failed(path, &error))?;
    let domain = metadata.layout.domain();
    let mut value = object.value;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("_key".to_owned(), json!(key));
        fields.insert("_moray".to_owned(), json!(format!("tcp://electric-moray.{domain}:{PORT}")));
        if let Some(node) = &object.node {
            let node = serde_json::to_value(node);
            fields.insert("_node".to_owned(), node.unwrap_or_default());
        }
    }
    session.print(super::sapiadm::with_indent_of_four(&value) + "\n");
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_with_an_account() {
        let poseidon = Uuid::from_u128(7);
        let key = |path: &str| key(path, poseidon);
        assert_eq!(key("/poseidon/stor/a/").unwrap(), format!("/{poseidon}/stor/a"));
        let other = Uuid::from_u128(8);
        assert_eq!(key(&format!("/{other}/stor")).unwrap(), format!("/{other}/stor"));
        assert!(matches!(key("stor/a"), Err(Failure::Usage(_))));
        assert!(matches!(key("/somebody/stor/a"), Err(Failure::Exit(1, _))));
    }

    #[test]
    fn records_are_as_muskie_makes_them() {
        let key = "/5884dd74-949a-40ec-8d13-dd3151897343/stor/d/o";
        let record = object_record(key, b"abc");
        assert_eq!(record["dirname"], "/5884dd74-949a-40ec-8d13-dd3151897343/stor/d");
        assert_eq!(
            (&record["name"], &record["contentMD5"]),
            (&json!("o"), &json!("kAFQmDzST7DWlj99KOF/cg=="))
        );
        assert_eq!(record["etag"], record["objectId"]);
    }
}

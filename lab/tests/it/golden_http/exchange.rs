//! Recorded exchanges.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// An exchange as it was recorded.
#[derive(Debug, Deserialize)]
pub(super) struct Exchange {
    /// The name of its file, without `.json`.
    #[serde(skip)]
    pub(super) name: String,
    /// The server, with its mode.
    pub(super) server: String,
    pub(super) request: Request,
    pub(super) response: Response,
}

#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    body: Option<String>,
    #[serde(default)]
    body_encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Response {
    /// Nothing when the connection ended without an answer.
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    body_encoding: Option<String>,
    /// 28: curl gave up waiting.
    #[serde(default)]
    pub(super) curl_exit: Option<i32>,
}

impl Request {
    pub(super) fn body(&self) -> Vec<u8> {
        decode(self.body.as_deref(), self.body_encoding.as_deref())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Response {
    pub(super) fn body(&self) -> Vec<u8> {
        decode(self.body.as_deref(), self.body_encoding.as_deref())
    }
}

pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

fn decode(body: Option<&str>, encoding: Option<&str>) -> Vec<u8> {
    match (body, encoding) {
        (None, _) => Vec::new(),
        (Some(body), Some("base64")) => STANDARD.decode(body).unwrap(),
        (Some(body), _) => body.as_bytes().to_vec(),
    }
}

/// The directory of an API's recordings.
fn directory(api: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sapi-client/testdata").join(api)
}

/// All exchanges of an API, in order.
pub(super) fn recorded(api: &str) -> Vec<Exchange> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory(api)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let exchanges = paths.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let mut exchange: Exchange = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path.file_stem().unwrap().to_str().unwrap().clone_into(&mut exchange.name);
        exchange
    });
    let exchanges: Vec<Exchange> = exchanges.collect();
    assert!(exchanges.len() > 200, "the recordings of {api} are not there");
    exchanges
}

//! A server for the tools to talk to: over HTTP, with given answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request: `POST /zones/x/smf`, and its body.
pub(crate) type Seen = (String, String);

/// A server that answers what the first fitting rule says, and remembers what it was asked.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The beginning of the request's line, the status, the body.
pub(crate) type Rule = (String, u16, Vec<u8>);

pub(crate) fn rule(request: &str, status: u16, body: impl Into<Vec<u8>>) -> Rule {
    (request.to_owned(), status, body.into())
}

impl Scripted {
    /// It serves until the test ends.
    pub(crate) fn start(at: &str, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &rules, &log);
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, rules: &[Rule], log: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    log.lock().unwrap().push((request.clone(), String::from_utf8_lossy(&body).into_owned()));
    let found = rules.iter().find(|(wanted, ..)| request.starts_with(wanted));
    let missing = rule("", 404, r#"{"code":"ResourceNotFound","message":"no such thing"}"#);
    let (_, status, body) = found.unwrap_or(&missing);
    let digest = <md5::Md5 as md5::Digest>::digest(body);
    let digest = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest);
    let head = format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\nContent-MD5: {digest}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
}

//! A tiny HTTP server that does as a test tells it, and the recorded exchanges.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sapi_client::cnapi::Cnapi;
use sapi_client::imgapi::Imgapi;
use sapi_client::sapi::Sapi;
use sapi_client::vmapi::Vmapi;
use sapi_client::{AnswerLimits, BaseUrl, HttpTransport, Retry, Settings};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The server's treatment of a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes one after another, with a pause after each.
    Slowly(Vec<Vec<u8>>, Duration),
    /// These bytes, then a TCP reset.
    Reset(Vec<u8>),
    /// These bytes, then nothing, until the client goes.
    Hang(Vec<u8>),
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &Value) -> Act {
    reply(status, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

/// An answer with headers and a body.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Act {
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{}Connection: close\r\n\r\n",
        headers.concat()
    );
    Act::Bytes([head.as_bytes(), body].concat())
}

/// The connection is closed without a word.
pub(crate) fn cut() -> Act {
    Act::Bytes(Vec::new())
}

/// A server at a port of its own that ends with the test.
pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A server that asks `answer` what to do with each request.
    pub(crate) async fn new(answer: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                tokio::spawn(async move {
                    let mut stream = stream;
                    if let Some(request) = read_request(&mut stream).await {
                        log.lock().unwrap().push(request.clone());
                        let act = answer(&request);
                        perform(stream, act).await;
                    }
                });
            }
        });
        Self { port, seen, task }
    }

    /// A server that does these things one after another, the last for ever.
    pub(crate) async fn script(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts: Vec<Act> = acts.into_iter().collect();
        let next = Mutex::new(0);
        Self::new(move |_| {
            let mut next = next.lock().unwrap();
            let act = acts[(*next).min(acts.len() - 1)].clone();
            *next += 1;
            act
        })
        .await
    }

    pub(crate) fn url(&self) -> BaseUrl {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    pub(crate) fn sapi(&self) -> Sapi<HttpTransport> {
        Sapi::new(self.url(), transport(), settings())
    }

    pub(crate) fn imgapi(&self) -> Imgapi<HttpTransport> {
        Imgapi::new(self.url(), transport(), settings())
    }

    pub(crate) fn vmapi(&self) -> Vmapi<HttpTransport> {
        Vmapi::new(self.url(), transport(), settings())
    }

    pub(crate) fn cnapi(&self) -> Cnapi<HttpTransport> {
        Cnapi::new(self.url(), transport(), settings())
    }
}

pub(crate) fn transport() -> HttpTransport {
    HttpTransport::new(Duration::from_secs(5)).unwrap()
}

/// Short pauses, and limits that a test can wait for.
pub(crate) fn settings() -> Settings {
    Settings {
        timeout: Duration::from_secs(20),
        silence: Duration::from_secs(20),
        largest: AnswerLimits::default(),
        retry: Retry {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            deadline: Duration::from_secs(10),
        },
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap().to_owned(), first.next().unwrap().to_owned());
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Seen { method, path, headers, body: bytes[head + 4..].to_vec() };
    assert_eq!(seen.header("transfer-encoding"), None, "bodies have a length");
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while seen.body.len() < length {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        seen.body.extend_from_slice(&piece[..read]);
    }
    Some(seen)
}

async fn perform(mut stream: TcpStream, act: Act) {
    // The client may have gone; that is its affair.
    match act {
        Act::Bytes(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            let _gone = stream.shutdown().await;
        }
        Act::Slowly(pieces, pause) => {
            for piece in pieces {
                let _gone = stream.write_all(&piece).await;
                tokio::time::sleep(pause).await;
            }
        }
        Act::Reset(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            let _gone = stream.set_zero_linger();
        }
        Act::Hang(bytes) => {
            let _gone = stream.write_all(&bytes).await;
            let mut rest = [0; 1];
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        }
    }
}

/// An exchange with a real server.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_body: Option<Vec<u8>>,
    /// Status, headers and body; `None` where the connection ended without an answer.
    pub(crate) answer: Option<sapi_client::Answer>,
}

impl Recording {
    pub(crate) fn request_json(&self) -> Option<Value> {
        serde_json::from_slice(self.request_body.as_ref()?).ok()
    }

    pub(crate) fn answer_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.answer.as_ref()?.body).ok()
    }

    /// The answer as it was on the wire.
    pub(crate) fn act(&self) -> Act {
        let Some(answer) = &self.answer else { return cut() };
        let mut bytes = format!("HTTP/1.1 {} X\r\n", answer.status).into_bytes();
        for (name, value) in answer.headers.iter().filter(|(name, _)| name != "Connection") {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"Connection: close\r\n\r\n");
        if answer.header("transfer-encoding").is_some() {
            if !answer.body.is_empty() {
                bytes.extend_from_slice(format!("{:x}\r\n", answer.body.len()).as_bytes());
                bytes.extend_from_slice(&answer.body);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
        } else {
            bytes.extend_from_slice(&answer.body);
        }
        Act::Bytes(bytes)
    }
}

fn body(message: &Value) -> Option<Vec<u8>> {
    let text = message["body"].as_str()?;
    Some(if message["body_encoding"] == "base64" {
        STANDARD.decode(text).unwrap()
    } else {
        text.as_bytes().to_vec()
    })
}

/// The recorded exchanges of `sapi` or `imgapi`, in order.
pub(crate) fn recordings(api: &str) -> Vec<Recording> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(api);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| read_recording(file)).collect()
}

pub(crate) fn recording(api: &str, name: &str) -> Recording {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(api)
        .join(format!("{name}.json"));
    read_recording(&file)
}

fn read_recording(file: &Path) -> Recording {
    let value: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (request, response) = (&value["request"], &value["response"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let answer = response["status"].as_u64().map(|status| sapi_client::Answer {
        status: u16::try_from(status).unwrap(),
        headers: response["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|h| (text(&h[0]), text(&h[1])))
            .collect(),
        body: body(response).unwrap_or_default().into(),
    });
    Recording {
        name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
        method: text(&request["method"]),
        path: text(&request["path"]),
        request_body: body(request),
        answer,
    }
}

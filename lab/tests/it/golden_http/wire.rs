//! Requests as they were on the wire, with nothing that an HTTP library adds.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::compare::Learned;
use super::exchange::{Exchange, header};

/// The answer of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// The connection ended without a byte.
    Cut,
    /// Nothing for a while.
    Nothing,
}

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time in which nothing must be said where curl gave up waiting.
const SILENCE: Duration = Duration::from_millis(300);

/// Sends a recorded request.
pub(super) async fn ask(server: SocketAddr, exchange: &Exchange, learned: &Learned) -> Said {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(&bytes(server, exchange, learned)).await.unwrap();
    let gave_up = exchange.response.curl_exit == Some(28);
    let patience = if gave_up { SILENCE } else { PATIENCE };
    match timeout(patience, read(&mut stream, exchange.request.method == "HEAD")).await {
        Ok(said) => said,
        Err(_) if gave_up => Said::Nothing,
        Err(late) => panic!("{}: no answer: {late}", exchange.name),
    }
}

fn bytes(server: SocketAddr, exchange: &Exchange, learned: &Learned) -> Vec<u8> {
    let request = &exchange.request;
    let path = learned.translate(&request.path);
    let mut bytes = format!("{} {path} HTTP/1.1\r\n", request.method).into_bytes();
    for (name, value) in &request.headers {
        let value = if name.eq_ignore_ascii_case("host") {
            server.to_string()
        } else {
            learned.translate(value)
        };
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    let body = match String::from_utf8(request.body()) {
        Ok(text) => learned.translate(&text).into_bytes(),
        Err(error) => error.into_bytes(),
    };
    if request.header("transfer-encoding").is_some() {
        bytes.extend(format!("{:x}\r\n", body.len()).into_bytes());
        bytes.extend(body);
        bytes.extend(b"\r\n0\r\n\r\n");
    } else {
        bytes.extend(body);
    }
    bytes
}

async fn read(stream: &mut TcpStream, head_only: bool) -> Said {
    let mut received = Vec::new();
    loop {
        if let Some(answer) = parse(&received, head_only) {
            return answer;
        }
        let count = stream.read_buf(&mut received).await.unwrap_or(0);
        if count == 0 {
            assert!(received.is_empty(), "half an answer: {}", String::from_utf8_lossy(&received));
            return Said::Cut;
        }
    }
}

/// The answer in what was received, once it is whole.
fn parse(received: &[u8], head_only: bool) -> Option<Said> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (&received[..end], &received[end + 4..]);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    if status < 200 {
        return parse(body, head_only);
    }
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let length = match header(&headers, "content-length") {
        _ if head_only || matches!(status, 204 | 304) => 0,
        Some(length) => length.parse().unwrap(),
        None => panic!("an answer without a length: {head}"),
    };
    let body = body.get(..length)?.to_vec();
    Some(Said::Answer { status, headers, body })
}

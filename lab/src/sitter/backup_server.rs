//! The backup server of a peer: others ask it for a copy of this peer's database.
//!
//! In production it connects to whoever asked and sends a snapshot. In a lab it connects all the same, and hears there how
//! far `pg_basebackup` is, which copies in its place.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{self, UnboundedSender};
use uuid::Uuid;

use super::http::{Answer, Handler};
use super::job::{Done, Job};
use super::restore::{FINISHED, progress};

/// The jobs of a backup server. They are never forgotten.
#[derive(Clone)]
pub(super) struct BackupServer {
    address: Ipv4Addr,
    jobs: Arc<Mutex<HashMap<String, Job>>>,
    crash: UnboundedSender<String>,
}

impl BackupServer {
    /// A server that connects from an address, and a future that ends when it crashes, which it does when it cannot.
    pub(super) fn new(address: Ipv4Addr) -> (Self, impl Future<Output = String>) {
        let (crash, mut crashes) = mpsc::unbounded_channel();
        let server = Self { address, jobs: Arc::default(), crash };
        let crashed = async move {
            match crashes.recv().await {
                Some(crash) => crash,
                None => std::future::pending().await,
            }
        };
        (server, crashed)
    }

    pub(super) fn handler(&self) -> Handler {
        let server = self.clone();
        Arc::new(move |method, path, body| server.answer(method, path, body))
    }

    fn answer(&self, method: &Method, path: &str, body: &Value) -> Answer {
        match path.strip_prefix("/backup/") {
            None if path == "/backup" && method == Method::POST => self.accept(body),
            Some(uuid) if method == Method::GET => self.show(uuid, path),
            Some(_) | None => Answer::not_found(path),
        }
    }

    fn accept(&self, body: &Value) -> Answer {
        for field in ["host", "port", "dataset"] {
            if body.get(field).is_none() {
                let message = "host, dataset, and port parameters required";
                return Answer::error(StatusCode::CONFLICT, "MissingParameter", message);
            }
        }
        let uuid = Uuid::new_v4().to_string();
        let field = |name: &str| body.get(name).cloned().unwrap_or_default();
        let job = Job::new(uuid.clone(), field("host"), field("port"), field("dataset"));
        self.change(|jobs| jobs.insert(uuid.clone(), job.clone()));
        let server = self.clone();
        tokio::spawn(async move { server.send(job).await });
        Answer::ok(json!({"jobid": uuid, "jobPath": format!("/backup/{uuid}")}))
    }

    fn show(&self, uuid: &str, path: &str) -> Answer {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match jobs.get(uuid) {
            None => Answer::not_found(path),
            Some(job) if job.done == Done::Failed => {
                let message = "the backup failed";
                Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
            }
            Some(job) => Answer::ok(json!(job)),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, Job>) -> T) -> T {
        change(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn send(&self, job: Job) {
        let stream = match self.connect(&job).await {
            Ok(stream) => stream,
            Err(error) => {
                let crash = format!("cannot connect to {}:{}: {error}", job.host, job.port);
                // Nobody listens only while the process ends.
                self.crash.send(crash).unwrap_or_default();
                return;
            }
        };
        let done = self.listen(stream, &job.uuid).await;
        self.change(|jobs| {
            if let Some(job) = jobs.get_mut(&job.uuid) {
                job.done = if done { Done::Yes } else { Done::Failed };
            }
        });
    }

    /// Hears how far the copy is, and at last whether it is there.
    async fn listen(&self, stream: TcpStream, uuid: &str) -> bool {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line == FINISHED {
                return true;
            }
            if let Some(progress) = progress(&line) {
                self.change(|jobs| jobs.get_mut(uuid).map(|job| job.advance(progress)));
            }
        }
        false
    }

    async fn connect(&self, job: &Job) -> io::Result<TcpStream> {
        let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let host = job.host.as_str().and_then(|host| host.parse::<Ipv4Addr>().ok());
        let host = host.ok_or_else(|| wrong("the host is no address"))?;
        let port = job.port.as_u64().or_else(|| job.port.as_str()?.parse().ok());
        let port = port.and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| wrong("the port is no port"))?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(self.address), 0))?;
        socket.connect(SocketAddr::from((host, port))).await
    }
}

//! haproxy's part: one address for all routers of a zone.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::context::{ServiceContext, ServiceError, terminated};
use crate::layout::{Layout, ZoneSpec};
use crate::moray::config::read;

/// The port that clients come to; the routers have the ports after it.
const PORT: u16 = 2020;

/// The routers of a zone, which take turns.
#[derive(Debug)]
struct Backends {
    address: Ipv4Addr,
    ports: Vec<u16>,
    turn: AtomicUsize,
}

impl Backends {
    /// A connection to the next router that takes one.
    async fn connect(&self) -> io::Result<TcpStream> {
        let count = self.ports.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut result = Err(io::ErrorKind::NotConnected.into());
        for port in self.ports.iter().cycle().skip(turn % count.max(1)).take(count) {
            let socket = TcpSocket::new_v4()?;
            socket.bind((self.address, 0).into())?;
            result = socket.connect((self.address, *port).into()).await;
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// The service `haproxy`: passes connections on to the zone's routers until it is told to stop.
pub(crate) async fn run(context: ServiceContext) -> Result<(), ServiceError> {
    let directory = context.directory();
    let layout: Layout = read(&directory.layout()).await?;
    let zone: ZoneSpec = read(&directory.zone_spec(context.zone)).await?;
    let count = u16::try_from(layout.options.router_instances)?;
    let ports = (1..=count).map(|number| layout.router_port(PORT + number)).collect();
    let backends = Arc::new(Backends { address: zone.address, ports, turn: AtomicUsize::new(0) });
    let listener = TcpListener::bind((zone.address, PORT)).await?;
    tracing::info!(address = %zone.address, count, "balancing");
    tokio::select! {
        error = accept(&listener, &backends) => Err(error.into()),
        result = terminated() => Ok(result?),
    }
}

async fn accept(listener: &TcpListener, backends: &Arc<Backends>) -> io::Error {
    loop {
        let mut client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => return error,
        };
        let backends = Arc::clone(backends);
        tokio::spawn(async move {
            let result = async {
                let mut router = backends.connect().await?;
                client.set_nodelay(true)?;
                router.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut router).await
            };
            if let Err(error) = result.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
}

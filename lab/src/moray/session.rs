//! Sessions with a PostgreSQL server, all from the zone's own address: that is how a server tells whose they are.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// The length and the code of the first message of a client that would like TLS, which every server answers with one byte.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A session.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) server: SocketAddr,
    /// Those that were prepared in it, by their text.
    pub(super) statements: HashMap<String, Statement>,
    /// Its place in a pool.
    pub(super) slot: Option<Slot>,
}

/// A session's place among those of one primary.
#[derive(Debug)]
pub(super) struct Slot {
    /// The number of the primary among all that there were.
    pub(super) primary: u64,
    /// Is told that number when the session ends.
    pub(super) closed: UnboundedSender<u64>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The pool may be gone.
        self.closed.send(self.primary).unwrap_or_default();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The reason why there is no session with a server.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoSession {
    #[error("no socket")]
    Socket(#[from] std::io::Error),
    #[error("PostgreSQL refuses")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("not connected within {0:?}")]
    TimedOut(Duration),
}

/// Opens sessions.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    /// The zone's own address.
    pub(super) source: Ipv4Addr,
}

impl Connector {
    /// A session of a user with the database of the same name. As the real one's, it sets nothing, not even a name.
    pub(super) async fn connect(
        &self,
        server: SocketAddr,
        user: &str,
        patience: Duration,
    ) -> Result<Session, NoSession> {
        let connected = tokio::time::timeout(patience, async {
            let socket = self.socket(server).await?;
            let mut config = Config::new();
            config.user(user).password(user).dbname(user);
            Ok::<_, NoSession>(config.connect_raw(socket, NoTls).await?)
        });
        let (client, connection) = connected.await.map_err(|_| NoSession::TimedOut(patience))??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%server, error = &error as &dyn std::error::Error, "a session broke");
            }
        });
        Ok(Session { client, server, statements: HashMap::new(), slot: None })
    }

    /// Tells whether a server answers at all.
    pub(super) async fn is_alive(&self, server: SocketAddr, patience: Duration) -> bool {
        let asked = tokio::time::timeout(patience, async {
            let mut socket = self.socket(server).await?;
            socket.write_all(&TLS_REQUEST).await?;
            socket.read_u8().await
        });
        asked.await.is_ok_and(|answer| answer.is_ok())
    }

    async fn socket(&self, server: SocketAddr) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddrV4::new(self.source, 0).into())?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

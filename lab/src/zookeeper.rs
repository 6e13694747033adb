//! ZooKeeper: its server, and what the lab's services ask of it.

use std::time::Duration;

use zookeeper::{Acls, Client, CreateMode, Error};

/// Opens a session.
pub(crate) async fn connect(servers: &str, session_timeout: Duration) -> Result<Client, Error> {
    Client::connector().with_session_timeout(session_timeout).connect(servers).await
}

/// Makes a node and those above it, unless they are there.
pub(crate) async fn make_path(client: &Client, path: &str) -> Result<(), Error> {
    client.mkdir(path, &CreateMode::Persistent.with_acls(Acls::anyone_all())).await
}

//! A line between a client and a server that can be cut, or lose what one of them says.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::address::own_address;

/// The fate of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// All is passed on.
    Open,
    /// Those that are there break, new ones are refused.
    Cut,
    /// In new ones the server's first answer is passed on and all others are lost.
    AnswersLost,
    /// In new ones the client's first request is passed on and all others are lost.
    RequestsLost,
}

/// Passes connections on to a server.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    line: Arc<watch::Sender<Line>>,
    listener: JoinHandle<()>,
}

impl Proxy {
    /// A line to the server at this address.
    pub async fn to(server: String) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let line = Arc::new(watch::Sender::new(Line::Open));
        let state = Arc::clone(&line);
        let listener = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let mut state = state.subscribe();
                let line = *state.borrow_and_update();
                if line == Line::Cut {
                    continue;
                }
                let server = server.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        // A connection that breaks on either side is over, which is all there is to know.
                        _ = pass_on(client, server, line) => {}
                        _ = state.wait_for(|line| *line == Line::Cut) => {}
                    }
                });
            }
        });
        Self { address, line, listener }
    }

    /// The address at which it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Changes what happens to connections.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn pass_on(mut client: TcpStream, mut server: TcpStream, line: Line) -> std::io::Result<()> {
    if line == Line::Open {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let mut bytes = [0; 1024];
    let count = client.read(&mut bytes).await?;
    server.write_all(&bytes[..count]).await?;
    let count = server.read(&mut bytes).await?;
    client.write_all(&bytes[..count]).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut nowhere, mut nobody) = (sink(), sink());
    if line == Line::AnswersLost {
        tokio::try_join!(
            tokio::io::copy(&mut from_client, &mut to_server),
            tokio::io::copy(&mut from_server, &mut nowhere)
        )?;
    } else {
        tokio::try_join!(
            tokio::io::copy(&mut from_client, &mut nobody),
            tokio::io::copy(&mut from_server, &mut to_client)
        )?;
    }
    Ok(())
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.set(Line::Cut);
    }
}

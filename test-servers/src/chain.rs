//! A PostgreSQL primary and standbys that stream one from the other, wired as Manatee wires them.

use std::fmt::Display;
use std::net::{SocketAddr, SocketAddrV4};
use std::process::Child;
use std::time::Duration;

use crate::address::{free_port, own_address};
use crate::postgres::Postgres;
use crate::process::wait_until;

/// The servers of a shard: the first is the primary, each other streams from the one before.
#[derive(Debug)]
pub struct Chain {
    servers: Vec<Postgres>,
    strangers: Vec<Child>,
}

impl Chain {
    /// Starts this many servers. The second is the primary's synchronous standby.
    pub fn start(count: usize) -> Self {
        let addresses: Vec<_> =
            (0..count).map(|_| SocketAddrV4::new(own_address(), free_port())).collect();
        let mut chain = Self { servers: Vec::new(), strangers: Vec::new() };
        for (index, address) in addresses.iter().enumerate() {
            let mut server = match index.checked_sub(1) {
                None => {
                    let sync = addresses
                        .get(1)
                        .map(|sync| format!("synchronous_standby_names = '\"{}\"'\n", url(sync)));
                    Postgres::primary(*address, &sync.unwrap_or_default())
                }
                Some(upstream) => {
                    Postgres::standby_of(&chain.servers[upstream], *address, &url(address))
                }
            };
            server.resume();
            chain.servers.push(server);
        }
        chain
    }

    /// The addresses at which the servers listen, in the order of the chain.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Postgres::address).collect()
    }

    /// The URLs of the servers, in the order of the chain: what Manatee's peers call themselves at their upstreams.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| url(server.address())).collect()
    }

    /// Stops a server at once, as a crash does, but clients are told.
    pub fn stop(&mut self, index: usize) {
        self.servers[index].crash();
    }

    /// Starts a server that was stopped.
    pub fn resume(&mut self, index: usize) {
        self.servers[index].resume();
    }

    /// Makes a primary of a standby.
    pub fn promote(&self, index: usize) {
        self.servers[index].promote();
    }

    /// Lets somebody who is no peer stream from a server, until the end.
    pub fn let_a_stranger_stream(&mut self, index: usize) {
        let name = format!("stranger{}", self.strangers.len());
        self.strangers.push(self.servers[index].streamed_by_a_stranger(&name));
        wait_until("a stranger streams", Duration::from_secs(30), || {
            let rows = "SELECT count(*) FROM pg_stat_replication \
                        WHERE application_name = 'pg_receivewal' AND state = 'streaming'";
            self.sql(index, rows) == "1"
        });
    }

    /// Runs SQL on a server as a client would, and returns what it prints.
    pub fn sql(&self, index: usize, sql: &str) -> String {
        self.servers[index].sql(sql)
    }

    /// Changes a setting and lets the server read it.
    pub fn set(&self, index: usize, name: &str, value: &str) {
        self.sql(index, &format!("ALTER SYSTEM SET {name} = {value}"));
        self.sql(index, "SELECT pg_reload_conf()");
    }
}

fn url(address: impl Display) -> String {
    format!("tcp://postgres@{address}/postgres")
}

impl Drop for Chain {
    fn drop(&mut self) {
        for stranger in &mut self.strangers {
            stranger.kill().unwrap();
            stranger.wait().unwrap();
        }
        // From the end: a server does not stop while others stream from it, unless it is made to.
        self.servers.iter_mut().rev().for_each(Postgres::crash);
    }
}

//! The PostgreSQL server that is a shard's primary, by what is in ZooKeeper: as node-manatee, by which the real Moray finds it, takes it.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

/// The port of PostgreSQL where none is told.
const PORT: u16 = 5432;

/// The nodes of a shard as they were seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shard {
    /// There is a `state`. While there is, the election does not count.
    has_state: bool,
    /// The children of `election`, if there is one.
    candidates: Option<Vec<String>>,
    primary: Option<SocketAddr>,
}

/// There is neither a state nor a candidate any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is neither a cluster state nor anybody in the election: the real Moray dies of that"
)]
pub(super) struct Nobody;

impl Shard {
    /// The primary. What was known last is true until something else is known.
    pub(super) fn primary(&self) -> Option<SocketAddr> {
        self.primary
    }

    /// Takes notice of `state`. `None`: there is none.
    pub(super) fn see_state(&mut self, state: Option<&[u8]>) -> Result<(), Nobody> {
        let Some(state) = state else {
            self.has_state = false;
            return self.fall_back();
        };
        match primary_of(state) {
            Some(primary) => {
                self.has_state = true;
                self.primary = Some(primary);
            }
            None => tracing::error!("the cluster state names no primary that could be used"),
        }
        Ok(())
    }

    /// Takes notice of the children of `election`. `None`: there is no such node.
    pub(super) fn see_candidates(&mut self, names: Option<Vec<String>>) -> Result<(), Nobody> {
        self.candidates = names;
        if self.has_state { Ok(()) } else { self.fall_back() }
    }

    /// Without a state the first of the election counts as the primary.
    fn fall_back(&mut self) -> Result<(), Nobody> {
        let Some(candidates) = &self.candidates else { return Ok(()) };
        match first(candidates) {
            Some(name) => {
                self.primary = address_of(name).or(self.primary);
                Ok(())
            }
            // At the beginning it is waited for.
            None if self.primary.is_none() => Ok(()),
            None => Err(Nobody),
        }
    }
}

/// The one with the least number, which is after the last `-`.
fn first(names: &[String]) -> Option<&String> {
    let number = |name: &&String| {
        let number = name.rsplit('-').next().and_then(|number| number.parse::<i64>().ok());
        (number.is_none(), number)
    };
    names.iter().min_by_key(number)
}

/// The address in a name such as `10.0.0.1:5432:12345-0000000007`; names of old have no ports.
fn address_of(name: &str) -> Option<SocketAddr> {
    let mut parts = name.split('-').next()?.split(':');
    let ip: Ipv4Addr = parts.next()?.parse().ok()?;
    let port = parts.next().map_or(Some(PORT), |port| port.parse().ok())?;
    Some(SocketAddr::from((ip, port)))
}

/// The primary's address in a cluster state, from its `pgUrl`: `tcp://postgres@10.0.0.1:5432/postgres`.
fn primary_of(state: &[u8]) -> Option<SocketAddr> {
    let state: Value = serde_json::from_slice(state).ok()?;
    let url = state.get("primary")?.get("pgUrl")?.as_str()?.strip_prefix("tcp://")?;
    let host = url.split_once('@').map_or(url, |(_, host)| host).split('/').next()?;
    let (ip, port) = host.split_once(':').map_or((host, None), |(ip, port)| (ip, Some(port)));
    let ip: Ipv4Addr = ip.parse().ok()?;
    let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
    Some(SocketAddr::from((ip, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn state(address: &str) -> Vec<u8> {
        format!(r#"{{"primary":{{"pgUrl":"tcp://postgres@{address}/postgres"}}}}"#).into_bytes()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_primary_is_found_in_a_state() {
        let state = br#"{"generation":1,"primary":{"id":"127.0.0.1:5432:12345","ip":"127.0.0.1",
            "pgUrl":"tcp://postgres@127.0.0.1:5433/postgres"},"sync":null,"async":[]}"#;
        assert_eq!(primary_of(state), Some(address("127.0.0.1:5433")));
        assert_eq!(primary_of(&self::state("127.0.0.1")), Some(address("127.0.0.1:5432")));
        for bad in ["", "{}", r#"{"primary":{"pgUrl":"tcp://x:y"}}"#] {
            assert_eq!(primary_of(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_state_counts_for_more_than_the_election() {
        let mut shard = Shard::default();
        shard.see_state(Some(&state("10.0.0.1:5432"))).unwrap();
        shard.see_candidates(Some(names(&["10.0.0.2:5432:12345-0000000001"]))).unwrap();
        assert_eq!(shard.primary(), Some(address("10.0.0.1:5432")));
        shard.see_state(None).unwrap();
        assert_eq!(shard.primary(), Some(address("10.0.0.2:5432")));
        shard.see_state(Some(&state("10.0.0.3:5432"))).unwrap();
        assert_eq!(shard.primary(), Some(address("10.0.0.3:5432")));
    }

    #[test]
    fn the_least_number_is_the_first_of_the_election() {
        let mut shard = Shard::default();
        shard.see_state(None).unwrap();
        assert_eq!(shard.primary(), None);
        let three =
            ["10.0.0.1:5432:1-0000000010", "10.0.0.2:5433:1-0000000009", "10.0.0.3-0000000100"];
        shard.see_candidates(Some(names(&three))).unwrap();
        assert_eq!(shard.primary(), Some(address("10.0.0.2:5433")));
        shard.see_candidates(Some(names(&three[2..]))).unwrap();
        assert_eq!(shard.primary(), Some(address("10.0.0.3:5432")));
    }

    #[test]
    fn without_anybody_it_is_over_unless_it_has_not_begun() {
        let mut shard = Shard::default();
        shard.see_state(None).unwrap();
        shard.see_candidates(Some(names(&[]))).unwrap();
        shard.see_state(Some(&state("10.0.0.1:5432"))).unwrap();
        assert_eq!(shard.see_state(None), Err(Nobody));
        shard.see_candidates(None).unwrap();
        shard.see_state(None).unwrap();
        assert_eq!(
            shard.primary(),
            Some(address("10.0.0.1:5432")),
            "an election that is not there"
        );
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let mut shard = Shard::default();
        shard.see_state(Some(&state("10.0.0.1:5432"))).unwrap();
        let before = shard.clone();
        shard.see_state(Some(b"nonsense")).unwrap();
        assert_eq!(shard, before);
    }
}

//! The peers that are there: the ephemeral children of a shard's `election` directory.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::coordination::Watch;
use crate::id::{PeerId, ZoneId};
use crate::peer::Peer;
use crate::shard::{Shard, ShardError};

/// One election child: a sitter's session.
///
/// A sitter that was restarted has a new child while the old one waits for its session's timeout.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The sitter's peer id: the name up to the last dash.
    pub id: PeerId,
    /// The number at the end of the name; higher is newer.
    pub sequence: u32,
    /// The ZooKeeper session that it belongs to.
    pub session: i64,
    /// The sitter's own announcement.
    pub announced: Announced,
}

/// The announcement of a sitter about itself. Version 1 of Manatee leaves out the URLs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announced {
    /// The zone's UUID.
    pub zone_id: ZoneId,
    /// The address.
    pub ip: String,
    /// The URL on which PostgreSQL listens.
    pub pg_url: Option<String>,
    /// The URL on which the backup server listens.
    pub backup_url: Option<String>,
    /// Members that this crate does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Candidate {
    /// The peer as it would be written into the cluster state; `None` if the sitter does not say where its PostgreSQL is.
    pub fn peer(&self) -> Option<Peer> {
        Some(Peer {
            id: self.id.clone(),
            ip: self.announced.ip.clone(),
            pg_url: self.announced.pg_url.clone()?,
            zone_id: self.announced.zone_id.clone(),
            backup_url: self.announced.backup_url.clone(),
            other: self.announced.other.clone(),
        })
    }
}

/// Splits a child's name into id and number.
fn parse_name(name: &str) -> Option<(PeerId, u32)> {
    let (id, sequence) = name.rsplit_once('-')?;
    if id.is_empty() || sequence.len() < 10 {
        return None;
    }
    Some((PeerId::from(id), sequence.parse().ok()?))
}

/// The peers that are there as the sitters see them: of several children with one id the newest, in the order of the ids as
/// text.
pub fn active_candidates(candidates: &[Candidate]) -> Vec<&Candidate> {
    let mut newest: BTreeMap<&PeerId, &Candidate> = BTreeMap::new();
    for candidate in candidates {
        let known = newest.entry(&candidate.id).or_insert(candidate);
        if known.sequence < candidate.sequence {
            *known = candidate;
        }
    }
    newest.into_values().collect()
}

impl Shard {
    /// Every election child, oldest first. Use [`active_candidates`] for the peers that are there.
    ///
    /// # Errors
    ///
    /// [`ShardError::BadNode`] if a child's content cannot be read, [`ShardError::ZooKeeper`].
    pub async fn candidates(&self) -> Result<Vec<Candidate>, ShardError> {
        let names = self.session.children(&self.path("/election")).await;
        let names = names.map_err(|error| self.fail(error))?;
        self.read_candidates(names.unwrap_or_default()).await
    }

    /// Watches the election children from the present ones on.
    pub fn watch_candidates(&self) -> CandidateWatch {
        CandidateWatch { shard: self.clone(), pending: None }
    }

    /// Announces a peer as its sitter does, until this session is over. Returns the number at the end of the child's name.
    ///
    /// # Errors
    ///
    /// [`ShardError::ZooKeeper`].
    pub async fn announce(&self, peer: &Peer) -> Result<i64, ShardError> {
        let announced = serde_json::json!({
            "zoneId": peer.zone_id, "ip": peer.ip, "pgUrl": peer.pg_url, "backupUrl": peer.backup_url,
        });
        let directory = self.path("/election");
        let prefix = format!("{directory}/{}-", peer.id);
        let announced = announced.to_string();
        let done = async {
            self.session.make_directory(&directory).await?;
            self.session.create_ephemeral_sequential(&prefix, announced.as_bytes()).await
        };
        done.await.map_err(|error| self.fail(error))
    }

    async fn read_candidates(&self, names: Vec<String>) -> Result<Vec<Candidate>, ShardError> {
        // A child whose name is none of a sitter's is invisible to the sitters as well.
        let named: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                parse_name(&name).map(|parts| (self.path(&format!("/election/{name}")), parts))
            })
            .collect();
        let paths: Vec<String> = named.iter().map(|(path, _)| path.clone()).collect();
        let nodes = self.session.read_all(&paths).await.map_err(|error| self.fail(error))?;
        let mut candidates = Vec::new();
        for ((path, (id, sequence)), node) in named.into_iter().zip(nodes) {
            // Gone since the list was read.
            let Some(node) = node else { continue };
            let announced = serde_json::from_slice(&node.data)
                .map_err(|source| ShardError::BadNode { shard: self.name.clone(), path, source })?;
            candidates.push(Candidate { id, sequence, session: node.owner, announced });
        }
        candidates.sort_by_key(|candidate| candidate.sequence);
        Ok(candidates)
    }
}

/// The election children of a shard, the present ones first. Made by [`Shard::watch_candidates`]. Dropping the future of
/// [`CandidateWatch::next`] loses no change and tells none twice.
#[derive(Debug)]
pub struct CandidateWatch {
    shard: Shard,
    pending: Option<Watch>,
}

impl CandidateWatch {
    /// The present children at the first call, none of a shard that has no election yet; then waits until children come or
    /// go. Changes in quick succession may be told as one.
    ///
    /// # Errors
    ///
    /// As [`Shard::candidates`].
    pub async fn next(&mut self) -> Result<Vec<Candidate>, ShardError> {
        if let Some(watch) = &mut self.pending {
            let fired = watch.fired().await;
            self.pending = None;
            fired.map_err(|error| self.shard.fail(error))?;
        }
        let path = self.shard.path("/election");
        let read = self.shard.session.children_and_watch(&path).await;
        let (names, watch) = read.map_err(|error| self.shard.fail(error))?;
        let candidates = self.shard.read_candidates(names).await;
        // Children that could not be read yet are read again at the next call; those that never can be wait for a change.
        if !matches!(candidates, Err(ShardError::ZooKeeper { .. })) {
            self.pending = Some(watch);
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, sequence: u32) -> Candidate {
        let announced = Announced {
            zone_id: ZoneId::from("zone"),
            ip: "10.0.0.1".into(),
            pg_url: None,
            backup_url: None,
            other: Map::new(),
        };
        Candidate { id: PeerId::from(id), sequence, session: 1, announced }
    }

    #[test]
    fn a_name_is_an_id_and_a_number() {
        let parts = parse_name("10.99.4.13:5432:12345-0000000164");
        assert_eq!(parts, Some((PeerId::from("10.99.4.13:5432:12345"), 164)));
        // Version 1, and an id with a dash in it.
        assert_eq!(parse_name("10.99.4.13-0000000001"), Some((PeerId::from("10.99.4.13"), 1)));
        assert_eq!(parse_name("a-b:1-0000000002"), Some((PeerId::from("a-b:1"), 2)));
        for name in ["", "x", "-0000000001", "10.0.0.1-", "10.0.0.1-12"] {
            assert_eq!(parse_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn the_newest_of_an_id_counts_and_ids_sort_as_text() {
        let all = [
            candidate("b", 7),
            candidate("10.0.0.9", 3),
            candidate("10.0.0.10", 4),
            candidate("b", 5),
        ];
        let active: Vec<_> =
            active_candidates(&all).iter().map(|c| (c.id.as_str(), c.sequence)).collect();
        assert_eq!(active, [("10.0.0.10", 4), ("10.0.0.9", 3), ("b", 7)]);
    }

    #[test]
    fn without_a_pg_url_there_is_no_peer() {
        assert_eq!(candidate("10.0.0.1", 1).peer(), None);
    }
}

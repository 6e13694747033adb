//! The parties of a cutover, and the looks that are taken at them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use manatee_client::{ClusterState, Coordination, Peer, Shard, Switch, SwitchStanding};

use super::error::CutoverError;
use super::sessions::{MorayAddresses, MoraySessions, moray_sessions};
use crate::deployment::Database;
use crate::guard::{GuardError, Identity, Lease, MoveNumber, Session, bypasses, compare_tables};

/// The longest that a statement of a cutover may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two looks at sessions.
const LOOK: Duration = Duration::from_millis(3);

/// Those between whom vnodes move, as a plan knows them.
#[derive(Clone)]
pub struct Parties<'a> {
    /// For the session that shuts the switch.
    pub zookeeper: &'a dyn Coordination,
    /// The path that the Morays of the moving name follow.
    pub switch: &'a Switch,
    /// The shard that has the vnodes.
    pub source: &'a Shard,
    /// The shard that gets them.
    pub target: &'a Shard,
    /// The addresses of the Moray zones of the moving name.
    pub morays: &'a MorayAddresses,
    /// The right to act for the plan.
    pub lease: Lease,
    /// The move.
    pub number: MoveNumber,
    /// The databases of source and target when their rows were compared.
    pub identities: [Identity; 2],
}

/// A shard's primary, and a session there.
pub(super) struct End {
    pub(super) state: ClusterState,
    pub(super) session: Session,
}

impl Parties<'_> {
    /// Connects to the primary of a shard as it is now.
    pub(super) async fn connect(&self, shard: &Shard) -> Result<End, CutoverError> {
        let state = shard.read_existing().await?.state;
        let database = connect_to(shard, &state.primary).await?;
        Ok(End { state, session: self.lease.take(database).await? })
    }

    /// Connects to the sync of the source, if it has one.
    pub(super) async fn connect_to_sync(
        &self,
        source: &ClusterState,
    ) -> Result<Option<Database>, CutoverError> {
        let Some(sync) = &source.sync else { return Ok(None) };
        Ok(Some(connect_to(self.source, sync).await?))
    }

    /// Sees that nobody can take over at source or target, and that nobody has.
    pub(super) async fn check_identities(
        &self,
        source: &Database,
        target: &Database,
    ) -> Result<(), CutoverError> {
        let [at_source, at_target] = &self.identities;
        let both = [(self.source, source, at_source), (self.target, target, at_target)];
        for (shard, database, expected) in both {
            let state = shard.read_existing().await?.state;
            if !state.is_frozen() {
                return Err(CutoverError::NotFrozen { shard: shard.name().clone() });
            }
            let generation = u64::from(state.generation.count().unwrap_or(0));
            let found = Identity::read(database, generation).await?;
            expected
                .compare(&found)
                .map_err(|source| CutoverError::Identity { shard: shard.name().clone(), source })?;
        }
        Ok(())
    }

    /// Sees that everything is as it has to be before a cutover.
    pub(super) async fn look(
        &self,
        source: &Database,
        target: &Database,
    ) -> Result<(), CutoverError> {
        self.check_identities(source, target).await?;
        for database in [source, target] {
            let findings = bypasses(database).await?;
            if !findings.is_empty() {
                let host = database.endpoint().host.clone();
                return Err(GuardError::Unsafe { host, findings }.into());
            }
        }
        let differences = compare_tables(source, Some(target), self.number).await?;
        if !differences.is_empty() {
            return Err(GuardError::Tables { differences }.into());
        }
        // One that has none may be opening one, and would come to the source when all others have left.
        let there = moray_sessions(source, self.morays).await.map_err(GuardError::from)?;
        let missing = self.morays.iter().filter(|it| !there.contains_key(it));
        let missing_at_source: BTreeSet<IpAddr> = missing.copied().collect();
        if !missing_at_source.is_empty() {
            let sessions = MoraySessions { missing_at_source, ..MoraySessions::default() };
            return Err(CutoverError::Sessions { sessions });
        }
        let primary = self.source.read_existing().await?.state.primary;
        let found = match self.switch.look().await? {
            SwitchStanding::Leads(found) if found.id == primary.id => return Ok(()),
            SwitchStanding::Leads(found) => found.id.to_string(),
            SwitchStanding::Absent => "there is no such path".to_owned(),
            SwitchStanding::Shut { session } => format!("the session {session:#x} has shut it"),
            SwitchStanding::Fallback(id) => format!("it has no state, only {id} in the election"),
        };
        Err(CutoverError::SwitchElsewhere { path: self.switch.path().to_owned(), found })
    }

    /// Waits until no Moray of the name has a session at the source.
    pub(super) async fn wait_until_quiet(
        &self,
        source: &Database,
        within: Duration,
    ) -> Result<(), CutoverError> {
        self.wait_for_sessions(source, None, within).await
    }

    /// Waits until no Moray of the name has a session at the source, and each has one at the target.
    pub(super) async fn wait_until_settled(
        &self,
        source: &Database,
        target: &Database,
        within: Duration,
    ) -> Result<(), CutoverError> {
        self.wait_for_sessions(source, Some(target), within).await
    }

    async fn wait_for_sessions(
        &self,
        source: &Database,
        target: Option<&Database>,
        within: Duration,
    ) -> Result<(), CutoverError> {
        let until = tokio::time::Instant::now() + within;
        loop {
            let failed = GuardError::from;
            let at_source = moray_sessions(source, self.morays).await.map_err(failed)?;
            let mut missing_at_target = BTreeSet::new();
            if let Some(target) = target {
                let there = moray_sessions(target, self.morays).await.map_err(failed)?;
                missing_at_target.extend(self.morays.iter().filter(|it| !there.contains_key(it)));
            }
            let missing_at_source = BTreeSet::new();
            let sessions = MoraySessions { at_source, missing_at_source, missing_at_target };
            if sessions.is_settled() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= until {
                return Err(CutoverError::Sessions { sessions });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Connects to a peer of a shard.
async fn connect_to(shard: &Shard, peer: &Peer) -> Result<Database, CutoverError> {
    let shard = || shard.name().clone();
    let endpoint = peer.endpoint();
    let endpoint = endpoint.map_err(|source| CutoverError::Endpoint { shard: shard(), source })?;
    Ok(Database::connect(&endpoint, STATEMENT_TIMEOUT).await.map_err(GuardError::from)?)
}

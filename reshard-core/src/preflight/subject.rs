//! The subject of the checks.

use std::collections::BTreeSet;

use manatee_client::ShardName;
use sapi_client::{ImageUuid, InstanceUuid, ServerUuid};

use crate::plan::{Mode, Request, Target, ValidPlan};

/// The subject of the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The shard that is to be split.
    pub source: ShardName,
    /// The names of the new shards, where they are known.
    pub targets: Vec<ShardName>,
    /// Images that are asked for besides those of the source's zones.
    pub images: BTreeSet<ImageUuid>,
    /// The servers that get new zones, where they are known.
    pub servers: BTreeSet<ServerUuid>,
    /// Disk that is needed on servers, in bytes; empty where nobody has computed it.
    pub disk: Vec<(ServerUuid, u64)>,
    /// The mode of the plan that there is or will be.
    pub mode: Mode,
    /// The number of new Moray zones.
    pub morays: u32,
    /// True if the storage shard may be split.
    pub allow_storage_shard: bool,
    /// The plan's UUID, as it is written into freezes and locks, where there is a plan.
    pub plan: Option<String>,
    /// The plan's stage.
    pub stage: Stage,
}

/// The stage of the plan: what it has changed itself is no obstacle to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is begun.
    Before,
    /// Its zones are there, the source is frozen, dumps are locked out.
    Prepared {
        /// The zones that it has created.
        zones: BTreeSet<InstanceUuid>,
    },
}

impl Subject {
    /// The wish to split a shard in the default mode, as far as nothing more is known.
    pub fn shard(source: ShardName) -> Self {
        Self {
            source,
            targets: Vec::new(),
            images: BTreeSet::new(),
            servers: BTreeSet::new(),
            disk: Vec::new(),
            mode: Mode::default(),
            morays: Mode::default().fewest_morays(),
            allow_storage_shard: false,
            plan: None,
            stage: Stage::Before,
        }
    }

    /// The same in another mode.
    #[must_use]
    pub fn in_mode(self, mode: Mode) -> Self {
        Self { mode, morays: mode.fewest_morays(), ..self }
    }

    /// The request of an operator.
    pub fn request(request: &Request) -> Self {
        let domain = request.source.as_str().split_once('.').map_or("", |(_, domain)| domain);
        let name = |number: &u32| format!("{number}.{domain}").parse().ok();
        let images = [request.postgres_image, request.moray_image];
        Self {
            targets: request.numbers.iter().filter_map(name).collect(),
            images: images.into_iter().flatten().collect(),
            servers: request.servers.iter().copied().collect(),
            mode: request.mode,
            morays: request.morays_of_each().saturating_mul(request.new_shards),
            allow_storage_shard: request.allow_storage_shard,
            ..Self::shard(request.source.clone())
        }
    }

    /// A plan that has not begun.
    pub fn plan(plan: &ValidPlan) -> Self {
        let zones = || plan.targets().iter().flat_map(Target::zones);
        Self {
            targets: plan.targets().iter().map(|target| target.name.clone()).collect(),
            images: zones().map(|zone| zone.image).collect(),
            servers: zones().map(|zone| zone.server).collect(),
            disk: plan.prediction.disk.clone(),
            morays: plan
                .targets()
                .iter()
                .map(|target| target.morays.len())
                .fold(0, |all, each| all.saturating_add(u32::try_from(each).unwrap_or(u32::MAX))),
            plan: Some(plan.uuid.to_string()),
            ..Self::request(&plan.request)
        }
    }

    /// A plan that is prepared and about to block writes. `round` is that of [`crate::Context::round`].
    #[must_use]
    pub fn prepared_plan(plan: &ValidPlan, round: u32) -> Self {
        let stage = Stage::Prepared { zones: own_zones(plan, round) };
        // Its peers have their disk already.
        Self { stage, disk: Vec::new(), ..Self::plan(plan) }
    }

    /// Tells whether this is the plan that the checks are made for.
    pub(super) fn is_own(&self, owner: Option<&str>) -> bool {
        owner.is_some() && owner == self.plan.as_deref()
    }

    /// Tells whether the plan has created this zone.
    pub(super) fn created(&self, zone: &str) -> bool {
        match &self.stage {
            Stage::Before => false,
            Stage::Prepared { zones } => zones.iter().any(|own| own.to_string() == zone),
        }
    }

    pub(super) fn is_prepared(&self) -> bool {
        matches!(self.stage, Stage::Prepared { .. })
    }
}

/// The number of times that a zone is tried to be made, at the very most: every attempt has a UUID of its own.
const ATTEMPTS: u32 = 32;

/// The zones that a plan creates, also those of further attempts.
pub(crate) fn own_zones(plan: &ValidPlan, round: u32) -> BTreeSet<InstanceUuid> {
    let zones = plan.targets().iter().flat_map(Target::zones);
    zones
        .flat_map(|zone| {
            let further = (1..ATTEMPTS).map(|attempt| format!("{}/{attempt}", zone.role));
            std::iter::once(zone.role.clone()).chain(further)
        })
        .map(|role| plan.instance_uuid(&role, round))
        .collect()
}

//! The shard that a command is about, as it was typed: by its name, or by its number.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use command_line::unknown::Unknown;
use manatee_client::{BadShardName, ShardName};
use reshard_core::Deployment;
use reshard_core::shards::{KnownShards, known_shards};

use super::error::{Error, Result};

/// The longest that SAPI and ZooKeeper are waited for when a name is looked up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A shard's name, or the beginning of one up to a dot: `2` for `2.moray.coal.joyent.us`.
#[derive(Clone, Debug)]
pub(super) struct ShardArg(ShardName);

impl FromStr for ShardArg {
    type Err = BadShardName;

    fn from_str(text: &str) -> std::result::Result<Self, BadShardName> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ShardArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ShardArg {
    /// The text that was typed.
    pub(super) fn written(&self) -> &ShardName {
        &self.0
    }

    /// Tells whether this shard may be meant.
    pub(super) fn may_be(&self, shard: &ShardName) -> bool {
        self.0 == *shard || begins(&self.0, shard)
    }

    /// The shard's whole name, by the lists in SAPI and ZooKeeper.
    pub(super) async fn resolve(&self, deployment: &Deployment) -> Result<ShardName> {
        find(self.0.clone(), &known_shards(deployment, PATIENCE).await)
    }
}

/// Tells whether what was written is the beginning of a shard's name, up to a dot.
fn begins(written: &ShardName, shard: &ShardName) -> bool {
    shard.as_str().strip_prefix(written.as_str()).is_some_and(|rest| rest.starts_with('.'))
}

fn find(written: ShardName, known: &KnownShards) -> Result<ShardName> {
    if known.names.contains(&written) {
        return Ok(written);
    }
    let mut begun = known.names.iter().filter(|name| begins(&written, name)).cloned();
    match (begun.next(), begun.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => {
            Err(Error::SeveralShards { written: written.to_string(), one, other })
        }
        // Whether there is such a shard is for what follows to find out, which also says what does not answer.
        (None, _) if !known.unknown.is_empty() && written.as_str().contains('.') => Ok(written),
        (None, _) if !known.unknown.is_empty() => {
            Err(Error::ShardUnknown { written: written.to_string(), why: known.unknown.join("; ") })
        }
        (None, _) => {
            let names = known.names.iter().map(ShardName::as_str);
            Err(Unknown::new("shard", written.as_str(), names).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        written: &str,
        names: &[&str],
        unknown: &[&str],
    ) -> std::result::Result<String, String> {
        let known = KnownShards {
            names: names.iter().map(|name| name.parse().unwrap()).collect(),
            unknown: unknown.iter().map(|&why| why.to_owned()).collect(),
        };
        let found = find(written.parse().unwrap(), &known);
        found.map(|name| name.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_is_enough_where_it_is_of_one_shard() {
        let names = ["2.moray.a.b", "20.moray.a.b"];
        for written in ["2", "2.moray", "2.moray.a.b"] {
            assert_eq!(found(written, &names, &[]).as_deref(), Ok("2.moray.a.b"));
        }
        let error = found("2", &["2.moray.a.b", "2.moray.c.d"], &[]).unwrap_err();
        assert_eq!(error, "2 may be 2.moray.a.b or 2.moray.c.d: write more of it");
        let error = found("3.moray.a.b", &names, &[]).unwrap_err();
        assert!(
            error.starts_with("there is no shard 3.moray.a.b; did you mean 2.moray.a.b?"),
            "{error}"
        );
    }

    #[test]
    fn a_whole_name_needs_no_list() {
        assert_eq!(
            found("3.moray.a.b", &["2.moray.a.b"], &["SAPI is silent"]).as_deref(),
            Ok("3.moray.a.b")
        );
        let error = found("3", &["2.moray.a.b"], &["SAPI is silent"]).unwrap_err();
        assert_eq!(
            error,
            "which shard 3 is cannot be looked up (SAPI is silent); write its whole name"
        );
    }
}

//! `manatee-adm` 2.1.1: shows and changes clusters of Manatee.
//!
//! Its output, its exit codes and its oddities are those of the real one, with these exceptions: `promote` takes
//! `-y` (the real one always asks), `-z`, `-s` are taken from the sitter's configuration when neither option nor
//! environment has them, and `rebuild` gives up when the peer is not back after five minutes, or the seconds of `-t`.

mod cluster;
#[cfg(test)]
mod examples;
mod history;
mod lag;
mod load;
mod promote;
mod rebuild;
mod state;
mod status;
mod store;
mod table;
mod views;
mod writes;

use serde_json::Value;

use self::store::Store;
use super::options::{Grammar, Options, usage};
use super::session::{Ending, Failure, Session};

pub(super) const USAGE: &str = "manatee-adm SUBCOMMAND [-s SHARD] [-z ZK_IPS] [-c CONFIG] [OPTIONS]
    show [-v]                             the cluster, its peers, replication, issues
    peers [-Hw] [-o COLUMN,...]           its peers
    pg-status [-Hw] [-o COLUMN,...] [PERIOD [COUNT]]
    verify [-v]                           its issues alone; exit code 1 if there are any
    zk-state (state), zk-active (active)  what ZooKeeper has
    status [-l]                           as JSON (deprecated)
    history [-jv] [--sort zkSeq|time]
    freeze -r REASON, unfreeze
    reap [-n ZONENAME | -i IP], set-onwm -m on|off [-y], state-backfill [-y]
    promote -r sync|async -n ZONENAME [-i INDEX] [-l LAG] [-y], clear-promote
    rebuild [-t SECONDS] [-y]
    check-lock -p PATH, version";

const VERSION: &str = "2.1.1";
const SITTER_CONFIG: &str = "/opt/smartdc/manatee/etc/sitter.json";

/// The subject of a call.
struct Call<'a> {
    session: &'a Session,
    options: Options,
    config: Value,
}

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let Some((name, args)) = args.split_first() else {
        session.print(format!("usage: {USAGE}\n"));
        return Ok(1);
    };
    let (grammar, name) = match name.as_str() {
        "show" => (Grammar::new("hvs:z:c:"), "show"),
        "peers" => (TABLE, "peers"),
        "pg-status" | "pg_status" => (TABLE, "pg-status"),
        "verify" => (Grammar::new("hvs:z:c:"), "verify"),
        "zk-state" | "state" | "zk_state" => (Grammar::new("hs:z:c:"), "zk-state"),
        "zk-active" | "active" | "zk_active" => (Grammar::new("hs:z:c:"), "zk-active"),
        "status" => (Grammar::new("hls:z:c:"), "status"),
        "history" => (
            Grammar { long: &[("sort", 'S'), ("json", 'j')], ..Grammar::new("hjvS:s:z:c:") },
            "history",
        ),
        "freeze" => (Grammar { long: &[("reason", 'r')], ..Grammar::new("hr:s:z:c:") }, "freeze"),
        "unfreeze" => (Grammar::new("hs:z:c:"), "unfreeze"),
        "reap" => (Grammar::new("hn:i:s:z:c:"), "reap"),
        "set-onwm" | "set_onwm" => (Grammar::new("hym:s:z:c:"), "set-onwm"),
        "state-backfill" | "state_backfill" => (Grammar::new("hys:z:c:"), "state-backfill"),
        "promote" => (Grammar::new("hyr:n:i:l:s:z:c:"), "promote"),
        "clear-promote" | "clear_promote" => (Grammar::new("hs:z:c:"), "clear-promote"),
        "check-lock" | "check_lock" => (Grammar::new("hp:z:c:"), "check-lock"),
        "version" => {
            session.print(format!("{VERSION}\n"));
            return Ok(0);
        }
        "rebuild" => (Grammar::new("hyt:s:z:c:"), "rebuild"),
        "help" | "-h" | "--help" => {
            session.print(format!("usage: {USAGE}\n"));
            return Ok(0);
        }
        other => {
            return Err(Failure::new(format!("manatee-adm: error: unknown command: \"{other}\"")));
        }
    };
    let options = grammar.parse(args)?;
    if options.has('h') {
        session.print(format!("usage: {USAGE}\n"));
        return Ok(0);
    }
    let call = Call { session, config: read_config(session, &options)?, options };
    dispatch(name, &call).await.map_err(|failure| match failure {
        Failure::Exit(code, message)
            if !message.is_empty() && !message.starts_with("manatee-adm") =>
        {
            Failure::Exit(code, format!("manatee-adm {name}: error: {message}"))
        }
        failure @ (Failure::Exit(..) | Failure::Usage(_)) => failure,
    })
}

const TABLE: Grammar = Grammar {
    long: &[("omitHeader", 'H'), ("columns", 'o'), ("wide", 'w')],
    ..Grammar::new("hHwo:s:z:c:")
};

async fn dispatch(name: &str, call: &Call<'_>) -> Ending {
    match name {
        "show" => views::show(call).await,
        "peers" => views::peers(call).await,
        "pg-status" => views::pg_status(call).await,
        "verify" => views::verify(call).await,
        "zk-state" => views::zk_state(call).await,
        "zk-active" => views::zk_active(call).await,
        "status" => status::run(call).await,
        "history" => history::run(call).await,
        "freeze" => writes::freeze(call).await,
        "unfreeze" => writes::unfreeze(call).await,
        "reap" => writes::reap(call).await,
        "set-onwm" => writes::set_onwm(call).await,
        "state-backfill" => writes::state_backfill(call).await,
        "promote" => promote::run(call).await,
        "rebuild" => rebuild::run(call).await,
        "clear-promote" => writes::clear_promote(call).await,
        _ => views::check_lock(call).await,
    }
}

/// The sitter's configuration. One that nobody named need not be there.
fn read_config(session: &Session, options: &Options) -> Result<Value, Failure> {
    let named = options.value('c').or_else(|| session.variable("MANATEE_SITTER_CONFIG"));
    let path = named.unwrap_or(SITTER_CONFIG);
    let cannot = |error: &(dyn std::error::Error + 'static)| {
        Failure::because(format!("manatee-adm: error: cannot read {path}"), error)
    };
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| cannot(&error)),
        Err(_) if named.is_none() => Ok(Value::Null),
        Err(error) => Err(cannot(&error)),
    }
}

impl Call<'_> {
    /// The servers of ZooKeeper.
    fn servers(&self) -> Result<String, Failure> {
        let given = self.options.value('z').or_else(|| self.session.variable("ZK_IPS"));
        match given.map(ToOwned::to_owned).or_else(|| configured_servers(&self.config)) {
            Some(servers) => Ok(servers),
            None => usage("option -z or the variable ZK_IPS is needed"),
        }
    }

    /// The shard.
    fn shard(&self) -> Result<String, Failure> {
        let given = self.options.value('s').or_else(|| self.session.variable("SHARD"));
        let path = || self.config.get("shardPath").and_then(Value::as_str);
        let configured = || path().and_then(|path| path.rsplit('/').next());
        match given.or_else(configured) {
            Some(shard) => Ok(shard.to_owned()),
            None => usage("option -s or the variable SHARD is needed"),
        }
    }

    async fn connect(&self) -> Result<Store, Failure> {
        Store::connect(&self.servers()?).await
    }

    /// Asks for a `yes`, unless `-y` was given.
    fn confirm(&self, question: &str) -> Result<(), Failure> {
        let yes = self.options.has('y')
            || matches!(self.session.ask(&format!("{question} (yes/no) "))?.as_str(), "yes" | "y");
        if yes { Ok(()) } else { Err(Failure::new("aborting")) }
    }
}

/// The servers in the sitter's configuration: the lab's, or `zkCfg` in the forms it has had.
fn configured_servers(config: &Value) -> Option<String> {
    if let Some(text) = config.pointer("/zookeeper/servers").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let zookeeper = config.get("zkCfg")?;
    if let Some(text) = zookeeper.get("connStr").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let server = |server: &Value| {
        let host = server.get("host")?.as_str()?;
        let port = server.get("port").and_then(Value::as_u64);
        Some(port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    };
    let servers: Vec<String> =
        zookeeper.get("servers")?.as_array()?.iter().filter_map(server).collect();
    (!servers.is_empty()).then(|| servers.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sitters_configuration_names_the_servers() {
        let new =
            json!({"zkCfg": {"connStr": "10.0.0.1:2181", "opts": {"sessionTimeout": 60_000}}});
        assert_eq!(configured_servers(&new).as_deref(), Some("10.0.0.1:2181"));
        let old = json!({"zkCfg": {"servers": [{"host": "a", "port": 2181}, {"host": "b"}]}});
        assert_eq!(configured_servers(&old).as_deref(), Some("a:2181,b"));
        assert_eq!(configured_servers(&json!({})), None);
    }

    #[tokio::test]
    async fn usage_is_exit_code_2_and_the_unknown_1() {
        let session = Session::new([]);
        let run = async |args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            run(&session, &args).await
        };
        for args in [&["show"][..], &["freeze", "-z", "a", "-s", "b"], &["show", "-q"]] {
            assert!(matches!(run(args).await, Err(Failure::Usage(_))), "{args:?}");
        }
        assert!(matches!(run(&["dance"]).await, Err(Failure::Exit(1, _))));
        assert!(matches!(run(&["rebuild"]).await, Err(Failure::Exit(1, _))));
        assert_eq!(run(&["version"]).await, Ok(0));
    }
}

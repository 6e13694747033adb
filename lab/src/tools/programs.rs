//! Tools that are other programs by another name.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use uuid::Uuid;

use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Session};

pub(super) const GTAR_USAGE: &str = "gtar TAR-ARGUMENTS";
pub(super) const PSQL_USAGE: &str = "psql PSQL-ARGUMENTS";
pub(super) const SUDO_USAGE: &str = "sudo [-EHn] [-u USER] COMMAND [ARGUMENTS...]";
pub(super) const UUID_USAGE: &str = "uuid [-v4] [-n COUNT]";
pub(super) const FASH_USAGE: &str = "fash FASH-ARGUMENTS";
pub(super) const ZKCLI_USAGE: &str = "zkCli.sh [-server HOST:PORT] [COMMAND [ARGUMENTS...]]";

/// Becomes another program. It returns only when it cannot.
fn become_program(mut command: Command) -> Failure {
    let error = command.exec();
    let program = command.get_program().to_string_lossy().into_owned();
    Failure::Exit(127, format!("cannot run {program}: {error}"))
}

/// GNU tar.
pub(super) fn gtar(args: &[String]) -> Ending {
    let mut tar = Command::new("tar");
    tar.args(args);
    Err(become_program(tar))
}

/// The place of PostgreSQL's own client: in zones, this tool comes before it.
const PSQL: &str = "/usr/bin/psql";

/// PostgreSQL's client. In a postgres zone of production it finds its server by a socket in the file system and is let in as
/// `postgres`; here it is told the zone's address.
pub(super) async fn psql(session: &Session, args: &[String]) -> Ending {
    let mut psql = Command::new(PSQL);
    psql.args(args);
    if session.variable("PGHOST").is_none() {
        let zone = session.control()?.zone(session.zone()?).await?;
        psql.env("PGHOST", zone.spec.address.to_string());
    }
    if session.variable("PGUSER").is_none() {
        psql.env("PGUSER", "postgres");
    }
    Err(become_program(psql))
}

/// A command as another user. Zones of the lab have only one.
pub(super) fn sudo(args: &[String]) -> Ending {
    let options = Grammar { stops: true, ..Grammar::new("EHnu:") }.parse(args)?;
    let Some((program, args)) = options.operands.split_first() else {
        return usage("no command");
    };
    let mut command = Command::new(program);
    command.args(args);
    Err(become_program(command))
}

/// Random UUIDs, whatever version is asked for.
pub(super) fn uuid(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("v:n:").parse(args)?;
    let [] = options.exactly("none")?;
    let count = options.value('n').map_or(Ok(1), str::parse::<u32>);
    let count = count.or_else(|_| usage("-n takes a number"))?;
    for _ in 0..count {
        session.print(format!("{}\n", Uuid::new_v4()));
    }
    Ok(0)
}

/// The place of this project's `fash` in zones. It is empty where the lab was started without it.
const FASH: &str = "/opt/lab/fash";

/// This project's `fash` in place of node-fash, if it was beside the program that started the lab.
pub(super) fn fash(args: &[String]) -> Ending {
    if !std::fs::metadata(FASH).is_ok_and(|file| file.len() > 0) {
        let message = "fash: there was none beside the program that started this lab; `cargo build --package reshard-cli` \
                       makes it, and the next start takes it";
        return Err(Failure::Exit(127, message.to_owned()));
    }
    let mut fash = Command::new(FASH);
    fash.args(args);
    Err(become_program(fash))
}

/// The jars of Debian that ZooKeeper's command line needs: libzookeeper-java and libcommons-cli-java, which it depends on. Its
/// manifest names more; these it forgets.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar:/usr/share/java/commons-cli.jar:\
                    /usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar:/usr/share/java/netty-all.jar:\
                    /usr/share/java/metrics-core.jar:/usr/share/java/snappy-java.jar";

/// ZooKeeper's own command line.
pub(super) async fn zkcli(session: &Session, args: &[String]) -> Ending {
    let server = if args.iter().any(|arg| arg == "-server") {
        None
    } else {
        Some(session.control()?.layout().await?.zookeeper())
    };
    Err(become_program(zookeeper_shell(server.as_deref(), args)))
}

/// ZooKeeper's own command line, connected to a server, with the commands of older versions.
pub(crate) fn zookeeper_shell(server: Option<&str>, args: &[String]) -> Command {
    let mut java = Command::new("java");
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx64m"]);
    java.args(["-cp", JARS, "org.apache.zookeeper.ZooKeeperMain"]);
    if let Some(server) = server {
        java.args(["-server", server]);
    }
    java.args(args.iter().map(|arg| newer_name(arg)));
    java
}

/// Runbooks were written for an older version.
fn newer_name(arg: &str) -> &str {
    match arg {
        "rmr" => "deleteall",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there() {
        let failure = become_program(Command::new("/no/such/program"));
        assert!(
            matches!(failure, Failure::Exit(127, message) if message.contains("/no/such/program"))
        );
    }

    #[test]
    fn sudo_runs_a_command_with_its_options() {
        let args = ["-u", "postgres", "/no/such/program", "-c", "-u"].map(ToOwned::to_owned);
        let failure = sudo(&args).unwrap_err();
        assert!(
            matches!(&failure, Failure::Exit(127, message) if message.contains("/no/such/program")),
            "{failure:?}"
        );
        assert!(matches!(sudo(&["-u".to_owned()]), Err(Failure::Usage(_))));
        assert!(matches!(sudo(&[]), Err(Failure::Usage(_))));
    }

    #[test]
    fn rmr_has_another_name() {
        assert_eq!((newer_name("rmr"), newer_name("/rmr")), ("deleteall", "/rmr"));
    }
}

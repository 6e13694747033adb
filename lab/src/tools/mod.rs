//! Stand-ins for the commands that zones have.
//!
//! The lab's program is all of them: by its name when it is called through a symbolic link, or as
//! `lab-service tool NAME ARGUMENTS…`.

mod control;
mod fmri;
mod imgadm;
mod json;
mod manatee_adm;
mod manta_adm;
mod oneach;
mod options;
mod processes;
pub(crate) mod programs;
mod sapiadm;
mod sdc_api;
mod session;
mod svcadm;
mod svcprop;
mod svcs;
mod svcs_explain;
mod webapi;
mod zone;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::ExitCode;

use self::session::{Ending, Failure, Session};

/// A tool: its name, and how it is called.
struct Tool {
    name: &'static str,
    usage: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { name: "fash", usage: programs::FASH_USAGE },
    Tool { name: "gtar", usage: programs::GTAR_USAGE },
    Tool { name: "json", usage: json::USAGE },
    Tool { name: "manatee-adm", usage: manatee_adm::USAGE },
    Tool { name: "manta-adm", usage: manta_adm::USAGE },
    Tool { name: "manta-oneach", usage: oneach::USAGE },
    Tool { name: "manta-shardadm", usage: manta_adm::SHARDADM_USAGE },
    Tool { name: "mdata-get", usage: zone::MDATA_GET_USAGE },
    Tool { name: "mlocate", usage: webapi::MLOCATE_USAGE },
    Tool { name: "mmkdir", usage: webapi::MMKDIR_USAGE },
    Tool { name: "mput", usage: webapi::MPUT_USAGE },
    Tool { name: "mrm", usage: webapi::MRM_USAGE },
    Tool { name: "psql", usage: programs::PSQL_USAGE },
    Tool { name: "ptree", usage: zone::PTREE_USAGE },
    Tool { name: "sapiadm", usage: sapiadm::USAGE },
    Tool { name: "sdc-cnapi", usage: sdc_api::USAGE },
    Tool { name: "sdc-imgadm", usage: imgadm::USAGE },
    Tool { name: "sdc-imgapi", usage: sdc_api::USAGE },
    Tool { name: "sdc-sapi", usage: sdc_api::USAGE },
    Tool { name: "sdc-vmapi", usage: sdc_api::USAGE },
    Tool { name: "sdc-vmadm", usage: manta_adm::VMADM_USAGE },
    Tool { name: "sudo", usage: programs::SUDO_USAGE },
    Tool { name: "svcadm", usage: svcadm::USAGE },
    Tool { name: "svcprop", usage: svcprop::USAGE },
    Tool { name: "svcs", usage: svcs::USAGE },
    Tool { name: "uuid", usage: programs::UUID_USAGE },
    Tool { name: "vmadm", usage: manta_adm::VMADM_USAGE },
    Tool { name: "zkCli.sh", usage: programs::ZKCLI_USAGE },
    Tool { name: "zlogin", usage: zone::ZLOGIN_USAGE },
    Tool { name: "zonename", usage: zone::ZONENAME_USAGE },
];

async fn dispatch(name: &str, session: &Session, args: &[String]) -> Ending {
    match name {
        "fash" => programs::fash(args),
        "gtar" => programs::gtar(args),
        "json" => json::run(session, args),
        "manatee-adm" => manatee_adm::run(session, args).await,
        "manta-adm" => manta_adm::run(session, args).await,
        "manta-shardadm" => manta_adm::shardadm(session, args).await,
        "manta-oneach" => oneach::run(session, args).await,
        "mdata-get" => zone::mdata_get(session, args).await,
        "mlocate" => webapi::mlocate(session, args).await,
        "mmkdir" => webapi::mmkdir(session, args).await,
        "mput" => webapi::mput(session, args).await,
        "mrm" => webapi::mrm(session, args).await,
        "psql" => programs::psql(session, args).await,
        "ptree" => zone::ptree(session, args).await,
        "sapiadm" => sapiadm::run(session, args).await,
        "sdc-imgadm" => imgadm::run(session, args).await,
        "sdc-cnapi" | "sdc-imgapi" | "sdc-sapi" | "sdc-vmapi" => {
            sdc_api::run(session, name, args).await
        }
        "sdc-vmadm" | "vmadm" => manta_adm::vmadm(session, args).await,
        "sudo" => programs::sudo(args),
        "svcadm" => svcadm::run(session, args).await,
        "svcprop" => svcprop::run(session, args).await,
        "svcs" => svcs::run(session, args).await,
        "uuid" => programs::uuid(session, args),
        "zkCli.sh" => programs::zkcli(session, args).await,
        "zlogin" => zone::zlogin(session, args).await,
        "zonename" => zone::zonename(session, args),
        other => Err(Failure::new(format!("{other} is no tool of the lab"))),
    }
}

/// The names of all tools. A zone has a link to the lab's program of each name in `/opt/lab/bin`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}

/// The places where scripts look for tools besides `PATH`: path and tool.
pub(crate) fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    PATHS.iter().copied()
}

const PATHS: &[(&str, &str)] = &[
    ("/native/usr/sbin/mdata-get", "mdata-get"),
    ("/opt/local/bin/gtar", "gtar"),
    ("/opt/local/bin/zkCli.sh", "zkCli.sh"),
    ("/opt/smartdc/bin/sapiadm", "sapiadm"),
    ("/opt/smartdc/bin/sdc-imgadm", "sdc-imgadm"),
    ("/opt/smartdc/electric-moray/node_modules/.bin/fash", "fash"),
    ("/opt/smartdc/electric-moray/node_modules/.bin/sdc-imgadm", "sdc-imgadm"),
    ("/opt/smartdc/manatee/bin/manatee-adm", "manatee-adm"),
    ("/opt/smartdc/manatee/node_modules/manatee/bin/manatee-adm", "manatee-adm"),
    ("/opt/smartdc/muskie/bin/mlocate", "mlocate"),
    // These belong to the platform, which all zones share with the global one.
    ("/usr/bin/json", "json"),
    ("/usr/bin/ptree", "ptree"),
    ("/usr/bin/svcprop", "svcprop"),
    ("/usr/bin/svcs", "svcs"),
    ("/usr/bin/zonename", "zonename"),
    ("/usr/sbin/mdata-get", "mdata-get"),
    ("/usr/sbin/svcadm", "svcadm"),
    ("/usr/sbin/vmadm", "vmadm"),
    ("/usr/sbin/zlogin", "zlogin"),
];

/// Tells whether a program of this name is a tool.
pub(crate) fn is_tool(name: &str) -> bool {
    names().any(|tool| tool == name)
}

/// Runs a tool.
pub(crate) fn main(name: &str, args: &[OsString]) -> ExitCode {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let variables = std::env::vars_os();
    let variables = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let session = Session::new(variables);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ending = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(name, &session, &args)),
        Err(error) => Err(Failure::because("cannot start", &error)),
    };
    match ending {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Exit(code, message)) => {
            if !message.is_empty() {
                session.complain(format!("{message}\n"));
            }
            ExitCode::from(code)
        }
        Err(Failure::Usage(message)) => {
            let usage = TOOLS.iter().find(|tool| tool.name == name).map_or("", |tool| tool.usage);
            session.complain(format!("{name}: {message}\nusage: {usage}\n"));
            ExitCode::from(2)
        }
    }
}

/// Rows as lines, their cells below each other, two blanks between.
fn aligned(rows: &[Vec<String>]) -> String {
    let width =
        |number: usize| rows.iter().filter_map(|row| row.get(number)).map(String::len).max();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (number, cell) in row.iter().enumerate() {
            let width = width(number).unwrap_or(0) + 2;
            write!(line, "{cell:<width$}").unwrap_or_default();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_a_tools() {
        assert!(paths().all(|(path, tool)| path.starts_with('/') && is_tool(tool)));
    }

    #[tokio::test]
    async fn every_tool_is_run_by_its_name() {
        let session = Session::new([]);
        // These become other programs.
        for name in names().filter(|name| !matches!(*name, "gtar" | "zkCli.sh")) {
            let no_lab = dispatch(name, &session, &["--no-such-option".to_owned()]).await;
            let unknown = format!("{name} is no tool of the lab");
            assert!(!matches!(no_lab, Err(Failure::Exit(_, message)) if message == unknown));
        }
    }
}

//! Stand-ins for the commands that zones have.
//!
//! The lab's program is all of them: by its name when it is called through a symbolic link, or as
//! `lab-service tool NAME ARGUMENTS…`.

mod control;
mod fmri;
mod json;
mod manatee_adm;
mod options;
mod processes;
mod session;
mod svcadm;
mod svcprop;
mod svcs;
mod zone;

use std::ffi::OsString;
use std::process::ExitCode;

use self::session::{Ending, Failure, Session};

/// A tool: its name, and how it is called.
struct Tool {
    name: &'static str,
    usage: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { name: "json", usage: json::USAGE },
    Tool { name: "manatee-adm", usage: manatee_adm::USAGE },
    Tool { name: "mdata-get", usage: zone::MDATA_GET_USAGE },
    Tool { name: "ptree", usage: zone::PTREE_USAGE },
    Tool { name: "svcadm", usage: svcadm::USAGE },
    Tool { name: "svcprop", usage: svcprop::USAGE },
    Tool { name: "svcs", usage: svcs::USAGE },
    Tool { name: "zlogin", usage: zone::ZLOGIN_USAGE },
    Tool { name: "zonename", usage: zone::ZONENAME_USAGE },
];

async fn dispatch(name: &str, session: &Session, args: &[String]) -> Ending {
    match name {
        "json" => json::run(session, args),
        "manatee-adm" => manatee_adm::run(session, args).await,
        "mdata-get" => zone::mdata_get(session, args).await,
        "ptree" => zone::ptree(session, args).await,
        "svcadm" => svcadm::run(session, args).await,
        "svcprop" => svcprop::run(session, args).await,
        "svcs" => svcs::run(session, args).await,
        "zlogin" => zone::zlogin(session, args).await,
        "zonename" => zone::zonename(session, args),
        other => Err(Failure::new(format!("{other} is no tool of the lab"))),
    }
}

/// The names of all tools. A zone has a link to the lab's program of each name in `/opt/lab/bin`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TOOLS.iter().map(|tool| tool.name)
}

/// Where scripts look for tools besides `PATH`: path and tool.
pub(crate) fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    PATHS.iter().copied()
}

const PATHS: &[(&str, &str)] = &[("/native/usr/sbin/mdata-get", "mdata-get")];

/// Whether a program of this name is a tool.
pub(crate) fn is_tool(name: &str) -> bool {
    names().any(|tool| tool == name)
}

/// Runs a tool.
pub(crate) fn main(name: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> =
        args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
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
        for name in names() {
            let no_lab = dispatch(name, &session, &["--no-such-option".to_owned()]).await;
            let unknown = format!("{name} is no tool of the lab");
            assert!(!matches!(no_lab, Err(Failure::Exit(_, message)) if message == unknown));
        }
    }
}

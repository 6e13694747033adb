//! `sdc-sapi`, `sdc-vmapi`, `sdc-cnapi`, `sdc-imgapi`: `curl` with an API's URL and the usual headers.

use std::process::Command;

use super::options::usage;
use super::session::{Ending, Failure, Session};

pub(super) const USAGE: &str = "sdc-sapi|sdc-vmapi|sdc-cnapi|sdc-imgapi PATH [CURL-OPTIONS...]";

pub(super) async fn run(session: &Session, name: &str, args: &[String]) -> Ending {
    let Some((path, args)) = args.split_first() else { return usage("no path") };
    if !path.starts_with('/') {
        return usage(format!("a path begins with a slash: {path}"));
    }
    let block = session.control()?.layout().await?.block;
    let address = match name {
        "sdc-sapi" => block.sapi(),
        "sdc-vmapi" => block.vmapi(),
        "sdc-cnapi" => block.cnapi(),
        _ => block.imgapi(),
    };
    let version: &[&str] =
        if name == "sdc-sapi" || name == "sdc-imgapi" { &["-H", "accept-version:*"] } else { &[] };
    let status = Command::new("curl")
        .args(["--connect-timeout", "10", "-sS", "-i"])
        .args(["-H", "accept:application/json", "-H", "content-type:application/json"])
        .args(version)
        .args(["--url", &format!("http://{address}{path}")])
        .args(args)
        .status()
        .map_err(|error| Failure::because("cannot run curl (is it installed?)", &error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    if code == 0 {
        // The body may not end with a newline.
        session.print("\n");
    }
    Ok(code)
}

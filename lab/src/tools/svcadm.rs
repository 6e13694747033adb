//! `svcadm`: starts and stops services.

use super::fmri;
use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Place, Session};
use crate::messages::{ServiceState, ServiceStatus, SmfAction, SmfRequest};

pub(super) const USAGE: &str = "svcadm enable|disable [-st] {FMRI|pattern}...
       svcadm restart|refresh|clear [-s] {FMRI|pattern}...";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let Some((verb, args)) = args.split_first() else { return usage("no subcommand") };
    let action = match verb.as_str() {
        "enable" => SmfAction::Enable,
        "disable" => SmfAction::Disable,
        "restart" => SmfAction::Restart,
        "refresh" => SmfAction::Refresh,
        "clear" => SmfAction::Clear,
        other => return usage(format!("unknown subcommand: {other}")),
    };
    let options = Grammar::new("strc").parse(args)?;
    if options.operands.is_empty() {
        return usage("no FMRI");
    }
    let Place::Zone(zone) = session.place()? else {
        return Err(no_match(options.operands.first().map_or("", String::as_str)));
    };
    let control = session.control()?;
    let services = control.zone(zone).await?.services;
    let mut code = 0;
    for operand in &options.operands {
        let chosen = match choose(&services, operand) {
            Ok(chosen) => chosen,
            Err(Failure::Exit(failed, message)) => {
                session.complain(format!("{message}\n"));
                code = failed;
                continue;
            }
            Err(failure @ Failure::Usage(_)) => return Err(failure),
        };
        for instance in chosen {
            let request = SmfRequest { action, instance: instance.clone(), wait: options.has('s') };
            let complaint = match control.smf(zone, &request).await? {
                Ok(after) => maintenance(&after, &request).map(|text| (3, text)),
                Err(message) => Some((1, message)),
            };
            if let Some((failed, message)) = complaint {
                let message = message.trim_start_matches("svcadm: ");
                session.complain(format!("svcadm: {message}\n"));
                code = failed;
            }
        }
    }
    Ok(code)
}

/// The instances that an operand stands for. Only a pattern stands for several.
fn choose(services: &[ServiceStatus], operand: &str) -> Result<Vec<String>, Failure> {
    let found = services.iter().filter(|service| fmri::matches(operand, &service.fmri));
    let found: Vec<String> = found.map(|service| service.fmri.clone()).collect();
    match found.len() {
        0 => Err(no_match(operand)),
        1 => Ok(found),
        _ if fmri::is_pattern(operand) => Ok(found),
        _ => Err(Failure::new(format!(
            "svcadm: Pattern '{operand}' matches multiple instances:\n        {}",
            found.join("\n        ")
        ))),
    }
}

fn no_match(operand: &str) -> Failure {
    Failure::new(format!("svcadm: Pattern '{operand}' doesn't match any instances"))
}

/// Someone who waits is told that it will never be online.
fn maintenance(after: &[ServiceStatus], request: &SmfRequest) -> Option<String> {
    let failed = after.iter().find(|service| service.state == ServiceState::Maintenance);
    let failed = failed.filter(|_| request.wait)?;
    Some(format!("Instance \"{}\" is in maintenance state.", failed.fmri))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn service(fmri: &str) -> ServiceStatus {
        ServiceStatus {
            fmri: fmri.to_owned(),
            state: ServiceState::Online,
            since: jiff::Timestamp::UNIX_EPOCH,
            pid: None,
            properties: BTreeMap::new(),
        }
    }

    #[test]
    fn only_a_pattern_stands_for_several() {
        let name =
            |number| format!("svc:/smartdc/application/electric-moray:electric-moray-{number}");
        let services = [service(&name(2021)), service(&name(2022))];
        assert_eq!(choose(&services, "electric-moray-2022").unwrap(), [name(2022)]);
        assert_eq!(choose(&services, "*electric-moray*").unwrap(), [name(2021), name(2022)]);
        let message = |operand| match choose(&services, operand).unwrap_err() {
            Failure::Exit(1, message) => message,
            other @ (Failure::Exit(..) | Failure::Usage(_)) => panic!("{other:?}"),
        };
        assert_eq!(
            message("electric-moray"),
            format!(
                "svcadm: Pattern 'electric-moray' matches multiple instances:\n        {}\n        {}",
                name(2021),
                name(2022)
            )
        );
        assert_eq!(message("muskie"), "svcadm: Pattern 'muskie' doesn't match any instances");
    }
}

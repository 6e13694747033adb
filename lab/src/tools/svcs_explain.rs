//! `svcs -x`: why services do not run. The real one also says where the log is; a lab's zones have theirs elsewhere.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::fmri;
use super::svcs::state;
use crate::messages::{ServiceState, ServiceStatus};

/// Explains the services that the operands stand for; without any, those that are enabled and do not run.
pub(super) fn explain(services: &[ServiceStatus], operands: &[String]) -> String {
    let wanted = |service: &&ServiceStatus| match operands {
        [] => matches!(service.state, ServiceState::Offline | ServiceState::Maintenance),
        some => some.iter().any(|operand| fmri::matches(operand, &service.fmri)),
    };
    let explained: Vec<String> = services.iter().filter(wanted).map(explanation).collect();
    explained.join("\n")
}

fn explanation(service: &ServiceStatus) -> String {
    let (reason, impact) = match service.state {
        ServiceState::Online => (None, "None."),
        ServiceState::Offline => (Some("Start method is running."), "This service is not running."),
        ServiceState::Disabled => {
            (Some("Disabled by an administrator."), "This service is not running.")
        }
        ServiceState::Maintenance => {
            (Some("Restarting too quickly."), "This service is not running.")
        }
    };
    let since = service.since.to_zoned(TimeZone::UTC).strftime("%B %-d, %Y at %I:%M:%S %p UTC");
    let mut text = format!("{}\n State: {} since {since}\n", service.fmri, state(service.state));
    // Writing to a string does not fail.
    if let Some(reason) = reason {
        writeln!(text, "Reason: {reason}").ok();
    }
    writeln!(text, "Impact: {impact}").ok();
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn service(name: &str, state: ServiceState) -> ServiceStatus {
        let fmri = format!("svc:/manta/application/{name}:default");
        ServiceStatus {
            fmri,
            state,
            since: Timestamp::UNIX_EPOCH,
            pid: None,
            properties: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_does_not_run_is_explained() {
        let services = [
            service("manatee-sitter", ServiceState::Online),
            service("manatee-backupserver", ServiceState::Maintenance),
            service("registrar", ServiceState::Disabled),
        ];
        let broken = "svc:/manta/application/manatee-backupserver:default\n \
            State: maintenance since January 1, 1970 at 12:00:00 AM UTC\n\
            Reason: Restarting too quickly.\n\
            Impact: This service is not running.\n";
        assert_eq!(explain(&services, &[]), broken);
        let both = explain(&services, &["registrar".to_owned(), "manatee-sitter".to_owned()]);
        assert!(both.contains("Reason: Disabled by an administrator.\n"), "{both}");
        assert!(both.contains(" State: online") && both.contains("Impact: None."), "{both}");
        assert_eq!(explain(&services[..1], &[]), "");
    }
}

//! `svcprop`: the properties of services.

use std::fmt::Write as _;

use super::fmri;
use super::options::{Grammar, usage};
use super::session::{Ending, Failure, Place, Session};
use crate::messages::ServiceStatus;

pub(super) const USAGE: &str = "svcprop [-fq] [-p {property|group}]... {FMRI|pattern}...";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("fqp:").parse(args)?;
    if options.operands.is_empty() {
        return usage("no FMRI");
    }
    let services = match session.place()? {
        Place::Zone(zone) => session.control()?.zone(zone).await?.services,
        Place::Server(_) => Vec::new(),
    };
    let mut chosen = Vec::new();
    for operand in &options.operands {
        let found: Vec<_> =
            services.iter().filter(|service| fmri::matches(operand, &service.fmri)).collect();
        if found.is_empty() {
            let message = format!("svcprop: Pattern '{operand}' doesn't match any entities");
            return Err(Failure::new(if options.has('q') { String::new() } else { message }));
        }
        chosen.extend(found);
    }
    match text(&chosen, &options.list('p'), options.has('f')) {
        Ok(text) if options.has('q') && !text.is_empty() => {}
        Ok(text) => session.print(text),
        Err(_) if options.has('q') => return Ok(1),
        Err(failure) => return Err(failure),
    }
    Ok(0)
}

/// All properties: `group/name type value`. With `-p` of one property of one instance, its value alone.
fn text(services: &[&ServiceStatus], wanted: &[&str], full: bool) -> Result<String, Failure> {
    let mut text = String::new();
    for service in services {
        let full_name = |name: &str| {
            if full || services.len() > 1 {
                format!("{}/:properties/{name}", service.fmri)
            } else {
                name.to_owned()
            }
        };
        if wanted.is_empty() {
            for (name, value) in &service.properties {
                writeln!(text, "{} {}", full_name(name), typed(value)).unwrap_or_default();
            }
        }
        for want in wanted {
            let group = format!("{want}/");
            let mut found = false;
            for (name, value) in &service.properties {
                let alone = name == want;
                if alone && wanted.len() == 1 && services.len() == 1 && !full {
                    writeln!(text, "{}", bare(value)).unwrap_or_default();
                } else if alone || name.starts_with(&group) {
                    writeln!(text, "{} {}", full_name(name), typed(value)).unwrap_or_default();
                }
                found |= alone || name.starts_with(&group);
            }
            if !found {
                return Err(Failure::new(format!(
                    "svcprop: Couldn't find property group `{want}' for instance `{}'.",
                    service.fmri.trim_start_matches("svc:/")
                )));
            }
        }
    }
    Ok(text)
}

/// The types of properties.
const TYPES: [&str; 8] =
    ["astring", "boolean", "count", "integer", "fmri", "host", "net_address", "ustring"];

/// `type value`, whether or not the lab names the type.
fn typed(value: &str) -> String {
    if value.split_once(' ').is_some_and(|(kind, _)| TYPES.contains(&kind)) {
        value.to_owned()
    } else if matches!(value, "true" | "false") {
        format!("boolean {value}")
    } else {
        format!("astring {}", if value.is_empty() { "\"\"" } else { value })
    }
}

/// The value without its type.
fn bare(value: &str) -> &str {
    match value.split_once(' ') {
        Some((kind, bare)) if TYPES.contains(&kind) => bare,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::ServiceState;

    fn service() -> ServiceStatus {
        let properties = [
            ("electric-moray/port", "integer 2021"),
            ("electric-moray/ring-location", "astring /electric-moray/chash/leveldb-2021"),
            ("general/enabled", "true"),
        ];
        ServiceStatus {
            fmri: "svc:/smartdc/application/electric-moray:electric-moray-2021".to_owned(),
            state: ServiceState::Online,
            since: jiff::Timestamp::UNIX_EPOCH,
            pid: None,
            properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        }
    }

    #[test]
    fn one_property_is_its_value() {
        let service = service();
        let text = |wanted: &[&str]| text(&[&service], wanted, false);
        assert_eq!(
            text(&["electric-moray/ring-location"]).unwrap(),
            "/electric-moray/chash/leveldb-2021\n"
        );
        assert_eq!(text(&["general/enabled"]).unwrap(), "true\n");
        assert_eq!(text(&["general"]).unwrap(), "general/enabled boolean true\n");
        assert!(text(&["general/missing"]).is_err());
        assert_eq!(
            text(&[]).unwrap(),
            "electric-moray/port integer 2021\n\
             electric-moray/ring-location astring /electric-moray/chash/leveldb-2021\n\
             general/enabled boolean true\n"
        );
    }

    #[test]
    fn several_instances_are_told_apart() {
        let service = service();
        let text = text(&[&service, &service], &["general/enabled"], false).unwrap();
        let line = "svc:/smartdc/application/electric-moray:electric-moray-2021/:properties/general/enabled \
                    boolean true\n";
        assert_eq!(text, line.repeat(2));
    }
}

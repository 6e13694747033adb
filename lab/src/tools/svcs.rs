//! `svcs`: what services there are and how they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::fmri;
use super::options::{Grammar, usage};
use super::processes::{self, Process};
use super::session::{Ending, Failure, Place, Session};
use super::svcs_explain::explain;
use crate::messages::{ServiceState, ServiceStatus};

pub(super) const USAGE: &str = "svcs [-aHp] [-o column[,column...]] [{FMRI|pattern}...]\n       svcs -x [-v] [{FMRI|pattern}...]";

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let options = Grammar::new("aHpo:xv").parse(args)?;
    let columns = match options.value('o') {
        None => vec![Column::State, Column::Time, Column::Fmri],
        Some(_) => options.list('o').into_iter().map(Column::parse).collect::<Result<_, _>>()?,
    };
    let services = match session.place()? {
        Place::Zone(zone) => session.control()?.zone(zone).await?.services,
        Place::Server(_) => Vec::new(),
    };
    let mut code = 0;
    for operand in &options.operands {
        if !services.iter().any(|service| fmri::matches(operand, &service.fmri)) {
            session.complain(format!("svcs: Pattern '{operand}' doesn't match any instances\n"));
            code = 1;
        }
    }
    if options.has('x') {
        session.print(explain(&services, &options.operands));
        return Ok(code);
    }
    let listing = Listing { columns, header: !options.has('H'), now: Timestamp::now() };
    let processes = if options.has('p') { processes::all("") } else { Vec::new() };
    let shown = choose(&services, &options.operands, options.has('a'));
    if !(shown.is_empty() && code != 0) {
        session.print(listing.text(&shown, &processes));
    }
    Ok(code)
}

/// The services that operands stand for; without any, what is enabled, or all. Those that are not online come first.
fn choose<'a>(
    services: &'a [ServiceStatus],
    operands: &[String],
    all: bool,
) -> Vec<&'a ServiceStatus> {
    let wanted = |service: &&ServiceStatus| match operands {
        [] => all || service.state != ServiceState::Disabled,
        some => some.iter().any(|operand| fmri::matches(operand, &service.fmri)),
    };
    let mut chosen: Vec<_> = services.iter().filter(wanted).collect();
    chosen.sort_by_key(|service| (order(service.state), service.since, service.fmri.clone()));
    chosen
}

/// As `svcs` sorts by default: by state, then by time.
const fn order(state: ServiceState) -> u8 {
    match state {
        ServiceState::Disabled => 0,
        ServiceState::Maintenance => 1,
        ServiceState::Offline => 2,
        ServiceState::Online => 3,
    }
}

/// The name of a state.
pub(super) const fn state(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Online => "online",
        ServiceState::Offline => "offline",
        ServiceState::Disabled => "disabled",
        ServiceState::Maintenance => "maintenance",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    State,
    NextState,
    ShortState,
    Time,
    Fmri,
    Service,
    Instance,
}

impl Column {
    fn parse(name: &str) -> Result<Self, Failure> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "state" => Self::State,
            "nstate" => Self::NextState,
            "sta" => Self::ShortState,
            "stime" => Self::Time,
            "fmri" => Self::Fmri,
            "svc" => Self::Service,
            "inst" => Self::Instance,
            _ => return usage(format!("unknown column: {name}")),
        })
    }

    const fn header(self) -> (&'static str, usize) {
        match self {
            Self::State => ("STATE", 14),
            Self::NextState => ("NSTATE", 14),
            Self::ShortState => ("STA", 3),
            Self::Time => ("STIME", 8),
            Self::Fmri => ("FMRI", 50),
            Self::Service => ("SVC", 40),
            Self::Instance => ("INST", 12),
        }
    }

    fn value(self, service: &ServiceStatus, now: Timestamp) -> String {
        let name = service.fmri.trim_start_matches("svc:/");
        let (service_name, instance) = name.rsplit_once(':').unwrap_or((name, ""));
        match self {
            Self::State => state(service.state).to_owned(),
            Self::NextState => "-".to_owned(),
            Self::ShortState => match service.state {
                ServiceState::Online => "ON",
                ServiceState::Offline => "OFF",
                ServiceState::Disabled => "DIS",
                ServiceState::Maintenance => "MNT",
            }
            .to_owned(),
            Self::Time => time(service.since, now),
            Self::Fmri => service.fmri.clone(),
            Self::Service => service_name.to_owned(),
            Self::Instance => instance.to_owned(),
        }
    }
}

/// A time of the last day as such, of the last year as a day, else as a year.
fn time(since: Timestamp, now: Timestamp) -> String {
    let age = now.as_second().saturating_sub(since.as_second());
    let since = since.to_zoned(TimeZone::UTC);
    let format = match age {
        ..=86_399 => "%H:%M:%S",
        86_400..31_536_000 => "%b_%d",
        _ => "%Y",
    };
    since.strftime(format).to_string()
}

struct Listing {
    columns: Vec<Column>,
    header: bool,
    now: Timestamp,
}

impl Listing {
    fn text(&self, services: &[&ServiceStatus], processes: &[Process]) -> String {
        let mut text = String::new();
        if self.header {
            self.line(&mut text, |column| column.header().0.to_owned());
        }
        for service in services {
            self.line(&mut text, |column| column.value(service, self.now));
            self.processes(&mut text, service, processes);
        }
        text
    }

    /// Fields are padded, the last one is not.
    fn line(&self, text: &mut String, value: impl Fn(Column) -> String) {
        let last = self.columns.len().saturating_sub(1);
        for (number, column) in self.columns.iter().enumerate() {
            let width = if number == last { 0 } else { column.header().1 };
            let end = if number == last { "\n" } else { " " };
            write!(text, "{:<width$}{end}", value(*column)).unwrap_or_default();
        }
    }

    fn processes(&self, text: &mut String, service: &ServiceStatus, all: &[Process]) {
        let Some(root) = service.pid else { return };
        let since = time(service.since, self.now);
        let found = processes::below(all, root);
        let sorted: BTreeMap<u32, &str> =
            found.iter().map(|process| (process.pid, process.name.as_str())).collect();
        for (pid, name) in sorted {
            writeln!(text, "               {since:<8} {pid:>9} {name}").unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(fmri: &str, state: ServiceState, since: &str) -> ServiceStatus {
        let since = since.parse().unwrap();
        ServiceStatus {
            fmri: fmri.to_owned(),
            state,
            since,
            pid: Some(7),
            properties: BTreeMap::new(),
        }
    }

    const SITTER: &str = "svc:/manta/application/manatee-sitter:default";

    fn services() -> Vec<ServiceStatus> {
        vec![
            service(SITTER, ServiceState::Online, "2026-03-04T05:06:07Z"),
            service(
                "svc:/manta/application/backup:default",
                ServiceState::Disabled,
                "2026-02-01T00:00:00Z",
            ),
            service(
                "svc:/manta/registrar:default",
                ServiceState::Maintenance,
                "2020-02-01T00:00:00Z",
            ),
        ]
    }

    fn listing(columns: Vec<Column>, header: bool) -> Listing {
        Listing { columns, header, now: "2026-03-04T10:00:00Z".parse().unwrap() }
    }

    #[test]
    fn the_default_listing() {
        let services = services();
        let shown = choose(&services, &[], true);
        let text = listing(vec![Column::State, Column::Time, Column::Fmri], true).text(&shown, &[]);
        assert_eq!(
            text,
            "STATE          STIME    FMRI\n\
             disabled       Feb_01   svc:/manta/application/backup:default\n\
             maintenance    2020     svc:/manta/registrar:default\n\
             online         05:06:07 svc:/manta/application/manatee-sitter:default\n"
        );
        assert_eq!(choose(&services, &[], false).len(), 2);
    }

    #[test]
    fn one_column_of_one_service() {
        let services = services();
        let shown = choose(&services, &["manatee-sitter".to_owned()], false);
        assert_eq!(listing(vec![Column::State], false).text(&shown, &[]), "online\n");
    }

    #[test]
    fn processes_are_below_their_service() {
        let services = services();
        let shown = choose(&services, &["manatee-sitter".to_owned()], false);
        let process = |pid, parent, name: &str| Process {
            pid,
            parent,
            name: name.to_owned(),
            command: String::new(),
            of_zone: false,
        };
        let processes = [process(7, 1, "sitter"), process(8, 7, "postgres"), process(9, 1, "sh")];
        assert_eq!(
            listing(vec![Column::Fmri], false).text(&shown, &processes),
            "svc:/manta/application/manatee-sitter:default\n\
             \x20              05:06:07         7 sitter\n\
             \x20              05:06:07         8 postgres\n"
        );
    }
}

//! `manta-oneach`: a command in many zones.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::options::{Grammar, Options, usage};
use super::session::{Ending, Failure, Session};
use crate::layout::Layout;
use crate::messages::{ExecRequest, ExecResponse, ZoneState, ZoneStatus};

pub(super) const USAGE: &str = "manta-oneach [-GIJNn] [-c N] [-T SECONDS] SCOPE COMMAND
SCOPE: -a | [-s SERVICE,...] [-S SERVER,...] [-z ZONENAME,...]. Not in the lab: the transfer of files (-d, -g, -p).";

const GRAMMAR: Grammar = Grammar {
    long: &[
        ("all-zones", 'a'),
        ("service", 's'),
        ("compute-node", 'S'),
        ("zonename", 'z'),
        ("global-zones", 'G'),
        ("concurrency", 'c'),
        ("immediate", 'I'),
        ("jsonstream", 'J'),
        ("dry-run", 'n'),
        ("oneline", 'N'),
        ("exectimeout", 'T'),
    ],
    ..Grammar::new("as:S:z:Gc:IJnNT:")
};

/// The place where a command runs.
struct Target {
    server: Uuid,
    hostname: String,
    /// The zone and its service, unless it is a global zone.
    zone: Option<(Uuid, &'static str)>,
}

pub(super) async fn run(session: &Session, args: &[String]) -> Ending {
    let options = GRAMMAR.parse(args)?;
    let [command] = options.exactly("COMMAND")?;
    if !['a', 's', 'S', 'z'].iter().any(|letter| options.has(*letter)) {
        return usage("no scope: -a, -s, -S or -z");
    }
    let control = session.control()?;
    let (layout, zones) = (control.layout().await?, control.zones().await?);
    let targets = targets(&options, &layout, &zones)?;
    if targets.is_empty() {
        return Err(Failure::new("manta-oneach: error: no zones match the scope"));
    }
    let time_limit = match options.value('T').map(str::parse) {
        None => ExecRequest::UR_TIME_LIMIT,
        Some(Ok(seconds)) => Duration::from_secs(seconds),
        Some(Err(_)) => return usage("-T takes a number of seconds"),
    };
    let request = ExecRequest {
        argv: ["bash", "-l", "-c", command].map(ToOwned::to_owned).into(),
        ..ExecRequest::default()
    };
    let request = request.within(time_limit);
    let mut results = Vec::new();
    for target in targets {
        if options.has('n') {
            session.print(format!("{}: {command}\n", target.title()));
            continue;
        }
        let response = match target.zone {
            Some((zone, _)) => control.exec(zone, &request).await,
            None => control.exec_global(target.server, &request).await,
        };
        results.push((target, response));
    }
    let style = Style::of(&options, &results);
    session.print(style.text(&results));
    Ok(u8::from(results.iter().any(|(_, response)| response.is_err())))
}

/// The running zones of the scope, by service and name; or the servers they are on.
fn targets(
    options: &Options,
    layout: &Layout,
    zones: &[ZoneStatus],
) -> Result<Vec<Target>, Failure> {
    let among = |letter, value: &str| {
        let list = options.list(letter);
        list.is_empty() || list.contains(&value)
    };
    let known = |service: &&str| zones.iter().any(|zone| zone.spec.role.service() == *service);
    if let Some(unknown) = options.list('s').into_iter().find(|service| !known(service)) {
        return Err(Failure::new(format!("manta-oneach: error: unknown service: \"{unknown}\"")));
    }
    let mut targets = BTreeMap::new();
    for zone in zones.iter().filter(|zone| zone.state == ZoneState::Running) {
        let server = zone.spec.server;
        let hostname = layout.servers.iter().find(|known| known.uuid == server);
        let hostname = hostname.map_or("-", |server| server.hostname.as_str()).to_owned();
        let service = zone.spec.role.service();
        let on_server = among('S', &hostname) || among('S', &server.to_string());
        if !(among('s', service) && on_server && among('z', &zone.spec.uuid.to_string())) {
            continue;
        }
        let (key, zone) = if options.has('G') {
            ((hostname.clone(), server), None)
        } else {
            ((service.to_owned(), zone.spec.uuid), Some((zone.spec.uuid, service)))
        };
        targets.insert(key, Target { server, hostname, zone });
    }
    Ok(targets.into_values().collect())
}

impl Target {
    fn title(&self) -> String {
        match self.zone {
            Some((zone, service)) => format!("{zone} on {} ({service})", self.hostname),
            None => format!("{} ({})", self.server, self.hostname),
        }
    }
}

type Outcome = (Target, Result<ExecResponse, Failure>);

/// The output and complaints of a command, or why it did not run.
fn output(response: &Result<ExecResponse, Failure>) -> String {
    match response {
        Ok(response) => format!("{}{}", response.stdout, response.stderr),
        Err(Failure::Exit(_, message) | Failure::Usage(message)) => format!("error: {message}\n"),
    }
}

enum Style {
    Lines,
    Blocks,
    Json,
}

impl Style {
    /// A line of each, when no result has more than one.
    fn of(options: &Options, results: &[Outcome]) -> Self {
        let is_short = |(_, response): &Outcome| output(response).trim_end().lines().count() <= 1;
        if options.has('J') {
            Self::Json
        } else if options.has('N') || (!options.has('I') && results.iter().all(is_short)) {
            Self::Lines
        } else {
            Self::Blocks
        }
    }

    fn text(&self, results: &[Outcome]) -> String {
        let mut text = String::new();
        if let (Self::Lines, Some((first, _))) = (self, results.first()) {
            text.push_str(match first.zone {
                Some(_) => "SERVICE          ZONE     OUTPUT\n",
                None => "HOSTNAME              OUTPUT\n",
            });
        }
        for (target, response) in results {
            let output = output(response);
            let result = match self {
                Self::Json => json_line(target, response),
                Self::Blocks => {
                    let end =
                        if output.ends_with('\n') || output.is_empty() { "\n" } else { "\n\n" };
                    format!("=== Output from {}:\n{output}{end}", target.title())
                }
                Self::Lines => {
                    let line = output.trim_end();
                    match target.zone {
                        Some((zone, service)) => {
                            let zone = zone.to_string();
                            format!("{service:<16} {} {line}\n", zone.get(..8).unwrap_or(&zone))
                        }
                        None => format!("{:<21} {line}\n", target.hostname),
                    }
                }
            };
            text.push_str(&result);
        }
        text
    }
}

fn json_line(target: &Target, response: &Result<ExecResponse, Failure>) -> String {
    let mut line = json!({"uuid": target.server, "hostname": target.hostname});
    if let Some(fields) = line.as_object_mut() {
        if let Some((zone, service)) = target.zone {
            fields.insert("zonename".to_owned(), json!(zone));
            fields.insert("service".to_owned(), json!(service));
        }
        let (key, value) = match response {
            Ok(response) => (
                "result",
                json!({
                    "exit_status": response.exit_code,
                    "stdout": response.stdout,
                    "stderr": response.stderr,
                }),
            ),
            Err(Failure::Exit(_, message) | Failure::Usage(message)) => {
                ("error", json!({"message": message}))
            }
        };
        fields.insert(key.to_owned(), value);
    }
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Uuid = Uuid::from_u128(0x3211_f5ed_f70d_481d_93ae_755e_4c84_837d);

    fn result(stdout: &str) -> Outcome {
        let zone = Some((ZONE, "electric-moray"));
        let target = Target { server: Uuid::nil(), hostname: "server-0".to_owned(), zone };
        (target, Ok(ExecResponse { stdout: stdout.to_owned(), ..ExecResponse::default() }))
    }

    fn text(args: &[&str], results: &[Outcome]) -> String {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Style::of(&GRAMMAR.parse(&args).unwrap(), results).text(results)
    }

    #[test]
    fn short_results_are_lines_of_a_table() {
        assert_eq!(
            text(&["-a"], &[result("online\n"), result("")]),
            "SERVICE          ZONE     OUTPUT\n\
             electric-moray   3211f5ed online\n\
             electric-moray   3211f5ed \n"
        );
    }

    #[test]
    fn longer_results_have_headers() {
        assert_eq!(
            text(&["-a"], &[result("a\nb\n"), result("c")]),
            "=== Output from 3211f5ed-f70d-481d-93ae-755e4c84837d on server-0 (electric-moray):\n\
             a\nb\n\n\
             === Output from 3211f5ed-f70d-481d-93ae-755e4c84837d on server-0 (electric-moray):\n\
             c\n\n"
        );
    }

    #[test]
    fn results_as_json() {
        let line = text(&["-aJ"], &[result("a\n")]);
        assert_eq!(
            line,
            "{\"uuid\":\"00000000-0000-0000-0000-000000000000\",\"hostname\":\"server-0\",\
             \"zonename\":\"3211f5ed-f70d-481d-93ae-755e4c84837d\",\"service\":\"electric-moray\",\
             \"result\":{\"exit_status\":0,\"stdout\":\"a\\n\",\"stderr\":\"\"}}\n"
        );
    }
}

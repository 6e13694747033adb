//! All that a lab has to remember, as ordinary tools see it.

use std::path::Path;

use lab::{LabDirectory, Layout, Role};
use serde_json::{Value, json};

use super::{curl, run};

/// The things that are remembered, with names.
#[derive(Debug)]
pub(super) struct Remembered(Vec<(String, String)>);

/// The URL of an API.
pub(super) fn url(layout: &Layout, api: &str, path: &str) -> String {
    let block = layout.block;
    let address = match api {
        "sapi" => block.sapi(),
        "imgapi" => block.imgapi(),
        "vmapi" => block.vmapi(),
        "cnapi" => block.cnapi(),
        other => panic!("{other} is no API"),
    };
    format!("http://{address}{path}")
}

/// The output of ZooKeeper's own command line.
pub(super) fn zookeeper(layout: &Layout, arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let output = lab::zookeeper_shell(layout, &arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

impl Remembered {
    pub(super) fn of(layout: &Layout, directory: &Path) -> Self {
        let mut all = Vec::new();
        let mut add = |name: &str, what: String| all.push((name.to_owned(), what));
        for path in ["/applications", "/services", "/instances", "/manifests"] {
            add(path, list(&url(layout, "sapi", &format!("{path}?include_master=true"))));
        }
        add("images", list(&url(layout, "imgapi", "/images?state=all")));
        let file = url(layout, "imgapi", &format!("/images/{}/file", layout.ring_image));
        add("ring image", run("sh", &["-c", &format!("curl -sS {file} | sha1sum")]));
        let vms = curl(&[&url(layout, "vmapi", "/vms?state=active")]);
        let mut addresses = Vec::new();
        let mut known: Vec<String> = Vec::new();
        for vm in vms.as_array().unwrap() {
            let members = ["uuid", "alias", "tags", "state", "image_uuid", "server_uuid", "nics"];
            known.push(members.map(|name| vm[name].to_string()).join(" "));
            if vm["tags"]["manta_role"] == json!("postgres") {
                addresses.push(vm["nics"][0]["ip"].as_str().unwrap().to_owned());
            }
        }
        known.sort();
        add("vms", known.join("\n"));
        let servers = curl(&[&url(layout, "cnapi", "/servers")]);
        let mut servers: Vec<_> =
            servers.as_array().unwrap().iter().map(|server| server["uuid"].to_string()).collect();
        servers.sort();
        add("servers", servers.join(" "));
        for shard in layout.shard_names() {
            for node in ["state", "history"] {
                let path = format!("/manatee/{shard}/{node}");
                let command = if node == "state" { "get" } else { "ls" };
                add(&path, zookeeper(layout, &[command, &path]));
            }
        }
        add("/pg_dump_lock", zookeeper(layout, &["get", "/pg_dump_lock"]));
        addresses.sort();
        for address in addresses {
            add("zone", format!("{address} {}", quiet(&address, "select pg_is_in_recovery()")));
            for table in ["manta", "manta_directory_counts", "manta_uploads"] {
                let sql = format!(
                    "select count(*), md5(string_agg(t::text, '' order by _key)) from {table} t"
                );
                add(&format!("{table} at {address}"), quiet(&address, &sql));
            }
        }
        let directory = LabDirectory::new(directory);
        for router in layout.zones_of(Role::ElectricMoray) {
            for instance in ["2021", "2022"] {
                let path = format!("/electric-moray/chash/leveldb-{instance}");
                let reader = fash::RingReader::open_live(directory.in_zone(router.uuid, &path));
                let mut ring = Vec::new();
                reader.unwrap().load().unwrap().write_json(&mut ring).unwrap();
                add(&path, String::from_utf8(ring).unwrap());
            }
        }
        Self(all)
    }

    /// The things that are not as they were, in words.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let added = now.0.len().abs_diff(self.0.len());
        let count = (added > 0).then(|| format!("{added} things more or less"));
        let pairs = self.0.iter().zip(&now.0).filter(|(before, after)| before != after);
        let words = pairs.map(|(before, after)| {
            format!("{}: it was {}, it is {}: {}", before.0, before.1, after.0, after.1)
        });
        words.chain(count).collect()
    }

    /// Tells whether something is known by a name.
    pub(super) fn tells(&self, name: &str, what: &str) -> bool {
        self.0.iter().any(|(known, text)| known == name && text == what)
    }
}

/// A list of an API, in the order of the UUIDs.
fn list(url: &str) -> String {
    let mut objects = match curl(&[url]) {
        Value::Array(objects) => objects,
        other => panic!("{url}: {other}"),
    };
    objects.sort_by_key(|object| object["uuid"].to_string());
    objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// The answer of a server to psql, or nothing while it does not answer.
pub(super) fn quiet(server: &str, sql: &str) -> String {
    let arguments = ["-h", server, "-U", "postgres", "-d", "moray", "-XAtc", sql];
    let output = std::process::Command::new("psql").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

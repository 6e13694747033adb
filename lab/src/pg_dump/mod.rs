//! The nightly dump of a shard, as a zone of PostgreSQL has it: scripts, so that their names are among its processes.

/// Files of a zone: path, contents, permissions.
pub(crate) const FILES: &[(&str, &str, u32)] = &[
    ("/opt/smartdc/manatee/pg_dump/common.sh", include_str!("common.sh"), 0o644),
    ("/opt/smartdc/manatee/pg_dump/pg_dump.sh", include_str!("pg_dump.sh"), 0o755),
    ("/opt/smartdc/manatee/pg_dump/pg_custom_dump.sh", include_str!("pg_custom_dump.sh"), 0o755),
];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_scripts_are_bashs() {
        for (path, contents, mode) in FILES {
            let checked = Command::new("bash").args(["-n", "-c", contents]).status().unwrap();
            assert!(checked.success(), "{path}");
            assert_eq!(contents.starts_with("#!/bin/bash\n"), mode & 0o111 != 0, "{path}");
        }
    }
}

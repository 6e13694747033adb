//! The place where commands that only look put what they download: in a cache, and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sealed::Sealed;

const LOOKING: [&str; 5] = [
    "doctor 2.moray.lab.example.net",
    "measure 2.moray.lab.example.net",
    "plan new 2.moray.lab.example.net split.plan",
    "rows count 2.moray.lab.example.net",
    "shard show 2.moray.lab.example.net",
];

#[test]
fn a_cache_that_cannot_be_written_is_what_is_named() {
    let sealed = Sealed::new();
    sealed.write("file", "");
    for line in LOOKING {
        let stderr = sealed.reshard(&format!("{line} --cache file/cache")).refused();
        let expected = "reshard: the cache file/cache cannot be written; name another directory with --cache: ";
        assert!(stderr.starts_with(expected), "reshard {line}: {stderr}");
    }
}

#[test]
fn the_cache_is_the_users_own() {
    for (variable, directory) in [("XDG_CACHE_HOME", "caches/reshard"), ("HOME", ".cache/reshard")]
    {
        let sealed = Sealed::new();
        // There is no configuration, so each ends before it looks at anything; its cache is there by then.
        for line in LOOKING {
            let value = if variable == "HOME" { "$PWD" } else { "$PWD/caches" };
            sealed.bash(&format!("{variable}={value} reshard {line}")).refused();
        }
        let mode = fs::metadata(sealed.path().join(directory)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{directory}");
        let here = fs::read_dir(sealed.path()).unwrap().count();
        assert_eq!(here, 1, "nothing but {directory}");
    }
}

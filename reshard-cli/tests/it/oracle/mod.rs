//! The real node-fash beside our command, on the same rings, each reading and editing what the other wrote.
//!
//! The environment variable `NODE_FASH` names node-fash's command, as `scripts/node-fash-setup.sh` installs it. Without
//! it these tests say that they were skipped; where `CI` is set they fail.

mod live;
mod locks;
mod model;
mod production;
mod random;
mod sizes;

use std::env;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A command line of node-fash's shape: theirs or ours.
struct Fash {
    program: PathBuf,
}

impl Fash {
    fn ours() -> Fash {
        Fash { program: env!("CARGO_BIN_EXE_fash").into() }
    }

    /// node-fash; none, with a line that says so, where it is not installed.
    fn theirs() -> Option<Fash> {
        let program = env::var_os("NODE_FASH").map(PathBuf::from);
        if program.is_none() {
            assert!(env::var_os("CI").is_none(), "NODE_FASH is not set: run `make setup`");
            println!("skipped: NODE_FASH is not set");
        }
        program.map(|program| Fash { program })
    }

    fn output(&self, dir: &Path, args: &[&str]) -> Output {
        // node-fash loses what exceeds the buffer of a pipe, so its output goes to a file.
        let mut stdout: File = tempfile::tempfile().unwrap();
        let mut output = Command::new(&self.program)
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(stdout.try_clone().unwrap())
            .output()
            .unwrap();
        stdout.rewind().unwrap();
        stdout.read_to_end(&mut output.stdout).unwrap();
        output
    }

    /// The command's output; it must succeed.
    fn stdout(&self, dir: &Path, args: &[&str]) -> String {
        let output = self.output(dir, args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {args:?}: {stderr}", self.program.display());
        String::from_utf8(output.stdout).unwrap()
    }
}

/// `seed`, or what `FASH_TEST_SEED` holds, to repeat a run.
fn seed() -> u64 {
    let seed = env::var("FASH_TEST_SEED").map_or_else(
        |_| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap();
            now.as_secs() ^ u64::from(now.subsec_nanos())
        },
        |seed| seed.parse().unwrap(),
    );
    println!("FASH_TEST_SEED={seed} repeats this run");
    seed
}

/// The splitmix64 generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

//! The words that can be typed next, for the shells: besides commands and options the region's shards, phases, settings, and
//! plan files.
//!
//! Whoever presses the tab key wants no message and does not wait: what is not known at once is not offered.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap_complete::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter};
use command_line::completion::Completion;
use reshard_core::shards::known_shards;
use reshard_core::{Configuration, Deployment, Mode, Sequence, Tuning};

pub(super) const COMPLETION: Completion =
    Completion { program: "reshard", variable: "RESHARD_COMPLETE" };
/// The longest that a region is waited for.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The beginning of every plan file.
const PLAN_FILE: &[u8] = b"SQLite format 3\0";

/// The region's shards.
pub(super) fn shards() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = in_time(async {
            let configuration = Configuration::read(&configuration_file()).ok()?;
            let deployment = Deployment::connect(configuration).await.ok()?;
            Some(known_shards(&deployment, PATIENCE / 2).await.names)
        });
        candidates(names.flatten().into_iter().flatten().map(|name| name.to_string()))
    })
}

/// The phases of a plan.
pub(super) fn phases() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let sequences = [Mode::Guarded, Mode::Rfd103].map(|mode| mode.sequence().ok());
        let mut names: Vec<_> = sequences.iter().flatten().flat_map(Sequence::names).collect();
        names.sort_unstable();
        names.dedup();
        candidates(names)
    })
}

/// The settings of a plan, up to the value.
pub(super) fn settings() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let tuning = serde_json::json!(Tuning::default());
        candidates(tuning.as_object().into_iter().flatten().map(|(name, _)| format!("{name}=")))
    })
}

/// Plan files.
pub(super) fn plans() -> ArgValueCompleter {
    ArgValueCompleter::new(PathCompleter::any().filter(is_plan))
}

fn is_plan(path: &Path) -> bool {
    let mut beginning = [0; PLAN_FILE.len()];
    let read = path.is_file().then(|| File::open(path)?.read_exact(&mut beginning));
    matches!(read, Some(Ok(()))) && beginning == PLAN_FILE
}

fn candidates<T: Into<OsString>>(names: impl IntoIterator<Item = T>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The configuration that the line so far names.
fn configuration_file() -> PathBuf {
    let mut words = env::args_os().skip_while(|word| word != "--").map(PathBuf::from);
    while let Some(word) = words.next() {
        if ["-c", "--config"].iter().any(|option| word == Path::new(option)) {
            return words.next().unwrap_or_default();
        }
        if let Some(file) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            return file.into();
        }
    }
    env::var_os("RESHARD_CONFIG").map_or_else(|| "reshard.toml".into(), PathBuf::from)
}

/// The result if it comes in time, without a word if none does.
fn in_time<T>(asking: impl Future<Output = T>) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, asking).await.ok() });
    // A name that is being resolved cannot be given up, and must not be waited for.
    runtime.shutdown_background();
    answer
}

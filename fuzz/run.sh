#!/bin/bash
# Fuzzes one target for some seconds, with stable Rust and without cargo-fuzz.
#   usage: run.sh TARGET SECONDS        targets: those in fuzz_targets
# What it learns is kept in corpus/TARGET, an input that fails in artifacts/TARGET. To run such an input again:
#   target/x86_64-unknown-linux-gnu/release/TARGET artifacts/TARGET/FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${1:?usage: run.sh TARGET SECONDS}
seconds=${2:?usage: run.sh TARGET SECONDS}

# What cargo-fuzz asks of the compiler, without the sanitizers that need a nightly one. Naming the platform keeps
# build scripts and macros from being instrumented.
platform=$(rustc --print host-tuple)
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
RUSTFLAGS=$flags cargo build --locked --release --quiet --target "$platform" --bin "$target"

if [[ ! -d corpus/$target ]]; then
    mkdir -p "corpus/$target"
    python3 seed.py "$target" .. "corpus/$target"
fi
mkdir -p "artifacts/$target"
# Thousands of runs a second wait for their files to be on disk: memory is faster.
[[ -d /dev/shm ]] && export TMPDIR=/dev/shm
exec "$CARGO_TARGET_DIR/$platform/release/$target" "corpus/$target" -artifact_prefix="artifacts/$target/" \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1

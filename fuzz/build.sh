#!/bin/bash
# Builds the fuzz targets with stable Rust and without cargo-fuzz.
#   usage: build.sh [--bin TARGET]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# What cargo-fuzz asks of the compiler, without the sanitizers that need a nightly one. Naming the platform keeps
# build scripts and macros from being instrumented.
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target} RUSTFLAGS=$flags \
    cargo build --locked --release --quiet --target "$(rustc --print host-tuple)" "$@"

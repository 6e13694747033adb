#!/bin/bash
# Every check, in order, stopping at the first that fails; one line each with its duration.
#   usage: test.sh [check]        with "check", only the ones that need no build of the tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_PROGRESS_WHEN=never

step() {
    local name=$1 start=$SECONDS
    shift
    if ! "$@"; then
        echo "FAILED ${name} after $((SECONDS - start)) s: $*" >&2
        exit 1
    fi
    echo "ok     ${name} ($((SECONDS - start)) s)"
}

run_examples() {
    local example
    for example in examples/*.rs; do
        # This one needs a region: the split in a lab runs it.
        [[ $example == */split_shard.rs ]] && continue
        echo "example $(basename "$example" .rs)"
        cargo run --locked --quiet --package examples --example "$(basename "$example" .rs)" || return
    done
    for example in moray-client/examples/*.rs; do
        echo "example $(basename "$example" .rs) of moray-client"
        cargo run --locked --quiet --package moray-client --example "$(basename "$example" .rs)" || return
    done
}

step "formatting" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step "lints of sapi-client with TLS" cargo clippy --package sapi-client --all-targets --all-features --locked --quiet -- -D warnings
step "licences, sources and banned packages" cargo deny --locked --log-level error check bans licenses sources
step "limits" scripts/check-limits.sh
# The fuzz targets have a lock file of their own, which a change of the workspace's dependencies leaves behind.
step "lock file of the fuzz targets" cargo tree --locked --quiet --manifest-path fuzz/Cargo.toml --depth 0
[[ ${1:-} == check ]] && exit 0

step "tests" cargo nextest run --workspace --locked --profile "${NEXTEST_PROFILE:-ci}"
step "tests of sapi-client with TLS" cargo nextest run --package sapi-client --features rustls --locked \
    --profile "${NEXTEST_PROFILE:-ci}"
step "doctests" cargo test --doc --workspace --locked
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
step "fash without LevelDB" cargo check --package fash --no-default-features --locked --quiet
step "sapi-client without its transport" cargo check --package sapi-client --no-default-features --locked --quiet
step "examples" run_examples
step "the rehearsal" scripts/rehearsal.sh
step "the demo" scripts/demo.sh
step "benchmarks build" cargo bench --package benches --locked --no-run --quiet
if [[ -d fuzz ]]; then
    step "fuzzing, shortly" scripts/fuzz.sh 10
fi
step "the packages" cargo publish --dry-run --package fash --package manatee-client --package moray-client \
    --package sapi-client --allow-dirty --locked --quiet

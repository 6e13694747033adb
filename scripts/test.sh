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
    for example in build_ring custom_phase read_live_ring selection_rule simulated_execution split_ring follow_vnodes canary load; do
        echo "example $example"
        "$built/examples/$example" || return
    done
}

# Steps side by side, for those that wait for their labs most of the time: what each prints is shown when all have ended, and last
# what failed, for whoever sees only the end of it.
# together NAME COMMAND ...
together() {
    local shown i
    local -a files=() pids=() failed=()
    shown=$(mktemp -d)
    while (($#)); do
        files+=("$shown/${#files[@]}")
        step "$1" "$2" >"${files[-1]}" 2>&1 </dev/null &
        pids+=($!)
        shift 2
    done
    for i in "${!pids[@]}"; do
        if wait "${pids[i]}"; then cat "${files[i]}"; else failed+=("${files[i]}"); fi
    done
    if ((${#failed[@]})); then cat "${failed[@]}"; fi
    rm -rf "$shown"
    return "$((${#failed[@]} > 0))"
}

# Nothing of the lab is in the operator's programs, nor in what their tests need.
without_the_lab() {
    local tree
    tree=$(cargo tree --locked --quiet --package reshard-cli --prefix none) || return
    if grep -E '^lab ' <<<"$tree"; then
        echo "reshard-cli depends on the lab" >&2
        return 1
    fi
}

# Everything is built once, with the same features everywhere: `cargo build --package` would choose others for that one
# package and build what it depends on again. TLS is apart: where it is on, every HTTP client of the workspace needs a
# provider of cryptography.
all=(--workspace --locked)
built=$PWD/${CARGO_TARGET_DIR:-target}/debug
[[ ${CARGO_TARGET_DIR:-} == /* ]] && built=$CARGO_TARGET_DIR/debug
export RESHARD=$built/reshard

step "formatting" cargo fmt --all --check
# With TLS, of which no other step but its tests sees the code.
step "lints" cargo clippy "${all[@]}" --all-targets --features triton-sapi/rustls --quiet -- -D warnings
step "licences, sources and banned packages" cargo deny --locked --log-level error check bans licenses sources
step "limits" scripts/check-limits.sh
step "reshard without the lab" without_the_lab
# The fuzz targets have a lock file of their own, which a change of the workspace's dependencies leaves behind.
step "lock file of the fuzz targets" cargo tree --locked --quiet --manifest-path fuzz/Cargo.toml --depth 0
[[ ${1:-} == check ]] && exit 0

# With the features of the lints, whose reading of the dependencies it can use then.
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc "${all[@]}" --features triton-sapi/rustls --no-deps --quiet
step "fash without LevelDB, sapi-client without its transport" cargo check --package triton-fash --package triton-sapi \
    --no-default-features --locked --quiet
step "build" cargo build "${all[@]}" --bins --examples --tests --quiet
step "tests" cargo nextest run "${all[@]}" --profile "${NEXTEST_PROFILE:-ci}"
step "tests of sapi-client with TLS" cargo nextest run --package triton-sapi --features rustls --locked \
    --profile "${NEXTEST_PROFILE:-ci}"
step "doctests" cargo test "${all[@]}" --doc --quiet
step "examples" run_examples
together "the rehearsal" scripts/rehearsal.sh "the example of a split" scripts/split-in-a-lab.sh
# With the demo, which runs on Debian's servers only where someone looks at it.
step "older versions of the servers" scripts/test-versions.sh 12/3.4.6
step "fuzzing, shortly" scripts/fuzz.sh 5
# `make publish-check` builds what is packed, too, which takes minutes.
step "the packages" cargo publish --dry-run --workspace --no-verify --allow-dirty --locked --quiet

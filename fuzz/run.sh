#!/bin/bash
# Fuzzes one target for some seconds.
#   usage: run.sh TARGET SECONDS        targets: those in fuzz_targets
# What it learns is kept in corpus/TARGET, an input that fails in artifacts/TARGET. To run such an input again:
#   target/x86_64-unknown-linux-gnu/release/TARGET artifacts/TARGET/FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${1:?usage: run.sh TARGET SECONDS}
seconds=${2:?usage: run.sh TARGET SECONDS}
./build.sh --bin "$target"

if [[ ! -d corpus/$target ]]; then
    mkdir -p "corpus/$target"
    python3 seed.py "$target" .. "corpus/$target"
fi
mkdir -p "artifacts/$target"
# Thousands of runs a second wait for their files to be on disk: memory is faster.
[[ -d /dev/shm ]] && export TMPDIR=/dev/shm
exec "${CARGO_TARGET_DIR:-target}/$(rustc --print host-tuple)/release/$target" "corpus/$target" \
    -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=20 \
    -print_final_stats=1

#!/bin/bash
# Runs every fuzz target for some seconds.
#   usage: fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for target in fuzz/fuzz_targets/*.rs; do
    fuzz/run.sh "$(basename "$target" .rs)" "${1:?usage: fuzz.sh SECONDS}"
done

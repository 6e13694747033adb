#!/bin/bash
# Runs every fuzz target for some seconds, two at a time.
#   usage: fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:?usage: fuzz.sh SECONDS}
fuzz/build.sh
printf '%s\n' fuzz/fuzz_targets/*.rs | xargs -n 1 basename -s .rs | xargs -n 1 -P 2 -I TARGET fuzz/run.sh TARGET "$seconds"

#!/bin/bash
# The example that needs a region: splits a shard of a lab that it starts.
#   usage: split-in-a-lab.sh        RESHARD names the command, with the examples in the directory beside it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/lab.sh
start_lab
"$(dirname "$RESHARD")/examples/split_shard" "$RESHARD_CONFIG" 2.moray.lab.example.net "$work/split.plan"
stop_lab

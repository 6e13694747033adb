#!/bin/bash
# Installs node-fast 3.1.3 from the npm registry into DIR. Does nothing when DIR has it already. Needs npm; nothing is
# compiled.
#   usage: node-fast-setup.sh [DIR]        DIR is target/node-fast unless given
set -euo pipefail
version=3.1.3
dir=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/node-fast}
stamp="fast $version"

mkdir -p "$dir"
[[ -d $dir/node_modules/fast && $(cat "$dir/installed" 2>/dev/null) == "$stamp" ]] && exit 0

command -v npm >/dev/null || { echo "node-fast needs npm to be installed" >&2; exit 1; }
echo "installing node-fast $version into $dir"
cd "$dir"
# node-fast takes the checksum of version 1 of the protocol from a fork on GitHub, which is crc 0.3.0 under another name.
cat >package.json <<END
{
  "name": "node-fast-beside-ours", "private": true,
  "dependencies": { "fast": "$version" }, "overrides": { "oldcrc": "npm:crc@0.3.0" }
}
END
# The install scripts would build probes for DTrace, which node-fast does without.
npm install --silent --no-audit --no-fund --ignore-scripts >/dev/null
echo "$stamp" >installed

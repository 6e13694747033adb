#!/bin/bash
# A million-vnode ring from its creation to the image that routers install, with the release build of the command.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --locked --release --quiet --package reshard-cli
PATH=$(cd "${CARGO_TARGET_DIR:-target}/release" && pwd):$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

shard() { echo "tcp://$1.moray.demo.example.com:2020"; }

# Says what is done, shows the command, runs it, says how long it took.
show() {
    local start end
    printf '\n%s\n  $ %s\n' "$1" "${*:2}"
    start=$(date +%s%N)
    "${@:2}" >out 2>&1 || { cat out; exit 1; }
    end=$(date +%s%N)
    # Some print a line for every vnode.
    if (($(wc -l <out) > 12)); then
        printf '  %s\n' "$(head -n 3 out | paste -sd ' ')" "... and so on: $(wc -l <out) lines"
    else
        sed 's/^/  /' out
    fi
    printf '  (%d ms)\n' $(((end - start) / 1000000))
}

echo "A ring says which database shard holds which object's metadata: every key hashes to one of a million vnodes, and"
echo "every vnode lies on one shard. Splitting a full shard means giving some of its vnodes to a new one."

show "1. Create the ring of a region with two shards, a million vnodes dealt out evenly." \
    fash create -v 1000000 -p "$(shard 1),$(shard 2)" -b leveldb -l ring
show "2. What is in it." \
    fash stats -b leveldb -l ring
show "3. Which shard holds the metadata of /yunong/stor?" \
    fash get-node -b leveldb -l ring /yunong/stor

show "4. Shard 1 is full: give half of its vnodes to a new shard 3, all in one step." \
    fash split -b leveldb -l ring --from "$(shard 1)" --to "$(shard 3)" --every 2 --apply
show "5. Shard 2 was not touched; half of shard 1 moved." \
    fash stats -b leveldb -l ring
show "6. Check every one of the two million entries of the ring against the others." \
    fash audit -l ring
show "7. Pack the ring as the image that the routers fetch." \
    fash pack ring ring.tgz
show "8. Unpack it, as a router does, and check it again." \
    fash unpack ring.tgz installed
show "   The unpacked ring differs from the one that was packed by nothing:" \
    fash diff -b leveldb ring installed

echo
echo "The ring went from two shards to three. Rings and images are those of node-fash: routers need no change."

#!/bin/bash
# The tests that meet a server, on other versions than Debian's: those of manatee-client, those of guard and cutover (not in
# continuous integration, where they would take minutes more), and the demo, which splits a shard under load with a crash in the
# middle and checks what became of every write.
#   usage: test-versions.sh [POSTGRESQL/ZOOKEEPER...]      e.g. 12/3.4.6; "debian" stands for Debian's own
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
versions=$PWD/target/versions
(($#)) || set -- 10/debian 12/3.4.6 17/debian
tests='package(triton-manatee)'
[[ -n ${CI:-} ]] || tests+=' | (package(triton-reshard) & test(/^(guard|cutover)::/))'

# PostgreSQL does not run as root, and whom it runs as has to get to it.
if ((EUID == 0)) && ! setpriv --reuid postgres --regid postgres --clear-groups test -x "$versions/postgresql/12/bin/postgres"; then
    copy=$(mktemp -d -p /var/tmp reshard-versions.XXXXXX)
    trap 'rm -rf "$copy"' EXIT
    chmod 755 "$copy"
    cp -a "$versions/." "$copy"
    versions=$copy
fi

on() {
    local postgresql=${1%/*} zookeeper=${1#*/} start=$SECONDS variables=()
    [[ $postgresql == debian ]] || variables+=("RESHARD_POSTGRESQL=$versions/postgresql/$postgresql")
    [[ $zookeeper == debian ]] || variables+=("RESHARD_ZOOKEEPER=$versions/zookeeper/$zookeeper")
    env "${variables[@]}" cargo nextest run --workspace --locked --profile "${NEXTEST_PROFILE:-ci}" -E "$tests"
    env "${variables[@]}" scripts/demo.sh
    echo "ok     PostgreSQL $postgresql and ZooKeeper $zookeeper ($((SECONDS - start)) s)"
}

for pair; do on "$pair"; done

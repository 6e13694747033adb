#!/bin/bash
# Runs the commands of docs/rehearsal.md in a lab that it starts, block by block, and checks what each of them did.
#   usage: rehearsal.sh        RESHARD names the command; without it, it is built. VERBOSE=1 prints what the blocks print.
#
# A block of the page begins with ```sh and where it runs: here, or in the zone of that role.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=$PWD/docs/rehearsal.md

source scripts/lab.sh
mkdir "$work/bin"
ln -s "$RESHARD" "$work/bin/reshard"
PATH=$work/bin:$PATH

# With what the last block printed.
wrong() {
    if [[ -s $work/out ]]; then sed 's/^/  /' "$work/out" >&2; fi
    fail "$@"
}

# The blocks, as files block-1 and so on; places has a line for each.
awk -v work="$work" '
    /^```sh / { number++; inside = 1; print $2 >(work "/places"); next }
    /^```/ { inside = 0 }
    inside { print >(work "/block-" number) }
' "$page"
mapfile -t places <"$work/places"
next=0
declare -A zones=([manta]=manta [webapi]=webapi [nameservice]=nameservice)

# Runs the block again that was last. Its exit code is the block's, what it prints is in the file out.
again() {
    local place=${places[next - 1]} block=$work/block-$next code=0
    case $place in
        here) bash "$block" >"$work/out" 2>&1 </dev/null || code=$? ;;
        *) reshard lab exec "${zones[$place]}" <"$block" >"$work/out" 2>&1 || code=$? ;;
    esac
    return "$code"
}

# Runs the next block, which has to be one for this place.
block() {
    [[ ${places[next]:-none} == "$1" ]] || wrong "block $((next + 1)) of $page is for ${places[next]:-nothing}, not $1"
    next=$((next + 1))
    local code=0
    again || code=$?
    if [[ -n ${VERBOSE:-} ]]; then printf -- '--- block %d, %s\n%s\n' "$next" "$1" "$(<"$work/out")"; fi
    return "$code"
}

# What the last block printed has so many lines like this.
has() {
    local count
    count=$(grep -cE -- "$2" "$work/out" || true)
    [[ $count == "$1" ]] || wrong "block $next printed $count lines like '$2' and not $1:"
}

# Repeats the last block until it prints so many lines like this; at most for a minute.
until_it_has() {
    local deadline=$((SECONDS + 60))
    until [[ $(grep -cE -- "$2" "$work/out" || true) == "$1" ]]; do
        ((SECONDS < deadline)) || has "$1" "$2"
        sleep 0.3
        again || true
    done
    if [[ -n ${VERBOSE:-} ]]; then printf -- '--- block %d in the end\n%s\n' "$next" "$(<"$work/out")"; fi
}

step() {
    printf 'ok %4d s  %s\n' "$SECONDS" "$*"
}

[[ ${places[0]} == terminal ]] || fail "$page does not begin with the block that starts the lab"
next=1
start_lab bash -c "exec $(<"$work/block-1")"
if [[ -n ${VERBOSE:-} ]]; then printf -- '--- block 1\n%s\n' "$(<"$work/lab")"; fi
zones[postgres]=$(sed -nE 's/^shard 1 +[^:]*: ([0-9.]+),.*/\1/p' "$work/lab")
block here
has 13 ' running '
block here
has 1 '^[0-9a-f-]{36}$'
block postgres
has 1 '^primary +[0-9a-f]{8} ok +sync '
has 1 '^async '
zones[primary]=$(awk '$1 == "primary" { print $2 }' "$work/out")
zones[async]=$(awk '$1 == "async" { print $2; exit }' "$work/out")
step "the lab is up"

block primary
has 1 '^ _vnode \| count $'
(($(grep -cE '^ +[0-9]+ \| +[0-9]+$' "$work/out") > 500)) || wrong "step 1: there are few vnodes:"
step "step 1: the sizes of vnodes"

block webapi
has 2 '"vnode": [0-9]+,'
has 1 '"type": "directory"'
has 1 '"type": "object"'
# Both are where mlocate says.
while read -r shard vnode name; do
    rows=$(reshard lab psql "$shard" -Atc "select count(*) from manta where _vnode = $vnode and name = '$name'")
    [[ $rows == 1 ]] || wrong "step 2: $shard has $rows rows $name in vnode $vnode:"
done < <(awk -F '"' '$2 == "name" { name = $4 }
    $2 == "pnode" { shard = $4; gsub("tcp://|:2020", "", shard) }
    $2 == "vnode" { gsub("[^0-9]", "", $3); print shard, $3, name }' "$work/out")
step "step 2: a canary"

block manta
has 2 '^Index +[12]\.moray\.'
block manta
has 6 'provision shard 1 on cn'
has 3 '^provisioned postgres [0-9a-f-]{36}$'
block primary
until_it_has 5 '^(primary|sync|async) +[0-9a-f]{8} ok +(sync|async) '
has 4 '^async +[0-9a-f]{8} ok '
has 0 '^(warning|error)'
block primary
has 3 '^primary '
has 12 '^async +[0-9a-f]{8} ok '
streaming=$(reshard lab exec "${zones[primary]}" -- psql -Atc "select count(*) from pg_stat_replication")
[[ $streaming == 1 ]] || wrong "step 3: the primary has $streaming standbys and not 1: replication is a chain"
step "step 3: three more peers, replicating"

dump='/bin/bash /opt/smartdc/manatee/pg_dump/pg_dump\.sh'
block async
block nameservice
has 1 '^reshard-shard-1$'
step "step 5: the lock"
block manta
# Not counting what it started: those are shown further to the right.
has 1 "^[0-9]+ +$dump"
block async && wrong "step 6: a dump started while the lock was there:"
has 1 'fatal: lock exists'
block manta
until_it_has 0 "$dump"
step "step 6: the dump ended, and no other started"

block nameservice && wrong "step 11: the lock is still there:"
has 1 '^Node does not exist: /pg_dump_lock'
block async || wrong "step 11: the dump failed:"
has 1 ' dumped [0-9]+ bytes'
step "step 11: dumps again"

block here
[[ $next == "${#places[@]}" ]] || fail "$page has ${#places[@]} blocks, of which $next were run"
lab_has_ended
step "the lab is down"

#!/bin/bash
# Runs the commands of docs/rehearsal.md in a lab that it starts, block by block, and checks what each of them did.
#   usage: rehearsal.sh        RESHARD names the command, with reshard-lab and fash beside it; without it, they are built.
#                              VERBOSE=1 prints what the blocks print.
#
# A block of the page begins with ```sh and where it runs: here, in a terminal of its own, or in the zone of that role.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
page=$PWD/docs/rehearsal.md

if [[ -z ${RESHARD:-} ]]; then
    # With the features that the tests need, as in lab.sh. One step needs fash in a zone.
    cargo build --locked --quiet --workspace --bin reshard --bin reshard-lab --bin fash --example build_ring
    RESHARD=${CARGO_TARGET_DIR:-target}/debug/reshard
fi
source scripts/lab.sh
mkdir "$work/bin"
ln -s "$RESHARD" "$work/bin/reshard"
PATH=$work/bin:$PATH
# Where the blocks are, and what variables they have set.
mkdir "$work/here"
touch "$work/variables"
# shellcheck disable=SC2016
here='cd "$1/here"; set -a; source "$1/variables"; source "$2"; code=$?; export -p >"$1/variables"; exit $code'

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
        here) bash -c "$here" - "$work" "$block" >"$work/out" 2>&1 </dev/null || code=$? ;;
        *) reshard lab exec "${zones[$place]}" <"$block" >"$work/out" 2>&1 || code=$? ;;
    esac
    return "$code"
}

# Runs the next block, which has to be one for this place. Its exit code is in the variable code.
run_block() {
    [[ ${places[next]:-none} == "$1" ]] || wrong "block $((next + 1)) of $page is for ${places[next]:-nothing}, not $1"
    next=$((next + 1))
    code=0
    again || code=$?
    if [[ -n ${VERBOSE:-} ]]; then printf -- '--- block %d, %s\n%s\n' "$next" "$1" "$(<"$work/out")"; fi
}

# A block that has to succeed, and one that has to fail.
block() {
    run_block "$1"
    ((code == 0)) || wrong "block $next of $page ended with $code:"
}

refused() {
    run_block "$1"
    ((code != 0)) || wrong "block $next of $page did what it must not do:"
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
refused async
has 1 'fatal: lock exists'
block manta
until_it_has 0 "$dump"
step "step 6: the dump ended, and no other started"

refused nameservice
has 1 '^Node does not exist: /pg_dump_lock'
block async
has 1 ' dumped [0-9]+ bytes'
step "step 11: dumps again"

# Part 2. A phase that a verb did.
did() {
    has 1 " $1: done after "
    has 0 '^HELD|^reshard: '
}

# The canary of the last block is at this shard, and its vnode's data are these.
canary_is_at() {
    has 1 "\"pnode\": \"tcp://$1\.moray\."
    has 1 "\"data\": $2\$"
}

[[ ${places[next]} == terminal ]] || fail "block $((next + 1)) of $page does not start the load"
next=$((next + 1))
start_load bash -c "cd '$work/here'; exec $(<"$work/block-$next")"
block here
has 0 ' failed '
zones[source]=$(sed -nE 's/^ shard-roles .* primary ([0-9.]+),.*/\1/p' "$work/out")
zones[router]=$(sed -nE 's/^routers +([0-9.]+):.*/\1/p' "$work/lab")
block here
has 1 '^ 2\.moray\.lab\.example\.net +8,192 +4,096 +[0-9,]+ +[0-9,]+$'
has 1 '^ 3\.moray\.lab\.example\.net +0 +4,096 +0 +[0-9,]+$'
[[ -s $work/here/split.plan ]] || wrong "part 2: there is no plan:"
plan=$(awk '$1 == "plan" { print $2; exit }' "$work/out")
too_early=$(reshard ring block "$work/here/split.plan" --yes 2>&1) && fail "part 2: a verb went before its time: $too_early"
block here
did preflight
did reserve-names
step "step 1: a plan, under load"

block here
did plant-canaries
has 4 'plant-canaries: create the canary'
block here
canary_is_at 2 1
step "step 2: canaries"

block here
did freeze-source
did lock-dumps
block nameservice
has 1 "^\{\"holders\":\[\{\"owner\":\"$plan\""
has 1 "^\{\"token\":[0-9]+,\"owner\":\"$plan\""
step "steps 5 and 6: no dumps"

block here
did provision-peers
did catch-up
zones[new]=$(sed -nE 's/.*provision-peers: make the zone ([0-9a-f-]+) .*/\1/p' "$work/out" | sed -n 1p)
block source
has 1 "^freeze info: reshard plan $plan"
until_it_has 6 '^(primary|sync|async) +[0-9a-f]{8} ok '
until_it_has 5 '^(primary|sync|async) +[0-9a-f]{8} ok +(sync|async) '
block here
did provision-morays
did reserve-ring
did build-rings
did stage-rings
block router
[[ $(paste -d ' ' - - <"$work/out" | sort | paste -sd ,) == '0 4096,4096 0,4096 4096' ]] ||
    wrong "step 3: the rings differ from the live one in other vnodes:"
block here
did recheck
has 1 '12 of 26 phases are done'
step "step 3: three more peers, a Moray, and the rings beside the live ones"

block here
did block-writes
refused here
canary_is_at 2 '"ro"'
has 1 'ReadOnlyError'
step "step 4: the moving vnodes are read-only"

block here
did drain
block source
until_it_has 6 '^(primary|sync|async) +[0-9a-f]{8} ok '
block here
did split-shard
block new
has 1 '^cluster: +3\.moray\.'
until_it_has 1 '^primary +[0-9a-f]{8} ok +sync '
block here
did list-shard
block manta
has 1 '^Index +3\.moray\.'
step "step 7: a new shard"

block here
did hand-over-reads
did publish-ring
did install-ring
block router
has 1 '"tcp://3\.moray\.'
image=$(grep -xE '[0-9a-f-]{36}' "$work/out")
block manta
has 1 "^$image\$"
step "step 8: the new ring"

block here
did verify-routing
has 1 'note: 8 routers named the owners of 4 canaries '
canary_is_at 3 1
block here
did release-ring
did tidy-metadata
block manta
has 3 '^postgres +2 '
has 3 '^postgres +3 '
step "step 9: the canary is at the new shard"

block here
did unlock-dumps
refused nameservice
has 1 '^Node does not exist: /pg_dump_lock'
step "step 11: dumps again"

block here
did delete-ghosts
has 6 'has no ghost rows in '
mapfile -t counts < <(grep -xE '[0-9]+' "$work/out")
((${#counts[@]} == 4 && counts[2] < counts[0] * 3 / 4 && counts[3] < counts[1] * 3 / 4)) || wrong "step 12: the shards have not half of their rows:"
block here
did unfreeze
did remove-canaries
has 1 '^The plan is done\.'
step "step 12: each shard has its own rows"

stop_load >"$work/loaded"
if [[ -n ${VERBOSE:-} ]]; then cat "$work/loaded"; fi
block here
has 1 '^every acknowledged write is where it must be$'
has 1 '^  ok +lost objects +0$'
has 0 '^ghost rows +[1-9]'
clients=$(sed -nE 's/^ +write block +//p' "$work/out")
[[ $clients == longest*median* ]] || wrong "clients saw no write block:"
block here
has 1 ': done\.$'
has 26 '^\| [a-z-]+ \| done \|'
took=$(sed -nE 's/^\| writes to the moving vnodes refused \| [^|]* \| (.*) \|/\1/p' "$work/out")
[[ $took == *[0-9]' s' ]] || wrong "the report has no write block:"
step "nothing was lost; write block by the journal $took, by the clients $clients"
block here
has 0 ' failed '
step "the new shard is well"

block here
[[ $next == "${#places[@]}" ]] || fail "$page has ${#places[@]} blocks, of which $next were run"
lab_has_ended
step "the lab is down"

#!/bin/bash
# The main job in a lab: a shard is split in two under load, with a crash in the middle, and nothing is lost.
#   usage: demo.sh [REPORT]       REPORT is where the report goes besides the terminal
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
report=${1:-}
if [[ -z ${RESHARD:-} ]]; then
    cargo build --locked --quiet --package reshard-cli
    RESHARD=${CARGO_TARGET_DIR:-target}/debug/reshard
fi
RESHARD=$(realpath "$RESHARD")

work=$(mktemp -d)
lab='' load='' run=''
finish() {
    local code=$?
    trap - EXIT INT TERM
    for process in $run $load $lab; do
        if kill -TERM "$process" 2>/dev/null; then wait "$process" 2>/dev/null || true; fi
    done
    if ((code != 0)) && [[ -s $work/run ]]; then tail -n 5 "$work/run" >&2; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n%4d s  %s\n' "$SECONDS" "$*"; }
fail() {
    printf 'FAILED %s\n' "$*" >&2
    exit 1
}
# Waits until a command succeeds: wait_for SECONDS WHAT COMMAND...
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || fail "$what: it did not happen in time"
        sleep 0.2
    done
}

say "A region starts: two shards of three PostgreSQL peers, ZooKeeper, two zones of four routers, Triton's services."
"$RESHARD" lab up >"$work/lab" 2>"$work/lab.err" </dev/null &
lab=$!
is_up() {
    kill -0 "$lab" 2>/dev/null || { cat "$work/lab.err" >&2; fail "the lab did not start"; }
    grep -q '^The lab runs' "$work/lab.err"
}
wait_for 120 "the lab" is_up
RESHARD_LAB=$(sed -nE 's|^SAPI +http://127\.77\.([0-9]+)\..*|\1|p' "$work/lab")
RESHARD_CONFIG=$(sed -nE 's/^configuration +//p' "$work/lab")
export RESHARD_LAB RESHARD_CONFIG
directory=$(sed -nE 's/^lab +//p' "$work/lab")
"$RESHARD" lab status | head -n 8

say "Clients write 500 times a second, and read as often."
"$RESHARD" lab load --log "$work/load.log" --writes 500 --reads 500 >"$work/load" 2>&1 </dev/null &
load=$!

say "A plan: half of the vnodes of shard 2 for a new shard 3. Nothing is changed yet."
"$RESHARD" plan new 2.moray.lab.example.net "$work/split.plan" --by rows >"$work/plan"
grep -vE '^[* ] (provision|delete)' "$work/plan" | cut -c1-118

say "It is carried out, and killed in the middle."
"$RESHARD" run --yes "$work/split.plan" >"$work/run" 2>&1 </dev/null &
run=$!
in_the_middle() {
    kill -0 "$run" 2>/dev/null || fail "the plan stopped early"
    grep -q 'provision-morays: ' "$work/run"
}
wait_for 240 "the new peers" in_the_middle
kill -KILL "$run"
wait "$run" 2>/dev/null || true
run=''
cut -c1-118 "$work/run"
say "Killed. 'reshard status' tells how far it was:"
"$RESHARD" status "$work/split.plan" | cut -c1-118

say "'reshard resume' goes on."
"$RESHARD" resume --yes "$work/split.plan" 2>&1 </dev/null | tee "$work/run" | cut -c1-118

say "The clients stop, and the checker proves from their log what became of every write."
kill -INT "$load"
wait "$load" || fail "the load ended badly: $(<"$work/load")"
load=''
cat "$work/load"
"$RESHARD" lab check --cleaned "$work/load.log"

say "The report."
"$RESHARD" report "$work/split.plan" | tee "${report:-$work/report}"

"$RESHARD" lab down
wait "$lab" || fail "the lab ended with $?"
lab=''
[[ ! -e $directory ]] || fail "the lab left $directory behind"
say "Done: the shard is two, every acknowledged write is where it belongs, and nothing of the lab is left."

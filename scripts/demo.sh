#!/bin/bash
# The main job in a lab: a shard is split in two under load, with a crash in the middle; it is rolled back behind the cutover, and split
# again, and nothing is lost. Then it is split once more as RFD 103 says, to compare.
#   usage: demo.sh [REPORT]       REPORT is where the report of the first goes besides the terminal
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
report=${1:-}
source scripts/lab.sh

say() { printf '\n%4d s  %s\n' "$SECONDS" "$*"; }

say "A region starts: two shards of three PostgreSQL peers, ZooKeeper, two zones of four routers, Triton's services."
start_lab
"$RESHARD" lab status | head -n 8

say "Clients write 500 times a second, and read as often."
start_load 500 500

say "A guarded plan: half of the vnodes of shard 2 for a new shard 3. Nothing is changed yet."
# Predicted by what steps took in labs before; the budget is for machines that have much else to do.
plan_a_split() { "$RESHARD" plan new 2 "$1" --by rows --costs scripts/lab-costs.json --budget 4 >"$work/plan"; }
plan=$work/split.plan
plan_a_split "$plan"
# What is done for each server or vnode is left out, with the lines that it goes on in.
awk '/^[* ] (provision|delete)/ { skip = 1; next } /^[* ] [a-z-]+ |^[^ ]|^$/ { skip = 0 } !skip' "$work/plan"

say "It is carried out, and killed in the middle."
"$RESHARD" run --yes "$plan" >"$work/run" 2>&1 </dev/null &
run=$!
children=("$run" "${children[@]}")
in_the_middle() {
    kill -0 "$run" 2>/dev/null || fail "the plan stopped early"
    grep -q 'provision-morays: ' "$work/run"
}
wait_for 240 "the new peers" in_the_middle
kill -KILL "$run"
wait "$run" 2>/dev/null || true
children=("${children[@]:1}")
cut -c1-118 "$work/run"
say "Killed. 'reshard status' tells how far it was:"
"$RESHARD" status "$plan"

go_on() { "$RESHARD" "$@" --yes 2>&1 </dev/null | tee "$work/run" | cut -c1-118; }

go_back_and_begin_again() {
    say "'reshard resume' goes on to where the vnodes are at the new shard, and can still come back."
    go_on resume "$plan" --hold-at moved || (($? == 4))
    "$RESHARD" report "$plan" | grep 'requests for the moving vnodes waited'

    say "'reshard rollback' is another cutover, and takes everything back; what was written at the new shard comes along."
    go_on rollback "$plan"

    say "Again: another plan, carried out to its end."
    plan=$work/again.plan
    plan_a_split "$plan"
    go_on run "$plan"
}
# In continuous integration, where the tests do it on their own, it would only take time.
if [[ -z ${CI:-} ]]; then
    go_back_and_begin_again
else
    say "'reshard resume' goes on."
    go_on resume "$plan"
fi

say "The clients stop, and the checker proves from their log what became of every write."
stop_load_and_check --cleaned >"$work/guarded.check" || { cat "$work/guarded.check" && exit 1; }
cat "$work/guarded.check"

say "The report."
"$RESHARD" report "$plan" | tee "${report:-$work/report}"

compare_with_rfd103() {
    say "The same as RFD 103 says: a quarter for a new shard 4, under load again."
    rm "$work/load.log"
    start_load 500 500
    "$RESHARD" plan new 2 "$work/rfd103.plan" --mode rfd103 --by rows --costs scripts/lab-costs.json --budget 120 >"$work/plan"
    "$RESHARD" run --yes "$work/rfd103.plan" >"$work/run" 2>&1 </dev/null
    stop_load_and_check --cleaned >"$work/check"
    measured() { "$RESHARD" report "$1" | sed -nE "s/^\\| $2 \\| [^|]* \\| ([^|]*) \\|$/\\1/p"; }
    failed() { sed -nE 's/^moved vnodes: writes +//p' "$1"; }
    printf '\nguarded: requests for the moving vnodes waited for %s; writes of them, routers restarting included: %s\n' \
        "$(measured "$plan" 'requests for the moving vnodes waited')" "$(failed "$work/guarded.check")"
    printf 'rfd103:  writes to the moving vnodes were refused for %s; writes of them: %s\n' \
        "$(measured "$work/rfd103.plan" 'writes to the moving vnodes refused')" "$(failed "$work/check")"
}
# In continuous integration, where the rehearsal does it beside this, it would only take time.
if [[ -z ${CI:-} ]]; then compare_with_rfd103; fi

stop_lab
say "Done: the shard is split, every acknowledged write is where it belongs, and nothing of the lab is left."

#!/bin/bash
# A plan whose executor is killed in each phase once: it gets to its end all the same, and nothing is lost.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/lab.sh

start_lab
start_load 100 100
plan=$work/split.plan
"$RESHARD" plan new 2.moray.lab.example.net "$plan" --budget 300 >"$work/plan"

# Runs the plan until it begins the phase, and kills it then.
kill_in() {
    local out run line
    exec {out}< <(exec "$RESHARD" resume --yes "$plan" 2>&1 </dev/null)
    run=$!
    while read -r -u "$out" line; do
        echo "$line" >>"$work/run"
        if [[ $line == *" $1: "* ]]; then
            kill -KILL "$run"
            exec {out}<&-
            return 0
        fi
    done
    exec {out}<&-
    return 1
}

count=0
for phase in $("$RESHARD" phases -o json | grep -oE '"name":"[a-z-]+"' | cut -d '"' -f 4); do
    kill_in "$phase" || fail "$phase did not begin"
    count=$((count + 1))
    printf 'ok %4d s  killed in %s\n' "$SECONDS" "$phase"
done
((count > 20)) || fail "there are only $count phases"
"$RESHARD" resume --yes "$plan" >>"$work/run" 2>&1 </dev/null || fail "the plan did not get to its end"
stop_load_and_check --cleaned
"$RESHARD" report "$plan" | grep -E '^\| (writes|[a-z-]+ \| done)'
stop_lab
printf 'ok %4d s  killed in each of %d phases, and nothing was lost\n' "$SECONDS" "$count"

# To be sourced by scripts that need a lab: start_lab, stop_lab, wait_for, fail, and RESHARD, the command. reshard-lab is beside it.
# shellcheck shell=bash

if [[ -z ${RESHARD:-} ]]; then
    # Cargo tells a terminal how far it is; anybody else should at least know what takes so long.
    progress=(--quiet)
    if [[ -t 2 ]]; then progress=(); fi
    echo "building the programs, which takes some minutes the first time" >&2
    # Of the whole workspace and with an example, the smallest: only so has every dependency the features that the tests need, and
    # is not built once more for them.
    cargo build --locked "${progress[@]}" --workspace --bin reshard --bin reshard-lab --example build_ring
    RESHARD=${CARGO_TARGET_DIR:-target}/debug/reshard
fi
RESHARD=$(realpath "$RESHARD")
work=$(mktemp -d)
# Processes that end with the script.
children=()

finish() {
    local code=$? child
    trap - EXIT INT TERM
    for child in "${children[@]}"; do
        if kill -TERM "$child" 2>/dev/null; then wait "$child" 2>/dev/null || true; fi
    done
    if ((code != 0)) && [[ -s $work/run ]]; then tail -n 5 "$work/run" >&2; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

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

lab_is_up() {
    kill -0 "$lab" 2>/dev/null || fail "the lab did not start: $(<"$work/lab.err")"
    grep -q '^The lab runs' "$work/lab.err"
}

# Starts a lab; from then on the commands mean this one. Without arguments: `reshard lab up`.
start_lab() {
    (($#)) || set -- "$RESHARD" lab up
    "$@" >"$work/lab" 2>"$work/lab.err" </dev/null &
    lab=$!
    # The loads first, then the lab.
    children+=("$lab")
    wait_for 120 "the lab" lab_is_up
    RESHARD_LAB=$(sed -nE 's|^SAPI +http://127\.77\.([0-9]+)\..*|\1|p' "$work/lab")
    RESHARD_CONFIG=$(sed -nE 's/^configuration +//p' "$work/lab")
    export RESHARD_LAB RESHARD_CONFIG
    directory=$(sed -nE 's/^lab +//p' "$work/lab")
}

# Stops the lab, and looks that nothing is left of it.
stop_lab() {
    "$RESHARD" lab down
    lab_has_ended
}

lab_has_ended() {
    wait "$lab" || fail "the lab ended with $?"
    [[ ! -e $directory ]] || fail "the lab left $directory behind"
}

# Puts the clients' load on the lab: start_load WRITES READS, or a command.
start_load() {
    [[ $1 != [0-9]* ]] || set -- "$RESHARD" lab load --log "$work/load.log" --writes "$1" --reads "$2"
    "$@" >"$work/load" 2>&1 </dev/null &
    load=$!
    children=("$load" "${children[@]}")
}

stop_load() {
    kill -INT "$load"
    wait "$load" || fail "the load ended badly: $(<"$work/load")"
    cat "$work/load"
}

# Ends the load, and proves from its log what became of every write.
stop_load_and_check() {
    stop_load
    "$RESHARD" lab check "$@" "$work/load.log"
}

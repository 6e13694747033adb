#!/usr/bin/env python3
"""Finds places in the phases and in the executor that leave the ports: that open a connection of their own, read the machine's
clocks, or make a UUID that cannot be foreseen. They ask the deployment, the context and its clock, which a simulation can replace.

usage: check-ports.py

Fails with the file and line of each that ALLOWED does not list.
"""

import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "reshard-core/src"
PARTS = ["phase", "phases", "executor"]

FORBIDDEN = [
    (r"\bDatabase::connect\b", "context.deployment().databases()"),
    (r"\btokio_postgres::", "context.deployment().databases()"),
    (r"\bPostgres::new\b|\.postgres\(", "context.deployment().databases()"),
    (r"(?<!\.)\brunning_dump\(|\bClusterView::load\b", "context.deployment().databases()"),
    (r"\bmoray_client::(?:Client\b|\{[^;]*\bClient\b)|\bClient::new\(", "context.deployment().objects()"),
    (r"\bTcpStream\b|\b(?:tokio|std)::net\b|\btokio::\{[^;]*\bnet\b", "context.deployment()"),
    (r"\btokio::time\b|\btokio::\{[^;]*\btime\b", "context.clock()"),
    (r"\bTimestamp::now\b|\bSystemClock\b|\bInstant::now\b|\bSystemTime\b", "context.clock()"),
    (r"\bUuid::new_v4\b|\bPlanUuid::random\b", "the plan's UUIDs"),
]
# Places that may: file, text of the line without comments.
ALLOWED = {
    # An executor that was given no clock goes by the machine's.
    ("executor/mod.rs", "use crate::clock::{Clock, SystemClock};"),
    ("executor/mod.rs", "clock: Arc::new(SystemClock),"),
}


def sources():
    """What check-cycles.py reads: each file that is no test, with its text without comments, strings and tests."""
    spec = importlib.util.spec_from_file_location("check_cycles", ROOT / "scripts/check-cycles.py")
    cycles = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(cycles)
    return [(path, text) for path, module, text in cycles.sources(SRC) if module and module[0] in PARTS]


def main():
    found, allowed = [], set()
    files = sources()
    for path, text in files:
        name = str(path.relative_to(SRC))
        lines = text.split("\n")
        for pattern, instead in FORBIDDEN:
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                place = (name, lines[line - 1].strip())
                if place in ALLOWED and place not in allowed:
                    allowed.add(place)
                else:
                    found.append((path.relative_to(ROOT), line, match.group().split("\n")[0], instead))
    for path, line, what, instead in sorted(found):
        print(f"{path}:{line}: {what} leaves the ports: ask {instead}", file=sys.stderr)
    for name, line in sorted(ALLOWED - allowed):
        print(f"{name}: no longer has {line!r}: take it out of ALLOWED", file=sys.stderr)
    if not files:
        print("check-ports.py finds no phases: it looks in the wrong place", file=sys.stderr)
    sys.exit(bool(found or ALLOWED - allowed or not files))


if __name__ == "__main__":
    main()

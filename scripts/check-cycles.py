#!/usr/bin/env python3
"""Finds circles between the top-level modules of each crate, from the paths in their sources that are no tests.

usage: check-cycles.py

Fails on a circle that KNOWN does not list, and on one that it lists and that has lost a module or is gone.
"""

import re
import sys
import tomllib
from pathlib import Path

# Circles that are still there: crate, and for each circle the modules that reach each other. Lines are only ever taken away.
KNOWN = {
    "fash": [{"image", "store"}],
}

ROOT = Path(__file__).resolve().parent.parent

# Comments, strings and characters, which hold no paths. Raw strings first; a lifetime is no character.
NOISE = re.compile(
    r'''//[^\n]*|/\*.*?\*/|\bb?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\(?:u\{[^}]*\}|.[^']*)|[^\\'])\'''', re.S)
TEST = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]")
MODULE_FILE = re.compile(r"\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;")
# A path from the root of the crate or from a module above, up to its first name or its group of names.
PATH = re.compile(r"(?<![\w:])(\$?crate|self|super)((?:\s*::\s*super)*)\s*::\s*(\{|\w+|\*)")


def blanked(text):
    """The same text with its lines, without comments and strings."""
    return NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def item_end(text, at):
    """Where the item ends that begins there."""
    depth = 0
    while at < len(text):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if depth == 0 and text[at] == "}":
                return at + 1
        elif text[at] == ";" and depth == 0:
            return at + 1
        at += 1
    return at


def without_tests(text):
    """The text without items for tests only, and the names of modules in files that are such."""
    files = set()
    while found := TEST.search(text):
        if module := MODULE_FILE.match(text, found.end()):
            files.add(module.group(1))
        end = item_end(text, found.end())
        text = text[:found.start()] + re.sub(r"[^\n]", " ", text[found.start():end]) + text[end:]
    return text, files


def first_names(text, at):
    """The first names of the paths in the group that begins there, with their places."""
    depth, expects = 0, False
    while at < len(text):
        if text[at] == "{":
            depth += 1
            expects = depth == 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return
        elif text[at] == ",":
            expects = depth == 1
        elif expects and (name := re.match(r"\w+", text[at:])):
            yield name.group(), at
            at += len(name.group()) - 1
            expects = False
        at += 1


def sources(src):
    """Each file that is no test: its path, the path of its module, its text."""
    tests = set()
    found = []
    for path in sorted(src.rglob("*.rs")):
        parts = path.relative_to(src).with_suffix("").parts
        if parts[0] in ("bin", "main"):
            continue
        module = () if parts == ("lib",) else parts[:-1] if parts[-1] == "mod" else parts
        text, files = without_tests(blanked(path.read_text()))
        tests |= {(*module, name) for name in files}
        found.append((path, module, text))
    return [one for one in found if not any(one[1][:len(test)] == test for test in tests)]


def root_names(text):
    """Names that lib.rs takes from its modules, by name the module."""
    names = {}
    for use in re.finditer(r"\buse\s+(?:self::|crate::)?(\w+)\s*::([^;]*);", text):
        for name in re.findall(r"\w+", use.group(2)):
            names.setdefault(name, use.group(1))
    return names


def graph(src):
    """By module the modules that it uses, with the first place where it does."""
    files = sources(src)
    modules = {module[0] for _, module, _ in files if module}
    names = next((root_names(text) for _, module, text in files if not module), {})
    edges = {module: {} for module in sorted(modules)}
    for path, module, text in files:
        if not module:
            continue
        for found in PATH.finditer(text):
            above = found.group(2).count("super") + (found.group(1) == "super")
            base = () if found.group(1).endswith("crate") else module[:len(module) - above]
            if base and (found.group(1) == "self" or above <= len(module)):
                continue
            ours = first_names(text, found.start(3)) if found.group(3) == "{" else [(found.group(3), found.start())]
            for name, at in ours:
                to = name if name in modules else names.get(name)
                if to in modules and to != module[0]:
                    place = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, at) + 1}"
                    edges[module[0]].setdefault(to, place)
    return edges


def reachable(edges, begin):
    seen, todo = set(), [begin]
    while todo:
        for to in edges[todo.pop()]:
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def circles(edges):
    """The sets of modules that reach each other."""
    reach = {module: reachable(edges, module) for module in edges}
    found = {frozenset(to for to in reach[module] if module in reach[to]) for module in edges if module in reach[module]}
    return sorted(found, key=sorted)


def shortest(edges, circle):
    """The shortest way round in a circle: lines that say who uses whom, and where."""
    best = None
    for begin in sorted(circle):
        ways = [[begin]]
        seen = {begin}
        while ways and (best is None or len(ways[0]) < len(best)):
            way = ways.pop(0)
            for to in sorted(edges[way[-1]]):
                if to == begin:
                    best = [*way, begin]
                    ways = []
                    break
                if to not in seen:
                    seen.add(to)
                    ways.append([*way, to])
    return [f"  {one} uses {other}: {edges[one][other]}" for one, other in zip(best, best[1:])]


def main():
    failed = False
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    for crate in members:
        src = ROOT / crate / "src"
        edges = graph(src) if src.is_dir() else {}
        known = {frozenset(circle) for circle in KNOWN.get(crate, [])}
        found = set(circles(edges))
        for circle in sorted(found - known, key=sorted):
            failed = True
            print(f"{crate}: a circle of {len(circle)} modules: {', '.join(sorted(circle))}; one way round is", file=sys.stderr)
            print("\n".join(shortest(edges, circle)), file=sys.stderr)
        for circle in sorted(known - found, key=sorted):
            failed = True
            names = ", ".join(sorted(circle))
            print(f"{crate}: the circle of {names} is no longer so: take it out of KNOWN, or what has left it", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()

#!/bin/bash
# Limits that are only passed unnoticed: packages in Cargo.lock, lines of a Rust file, circles of modules, doc lines that begin with
# a question word, commands in the texts of a library, connections and clocks in its phases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# TLS brings some 40 packages that only Windows, Apple and Android build.
max_packages=380
max_lines=400
failed=0

packages=$(grep -c '^\[\[package\]\]' Cargo.lock)
if ((packages > max_packages)); then
    echo "Cargo.lock has $packages packages, more than $max_packages: drop a dependency" >&2
    failed=1
fi
while IFS= read -r file; do
    lines=$(wc -l <"$file")
    if ((lines > max_lines)); then
        echo "$file has $lines lines, more than $max_lines: split it by idea" >&2
        failed=1
    fi
done < <(find . -name '*.rs' -not -path '*/target/*')
# A doc begins with the noun that it defines, or with a verb.
if grep -rnE '^\s*//[/!] ?(What|How|Whether|Who|Whose|Where|Which|Why|When)\b' . --include='*.rs' --exclude-dir=target >&2; then
    echo "these doc lines begin with a question word: begin them with a noun or a verb" >&2
    failed=1
fi
# The library names operations (hint.rs), and the command line says which commands they are.
if grep -rnE '`reshard( |$)' reshard-core/src --include='*.rs' --include='*.sh' | grep -vE '^[^:]*:[0-9]+:\s*(//|#)' >&2; then
    echo "these texts of reshard-core have commands in them: let them name an Operation" >&2
    failed=1
fi
scripts/check-cycles.py || failed=1
scripts/check-ports.py || failed=1
exit "$failed"

#!/usr/bin/env bash
# run_unit.sh BUILD... - runs every unit test and every fuzz target's seeds of these build folders, two at a time.
# Shows what the failing ones say; the last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# one PROGRAM: leaves "passed failed" in a file, and what it said if something failed.
one() {
    local program=$1 out passed failed status
    out=$2/$(echo "$program" | tr / _)
    timeout 180 "$program" >"$out.said" 2>&1
    status=$?
    passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\.*$/\1/p' "$out.said" | awk '{n += $1} END {print n + 0}')
    failed=$(sed -n 's/^\[  FAILED  \] [^0-9]*\([0-9]*\) test(s).*$/\1/p' "$out.said" | awk '{n += $1} END {print n + 0}')
    if grep -q 'seeds passed$' "$out.said" && [ "$status" = 0 ]; then passed=1; fi
    if [ "$status" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    if [ "$status" = 0 ] && [ "$passed" = 0 ] && ! grep -q 'SKIPPED' "$out.said"; then failed=1; fi
    echo "$passed $failed" >"$out.sum"
    if [ "$failed" != 0 ]; then
        echo "---- $program ended with $status"
        tail -n 60 "$out.said"
    fi
}
export -f one

for build in "$@"; do
    find "$build/tests" "$build/seeds" -type f -perm -u+x 2>/dev/null
done | sort | xargs -P 2 -I{} bash -c 'one "$1" "$2"' _ {} "$work"

cat "$work"/*.sum 2>/dev/null | awk '{p += $1; f += $2} END {printf "%d passed, %d failed\n", p, f; exit f > 0 || p == 0}'

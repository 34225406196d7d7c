#!/usr/bin/env bash
# run_all.sh - every test, plain and under sanitizers; at the end what failed in which part, and one sum in the last line.
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

# run NAME COMMAND...: runs it, shows what it says, adds up its "N passed, N failed".
run() {
    local name=$1 out line status
    shift
    echo "== $name"
    out=$(mktemp)
    "$@" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1)
    sed -n "s/^==== what failed/&: $name/; /^==== what failed/,\$ { /^[0-9]* passed, /d; p }" "$out" >>"$failures"
    rm -f "$out"
    if [ -z "$line" ]; then
        echo "$name: ended with status $status and without a result" | tee -a "$failures"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + $(echo "$line" | cut -d' ' -f1)))
    n=$(echo "$line" | cut -d' ' -f3)
    failed=$((failed + n))
    if [ "$status" != 0 ] && [ "$n" = 0 ]; then failed=$((failed + 1)); fi
}

run "unit tests and fuzz seeds, plain and under ASan+UBSan" tests/run_unit.py build build/san
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -E)
run "end to end" "${as_root[@]}" env GATEPOST_BUILD=build python3 tests/run_e2e.py
run "end to end, under ASan+UBSan" "${as_root[@]}" env GATEPOST_BUILD=build/san \
    ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 python3 tests/run_e2e.py

cat "$failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

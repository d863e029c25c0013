#!/bin/sh
# Closing lines of a test run, from the logs below the folder given: CUnit's own table, and one plain count.
dir=${1:-.}
find "$dir" -name '*.trs' -exec cat {} + 2>/dev/null | awk '
  /^:test-result: PASS|^:test-result: XFAIL/ { pass++ }
  /^:test-result: FAIL|^:test-result: ERROR|^:test-result: XPASS/ { fail++ }
  /^:test-result: SKIP/ { skip++ }
  END { printf "%d %d %d\n", pass, fail, skip }' > "$dir/.summary"
read -r pass fail skip < "$dir/.summary"; rm -f "$dir/.summary"
find "$dir" -name '*.log' -exec grep -h '^# cunit ' {} + 2>/dev/null | sed 's/[a-z_]*=//g' | awk '
  { s += $3; t += $4; tf += $5; a += $6; af += $7 }
  END {
    printf "\nRun Summary:    Type  Total    Ran Passed Failed Inactive\n"
    printf "              suites %6d %6d    n/a %6d        0\n", s, s, 0
    printf "               tests %6d %6d %6d %6d        0\n", t, t, t - tf, tf
    printf "             asserts %6d %6d %6d %6d      n/a\n\n", a, a, a - af, af }'
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" = 0 ] && [ "$pass" -gt 0 ]

#!/bin/sh
# run-tests.sh -- run C test programs and busted specs, and add them up.
#
#     run-tests.sh PROGRAM ... -- SPEC ...
#
# Either list may be empty, not both. A program, and a spec file, ends with
# its own count; one that dies before counting, or fails without having
# counted a failure, counts as one failure. The last line printed is the sum,
# 'N passed, N failed[, N skipped]'; the exit code is 0 only when something
# ran and nothing failed. What failed is told once more before it: a reader may
# see only the end.
#
# WRAP     a command put before each C program (valgrind, setarch).
# LUA_WRAP the same before Lua, for instance "env LD_PRELOAD=...".
# LIMIT    seconds that one program or spec file may take (1800).
# FILTER   busted: only the tests whose name matches this pattern.
# TOTALS   a file to which the sum is appended as "passed failed skipped".
set -u

dev=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

passed=0 failed=0 skipped=0 broken=

# Show what a command prints and keep it in $work/log; its exit code in $code.
# A plain pipe would lose the code: POSIX sh knows no pipefail.
run() {
  { timeout -k 10 "${LIMIT:-1800}" "$@" 2>&1; echo $? >"$work/code"; } |
    tee "$work/log"
  code=$(cat "$work/code")
}

# The same. gcc's leak checker itself may crash at the end, and takes the count
# with it: then once more, without it.
run_checked() {
  run "$@"
  if grep -q 'LeakSanitizer has encountered a fatal error' "$work/log"; then
    echo "-- the leak checker broke down: once more, without it"
    asan=${ASAN_OPTIONS:-}
    export ASAN_OPTIONS="$asan:detect_leaks=0"
    run "$@"
    ASAN_OPTIONS=$asan
  fi
}

# Add a count. A bad end without a counted failure is a failure as well, and
# so is an end without any count.
add() {  # what, passed, failed, skipped
  count=${3:-0}
  if [ "$count" -eq 0 ] && { [ "$code" -ne 0 ] || [ $# -eq 1 ]; }; then
    count=1
    broken="$broken
$1: $(bad_end)"
  fi
  passed=$((passed + ${2:-0}))
  failed=$((failed + count))
  [ "$count" -eq 0 ] || remember "$1"
  skipped=$((skipped + ${4:-0}))
}

# busted tells of failures after its count; what breaks off, at its end.
remember() {  # what
  { echo "-- $1"
    if [ -n "$(busted_count)" ]; then
      sed -n '/^\(Failure\|Error\) ->/,$p' "$work/log"
    else
      grep -v ' ok (' "$work/log" | tail -n 40
    fi
  } >>"$work/failures"
}

bad_end() {
  case $code in
    0) echo "ended without a count" ;;
    124) echo "out of time after ${LIMIT:-1800} s" ;;
    *) echo "ended with code $code" ;;
  esac
}

# "12 passed, 0 failed, 1 skipped" -> "12 0 1", the last such line of the log.
c_count() {
  sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*$/& 0 skipped/
    s/^\([0-9]*\) passed, \([0-9]*\) failed[^0-9]*\([0-9]*\) skipped.*$/\1 \2 \3/p' \
    "$work/log" | tail -n 1
}

# "3 successes / 0 failures / 1 error / 2 pending : 0.1 seconds" -> "3 1 2"
busted_count() {
  awk '/ success(es)? \/ .* pending :/ {
    gsub(/\033\[[0-9;]*m/, ""); found = $1 " " $4 + $7 " " $10
  } END { print found }' "$work/log"
}

while [ $# -gt 0 ] && [ "$1" != -- ]; do
  echo "== $(basename "$1")"
  # shellcheck disable=SC2086 # a command with its arguments
  run_checked ${WRAP:-} "$1"
  # shellcheck disable=SC2046 # three numbers, or nothing
  add "$1" $(c_count)
  shift
done
[ $# -eq 0 ] || shift

if [ $# -gt 0 ]; then
  # The full path: the dynamic linker takes no other.
  if ! { lua=$("$dev/lua.sh") && lua=$(command -v "$lua") &&
         busted=$(command -v busted); }; then
    echo "run-tests: no Lua 5.4 or no busted here" >&2
    exit 1
  fi
fi
for spec in "$@"; do
  echo "== $spec"
  # busted's own first line may name another Lua: run it with ours.
  # shellcheck disable=SC2086 # a command with its arguments
  run_checked ${LUA_WRAP:-} "$lua" "$busted" ${FILTER:+--filter="$FILTER"} \
    "$spec"
  # shellcheck disable=SC2046 # three numbers, or nothing
  add "$spec" $(busted_count)
done

[ "$failed" -eq 0 ] || { echo; cat "$work/failures"; }
[ -z "$broken" ] || printf '\nbroke off:%s\n' "$broken"
if [ $((passed + failed)) -eq 0 ]; then
  echo "no test ran"
  failed=1
fi
[ -z "${TOTALS:-}" ] || echo "$passed $failed $skipped" >>"$TOTALS"
echo
if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $failed failed, $skipped skipped"
else
  echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]

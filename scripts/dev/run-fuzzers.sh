#!/bin/sh
# run-fuzzers.sh -- run each libFuzzer program for some seconds.
#
#     run-fuzzers.sh SECONDS PROGRAM ...
#
# Inputs found stay in build/corpus/NAME, and are where the next run goes on;
# tests/fuzz/NAME/ holds the seeds and the inputs that once broke something.
# A crash leaves its input in build/corpus/ and fails the run.
set -eu
seconds=$1
shift
if [ $# -eq 0 ]; then
  echo "run-fuzzers: there is no fuzzer in tests/fuzz" >&2
  exit 1
fi
for program in "$@"; do
  name=$(basename "$program")
  corpus=build/corpus/$name
  mkdir -p "$corpus"
  set -- "$corpus"
  if [ -d "tests/fuzz/$name" ]; then set -- "$@" "tests/fuzz/$name"; fi
  echo "== $name, $seconds s"
  "$program" -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="build/corpus/$name-" "$@"
done
